/** A screen line as data: runs of text with a tone. Looks are the theme's, content the view models'. */

export type Tone = 'plain' | 'dim' | 'good' | 'warn' | 'bad' | 'accent' | 'title';

export interface Segment {
  text: string;
  tone: Tone;
}

export type Line = Segment[];

/** Characters for bars and rules: one set for UTF-8 terminals, one for the rest. */
export interface Glyphs {
  full: string;
  empty: string;
  rule: string;
  dot: string;
  spark: readonly string[];
  /** Parts of a stacked bar, told apart without colour. */
  parts: readonly string[];
  upright: string;
  corner: string;
  branch: string;
}

export const UNICODE_GLYPHS: Glyphs = {
  full: '█',
  empty: '░',
  rule: '─',
  dot: '·',
  spark: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  parts: ['█', '▓', '▒', '░'],
  upright: '│',
  corner: '└',
  branch: '└ ',
};
export const ASCII_GLYPHS: Glyphs = {
  full: '#',
  empty: '.',
  rule: '-',
  dot: '|',
  spark: ['_', '.', '-', '=', '+', '*', '%', '#'],
  parts: ['#', '=', '-', '.'],
  upright: '|',
  corner: '+',
  branch: '+ ',
};

export const seg = (text: string, tone: Tone = 'plain'): Segment => ({ text, tone });

export function widthOf(line: Line): number {
  return line.reduce((sum, { text }) => sum + text.length, 0);
}

/** Cut to `columns` characters. */
export function clip(line: Line, columns: number): Line {
  let left = columns;
  return line.flatMap((segment) => {
    if (left <= 0) return [];
    const text = segment.text.slice(0, left);
    left -= text.length;
    return [{ ...segment, text }];
  });
}

/** The segments that fit whole: half a figure would be a wrong figure. */
export function whole(line: Line, columns: number): Line {
  let left = columns;
  const end = line.findIndex((segment) => {
    left -= segment.text.length;
    return left < 0;
  });
  return end === -1 ? line : line.slice(0, end);
}

/** `left` and `right` on one line, `right` ending at the last column; the left one is cut when both do not fit. */
export function spread(left: Line, right: Line, columns: number): Line {
  const room = Math.max(0, columns - widthOf(right) - 1);
  const cut = clip(left, room);
  return clip(
    [...cut, seg(' '.repeat(Math.max(1, columns - widthOf(cut) - widthOf(right)))), ...right],
    columns,
  );
}

/** A line of exactly `columns` characters, for two panels side by side. */
export function pad(line: Line, columns: number): Line {
  const cut = clip(line, columns);
  return [...cut, seg(' '.repeat(Math.max(0, columns - widthOf(cut))))];
}

export function textOf(line: Line): string {
  return line
    .map(({ text }) => text)
    .join('')
    .trimEnd();
}

/** A bar of `width` characters filled to `share`; null leaves it empty. */
export function bar(share: number | null, width: number, glyphs: Glyphs): string {
  const filled = Math.round(Math.min(1, Math.max(0, share ?? 0)) * width);
  return glyphs.full.repeat(filled) + glyphs.empty.repeat(width - filled);
}

/** The newest values that fit, scaled to `most` or else to the largest of them; a blank where there is none. */
export function sparkline(
  values: readonly (number | null)[],
  width: number,
  glyphs: Glyphs,
  most?: number,
): string {
  const shown = values.slice(-width);
  const top = most ?? Math.max(...shown.map((value) => value ?? 0), 1e-9);
  const cells = shown.map((value) =>
    value === null ? ' ' : glyphs.spark[Math.min(7, Math.floor((value / top) * 7.999))],
  );
  return cells.join('').padStart(width);
}

/** One bar of `width` characters cut into parts in proportion; a part that is not 0 is at least one character. */
export function stackedBar(parts: readonly number[], width: number, glyphs: Glyphs): string {
  const sum = parts.reduce((total, part) => total + part, 0);
  if (sum <= 0) return glyphs.dot.repeat(width);
  const cells = parts.map((part) => (part > 0 ? Math.max(1, Math.round((part / sum) * width)) : 0));
  return cells
    .map((count, index) => glyphs.parts[index % glyphs.parts.length]!.repeat(count))
    .join('')
    .slice(0, width)
    .padEnd(width, glyphs.parts[cells.findLastIndex((count) => count > 0)]);
}
