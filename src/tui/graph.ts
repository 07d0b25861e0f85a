/** A graph over time with both axes labelled. */
import { duration } from './format.js';
import { type Glyphs, type Line, seg } from './line.js';

export interface GraphOptions {
  columns: number;
  /** Lines of the plot; the axis below takes two more. */
  rows: number;
  glyphs: Glyphs;
  /** Label of a value on the upright axis. */
  label(value: number): string;
  /** Time between two values. */
  eachMs: number;
}

const LABEL = 9;

/** Newest value at the right edge; a column without a value stays empty. */
export function graphLines(values: readonly (number | null)[], options: GraphOptions): Line[] {
  const { columns, rows, glyphs, label, eachMs } = options;
  const plotted = stretch(values, Math.max(1, columns - LABEL - 2));
  const width = plotted.length;
  const known = plotted.filter((value) => value !== null);
  if (known.length === 0) return [[seg('nothing measured yet', 'dim')]];
  const top = niceTop(Math.max(...known));
  const lines = Array.from({ length: rows }, (_, row): Line => {
    const floor = rows - 1 - row;
    const mark = row === 0 || row === rows >> 1 ? label((top * (rows - row)) / rows) : '';
    const cells = plotted.map((value) => cellOf(value, top, { rows, floor }, glyphs)).join('');
    return [seg(`${mark.padStart(LABEL)} ${glyphs.upright}`, 'dim'), seg(cells, 'accent')];
  });
  const left = `-${duration(Math.min(values.length, width) * eachMs)}`;
  const axis: Line[] = [
    [seg(`${label(0).padStart(LABEL)} ${glyphs.corner}${glyphs.rule.repeat(width)}`, 'dim')],
    [seg(`${' '.repeat(LABEL + 2)}${left}${'now'.padStart(Math.max(4, width - left.length))}`, 'dim')],
  ];
  return [...lines, ...axis];
}

/** Values spread over all columns; too many of them: the newest. */
function stretch(values: readonly (number | null)[], width: number): (number | null)[] {
  if (values.length >= width) return values.slice(-width);
  return Array.from({ length: width }, (_, column) => {
    return values[Math.floor((column * values.length) / width)] ?? null;
  });
}

function cellOf(
  value: number | null,
  top: number,
  { rows, floor }: { rows: number; floor: number },
  { spark, full }: Glyphs,
): string {
  if (value === null) return ' ';
  const height = (value / top) * rows - floor;
  if (height >= 1) return full;
  // What is measured is seen, be it ever so small.
  if (height <= 0) return floor === 0 ? spark[0]! : ' ';
  return spark[Math.min(7, Math.floor(height * 8))]!;
}

/** 1, 2 or 5 times a power of ten: labels that do not change with every value. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-3)));
  return (STEPS.find((step) => step * power >= value) ?? 10) * power;
}

const STEPS = [1, 2, 5, 10];
