/** A soak run as a picture for documents: one panel per series, each from 0 to its most. */
import { SERIES, type Series } from './text.js';
import type { SoakReport } from './types.js';

const WIDTH = 720;
const PANEL = { height: 90, top: 22, left: 90, right: 16 };

export function soakSvg(report: SoakReport): string {
  const height = SERIES.length * (PANEL.height + PANEL.top) + 28;
  const title = `${report.sessions} sessions, ${report.ratePerSecond.toFixed(1)} requests/s, ${report.minutes} min`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    `<text x="${PANEL.left}" y="16" font-weight="bold">${title}</text>`,
    ...SERIES.map((series, index) => panel(series, report, 24 + index * (PANEL.height + PANEL.top))),
    '</svg>',
    '',
  ].join('\n');
}

function panel({ name, unit, pick }: Series, { samples }: SoakReport, top: number): string {
  const values = samples.map((sample) => ({ x: sample.seconds, y: pick(sample) ?? 0 }));
  const most = Math.max(1e-9, ...values.map(({ y }) => y));
  const seconds = Math.max(1e-9, ...values.map(({ x }) => x));
  const wide = WIDTH - PANEL.left - PANEL.right;
  const bottom = top + PANEL.top + PANEL.height;
  const points = values.map(
    ({ x, y }) =>
      `${(PANEL.left + (wide * x) / seconds).toFixed(1)},${(bottom - (PANEL.height * y) / most).toFixed(1)}`,
  );
  return [
    `<text x="${PANEL.left - 8}" y="${top + PANEL.top + 10}" text-anchor="end">${most.toFixed(most < 10 ? 2 : 0)}</text>`,
    `<text x="${PANEL.left - 8}" y="${bottom}" text-anchor="end">0</text>`,
    `<text x="${PANEL.left}" y="${top + 14}" fill="#555">${name}${unit === '' ? '' : `, ${unit}`}</text>`,
    `<line x1="${PANEL.left}" y1="${bottom}" x2="${WIDTH - PANEL.right}" y2="${bottom}" stroke="#bbb"/>`,
    `<polyline points="${points.join(' ')}" fill="none" stroke="#0a6" stroke-width="1.5"/>`,
  ].join('\n');
}
