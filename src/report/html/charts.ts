/** Charts as SVG text: every one has axes, a legend in words, and a title for who points at it or cannot see it. */
import { escapeHtml, since } from './text.js';

const WIDTH = 540;
const HEIGHT = 200;
const LEFT = 54;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 34;

export interface Line {
  name: string;
  /** One of `c0` … `c5`; each has a dash of its own beside its colour. */
  tone: number;
  /** Null where there is nothing. */
  values: (number | null)[];
}

export interface TimeChart {
  /** What it shows, as a sentence. */
  label: string;
  lines: Line[];
  stepMs: number;
  /** Highest value of the upright axis; absent: what the values need. */
  top?: number;
  format(value: number): string;
}

/** Values over the time of the run, one for each step. */
export function timeChart({ label, lines, stepMs, top, format }: TimeChart): string {
  const steps = Math.max(1, ...lines.map(({ values }) => values.length));
  const highest = Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const peak = top ?? niceTop(highest);
  const x = (at: number) => LEFT + ((WIDTH - LEFT - RIGHT) * (at + 0.5)) / steps;
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(1, value / peak));
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => axisMark(y(share * peak), format(share * peak)));
  const times = [0, 0.5, 1].map((share) => {
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    const place = LEFT + (WIDTH - LEFT - RIGHT) * share;
    return `<text x="${round(place)}" y="${HEIGHT - 12}" text-anchor="${anchor}">${since(share * steps * stepMs)}</text>`;
  });
  const drawn = lines.map(({ name, tone, values }) => {
    const title = `<title>${escapeHtml(name)}</title>`;
    return `<g class="line c${tone}">${title}${runsOf(values)
      .map((run) => runPath(run, x, y))
      .join('')}</g>`;
  });
  return figure(label, HEIGHT, [...marks, ...times, ...drawn].join(''), legend(lines));
}

/** Neighbouring values; a gap ends a line, for nothing is known there. */
function runsOf(values: readonly (number | null)[]): [number, number][][] {
  const runs: [number, number][][] = [];
  let before = -2;
  values.forEach((value, at) => {
    if (value === null) return;
    if (before !== at - 1) runs.push([]);
    runs.at(-1)!.push([at, value]);
    before = at;
  });
  return runs;
}

function runPath(
  run: readonly [number, number][],
  x: (at: number) => number,
  y: (v: number) => number,
): string {
  const points = run.map(([at, value]) => `${round(x(at))},${round(y(value))}`);
  if (points.length > 1) return `<polyline points="${points.join(' ')}"/>`;
  const [cx, cy] = points[0]!.split(',');
  return `<circle cx="${cx}" cy="${cy}" r="2.5"/>`;
}

export interface Bars {
  label: string;
  bars: { name: string; value: number; note: string }[];
}

/** One upright bar for each bucket of a distribution; empty ends are left out. */
export function columnChart({ label, bars }: Bars): string {
  const first = Math.max(0, bars.findIndex(({ value }) => value > 0) - 1);
  const last = bars.findLastIndex(({ value }) => value > 0) + 1;
  const shown = bars.slice(first, last + 1);
  const height = 150;
  const peak = Math.max(1, ...shown.map(({ value }) => value));
  const room = (WIDTH - 2 * RIGHT) / shown.length;
  const drawn = shown.map(({ name, value, note }, at) => {
    const tall = (height - TOP - BOTTOM - 12) * (value / peak);
    const left = RIGHT + at * room;
    const middle = round(left + room / 2);
    const title = `<title>${escapeHtml(`${name}: ${note}`)}</title>`;
    const bar = `<rect class="c0" x="${round(left + 1)}" y="${round(height - BOTTOM - tall)}" width="${round(room - 2)}" height="${round(tall)}"/>`;
    const above =
      value === 0
        ? ''
        : `<text x="${middle}" y="${round(height - BOTTOM - tall - 4)}" text-anchor="middle">${escapeHtml(note)}</text>`;
    return `<g>${title}${bar}${above}<text x="${middle}" y="${height - 18}" text-anchor="middle">${escapeHtml(name)}</text></g>`;
  });
  return figure(label, height, `<g class="small">${drawn.join('')}</g>`, '');
}

export interface Share {
  name: string;
  tone: number;
  value: number;
}

/** One bar in parts. */
export function stackedBar(label: string, parts: readonly Share[]): string {
  const sum = parts.reduce((total, { value }) => total + value, 0);
  let left = 0;
  const drawn = parts.map(({ name, tone, value }) => {
    const width = sum === 0 ? 0 : (WIDTH * value) / sum;
    const part = `<rect class="c${tone}" x="${round(left)}" y="0" width="${round(width)}" height="26"><title>${escapeHtml(name)}</title></rect>`;
    left += width;
    return part;
  });
  return figure(
    label,
    26,
    `<rect class="empty" x="0" y="0" width="${WIDTH}" height="26"/>${drawn.join('')}`,
    legend(parts),
  );
}

/** A bar a turn, as high as its hit rate; a turn without a prompt is a gap. */
export function turnBars(turns: readonly (number | null)[], label: string): string {
  const bars = turns.map((turn, at) => {
    if (turn === null) return '';
    const tall = Math.max(1, 20 * turn);
    return `<rect class="c0" x="${at * 6}" y="${round(20 - tall)}" width="5" height="${round(tall)}"/>`;
  });
  return `<svg class="turns" viewBox="0 0 192 20" width="192" height="20" role="img" aria-label="${escapeHtml(label)}">${bars.join('')}</svg>`;
}

function axisMark(y: number, text: string): string {
  return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y)}" y2="${round(y)}"/><text x="${LEFT - 8}" y="${round(y + 4)}" text-anchor="end">${escapeHtml(text)}</text>`;
}

function figure(label: string, height: number, content: string, below: string): string {
  const title = escapeHtml(label);
  return `<figure><svg viewBox="0 0 ${WIDTH} ${height}"${height < 40 ? ' preserveAspectRatio="none" class="flat"' : ''} role="img" aria-label="${title}"><title>${title}</title>${content}</svg>${below}</figure>`;
}

const legend = (parts: readonly { name: string; tone: number }[]): string =>
  `<figcaption>${parts.map(({ name, tone }) => `<span><i class="c${tone}"></i>${escapeHtml(name)}</span>`).join(' ')}</figcaption>`;

/** 1, 2 or 5 times a power of ten. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-6)));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

const round = (value: number): number => Math.round(value * 10) / 10;
