/** Rows under a head. Figures are shown whole or not at all; columns leave in the order of their `rank`. */
import { clip, type Line, type Segment, seg } from './line.js';

export interface Column<Row> {
  title: string;
  /** Characters of the cell, the gap before it left out. */
  width: number;
  /** Figures end at the column's right edge. */
  isFigure?: boolean;
  /** 0 stays longest; the highest goes first where there is no room. */
  rank: number;
  /** A text, cut where it is too long; takes what room is left over. */
  grows?: boolean;
  cell(row: Row, width: number): Segment;
}

const GAP = 2;
const MARK = 2;

/** Head and rows of at most `columns` characters; the chosen row is marked by a sign, not by colour alone. */
export function tableLines<Row>(
  rows: readonly Row[],
  all: readonly Column<Row>[],
  columns: number,
  chosen: number | null = null,
): Line[] {
  const shown = fitting(all, columns - (chosen === null ? 0 : MARK) + GAP);
  const left = columns - (chosen === null ? 0 : MARK) + GAP - needed(shown);
  const growing = shown.find(({ grows }) => grows);
  const widths = shown.map((column) => column.width + (column === growing ? Math.max(0, left) : 0));
  const line = (cellOf: (column: Column<Row>, width: number) => Segment, mark: string): Line => {
    const cells = shown.map((column, at) => padded(cellOf(column, widths[at]!), widths[at]!, column, at));
    return clip([...(chosen === null ? [] : [seg(mark, 'accent')]), ...cells], columns);
  };
  return [
    line(({ title }) => seg(title, 'dim'), '  '),
    ...rows.map((row, at) => line((column, width) => column.cell(row, width), at === chosen ? '> ' : '  ')),
  ];
}

function fitting<Row>(all: readonly Column<Row>[], room: number): Column<Row>[] {
  let shown = [...all];
  while (shown.length > 1 && needed(shown) > room) {
    const last = Math.max(...shown.map(({ rank }) => rank));
    shown = shown.filter((column) => column.rank !== last);
  }
  return shown;
}

const needed = (columns: readonly { width: number }[]): number =>
  columns.reduce((sum, { width }) => sum + width + GAP, 0);

function padded({ text, tone }: Segment, width: number, column: { isFigure?: boolean }, at: number): Segment {
  const gap = at === 0 ? '' : ' '.repeat(GAP);
  const cut = text.slice(0, width);
  return seg(gap + (column.isFigure === true ? cut.padStart(width) : cut.padEnd(width)), tone);
}

/** The rows that fit into `room` lines with the chosen one among them, and where it is then. */
export function windowOf<Row>(
  rows: readonly Row[],
  chosen: number,
  room: number,
): { rows: Row[]; chosen: number; first: number } {
  const size = Math.max(1, room);
  const first = Math.max(0, Math.min(chosen - Math.floor(size / 2), rows.length - size));
  return { rows: rows.slice(first, first + size), chosen: chosen - first, first };
}

/** Words in lines of at most `columns`, the later ones indented. */
export function wrapText(text: string, columns: number, indent = 0): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > columns) {
    const space = rest.lastIndexOf(' ', columns);
    const at = space > indent ? space : columns;
    lines.push(rest.slice(0, at));
    rest = ' '.repeat(indent) + rest.slice(at).trimStart();
    if (rest.trim() === '' || columns <= indent) return lines;
  }
  return [...lines, rest];
}
