/** The overview: a little of everything on one screen. */
import type { Snapshot } from '../../telemetry/types.js';
import { clip, type Glyphs, type Line, pad, seg } from '../line.js';
import { cacheLines, latencyLines, requestLines, ruleLine, workerLines } from './panels.js';
import type { Room } from './room.js';

const SIDE_BY_SIDE = 100;
/** More workers than this have the workers view: cache, latency and requests need room too. */
const WORKERS_SHOWN = 8;

export function overviewView(snapshot: Snapshot, { columns, rows, glyphs }: Room): Line[] {
  const { workers } = snapshot;
  const rest = workers.length - WORKERS_SHOWN;
  const table = [
    ruleLine('workers', columns, glyphs),
    ...workerLines(rest > 1 ? workers.slice(0, WORKERS_SHOWN) : workers, columns, glyphs),
    ...(rest > 1 ? [[seg(`and ${rest} more: ${notReady(snapshot)}, press 2`, 'dim')]] : []),
  ];
  const panels =
    columns >= SIDE_BY_SIDE ? beside(snapshot, columns, glyphs) : stacked(snapshot, columns, glyphs);
  const warnings = snapshot.warnings
    .slice(-2)
    .map(({ message }) => clip([seg('! ', 'warn'), seg(message, 'warn')], columns));
  const above = [...table, [], ...panels, [], ...(warnings.length === 0 ? [] : [...warnings, []])];
  const list = requestLines(snapshot, columns, Math.max(0, rows - above.length - 1));
  return [
    ...above,
    ...(list.length === 0 ? [] : [ruleLine(`requests (${countsOf(snapshot)})`, columns, glyphs), ...list]),
  ];
}

function notReady({ workers }: Snapshot): string {
  const count = workers.filter(({ state }) => state !== 'ready').length;
  return count === 0 ? 'all ready' : `${count} of ${workers.length} not ready`;
}

function beside(snapshot: Snapshot, columns: number, glyphs: Glyphs): Line[] {
  const left = Math.floor((columns - 3) / 2);
  const right = columns - 3 - left;
  const a = [ruleLine('cache', left, glyphs), ...cacheLines(snapshot, left, glyphs)];
  const b = [ruleLine('latency', right, glyphs), ...latencyLines(snapshot, right, glyphs)];
  return a.map((line, index) => [...pad(line, left), seg('   '), ...(b[index] ?? [])]);
}

function stacked(snapshot: Snapshot, columns: number, glyphs: Glyphs): Line[] {
  return [
    ruleLine('cache', columns, glyphs),
    ...cacheLines(snapshot, columns, glyphs).slice(0, 5),
    ruleLine('latency', columns, glyphs),
    ...latencyLines(snapshot, columns, glyphs).slice(0, 3),
  ];
}

function countsOf({ requests }: Snapshot): string {
  const rest = [
    `${requests.active} active`,
    ...(requests.queued > 0 ? [`${requests.queued} queued`] : []),
    ...(requests.failed > 0 ? [`${requests.failed} failed`] : []),
    ...(requests.continued > 0 ? [`${requests.continued} continued`] : []),
    ...(requests.rejected > 0 ? [`${requests.rejected} rejected`] : []),
  ];
  return `${requests.total} total, ${rest.join(', ')}`;
}
