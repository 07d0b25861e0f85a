/** A start as a few lines: one for the whole, one per worker, with what was needed last time. Pure. */
import type { StartProgress, WorkerStart } from './start-progress.js';
import type { StartTimes } from './start-times.js';

export interface BoardOptions {
  now: number;
  columns: number;
  rows: number;
  isAscii: boolean;
  last: StartTimes | null;
}

const BAR = 12;
/** Lines for the head, the rest and the prompt. */
const OTHER_ROWS = 4;

/** Lines of less than `columns` characters, fewer than `rows`. */
export function boardLines(start: StartProgress, options: BoardOptions): string[] {
  const { now, columns, rows, last } = options;
  const room = Math.max(1, rows - OTHER_ROWS);
  // What is not ready is what is waited for.
  const order = [...start.workers].sort((a, b) => Number(a.state === 'ready') - Number(b.state === 'ready'));
  const isAll = start.workers.length <= room;
  const shown = isAll ? start.workers : order.slice(0, room - 1);
  const rest = start.workers.length - shown.length;
  const ready = start.workers.filter(({ state }) => state === 'ready').length;
  const word = ready === start.workers.length ? 'started ' : 'starting';
  const head = `${word}  ${ready} of ${start.workers.length} workers ready  ${times(now - start.startedAt, last?.totalMs)}`;
  return [
    head,
    ...shown.map((worker) => workerLine(worker, options)),
    ...(rest === 0 ? [] : [`and ${rest} more`]),
  ].map((line) => line.slice(0, Math.max(1, columns - 1)).trimEnd());
}

function workerLine(worker: WorkerStart, { now, last, isAscii }: BoardOptions): string {
  const { id, state, phase, progress, phaseSince, readyMs, reason } = worker;
  const before = last?.workers[id];
  const name = `  ${id.padEnd(4)} ${phase.padEnd(12)}`;
  if (state === 'ready' && readyMs !== null)
    return `${name} ${bar(1, isAscii)}        ${times(readyMs, before?.readyMs)}`;
  const share = progress === null ? '     ' : `${String(Math.floor(progress * 100)).padStart(3)} %`;
  const why = reason === null ? '' : `  ${reason.split('\n')[0]}`;
  return `${name} ${bar(progress, isAscii)} ${share}  ${times(now - phaseSince, before?.phases[phase])}${why}`;
}

function bar(share: number | null, isAscii: boolean): string {
  const filled = Math.round((share ?? 0) * BAR);
  return (isAscii ? '#' : '━').repeat(filled) + (isAscii ? '.' : '─').repeat(BAR - filled);
}

function times(ms: number, lastMs: number | undefined): string {
  const now = seconds(ms).padStart(8);
  return lastMs === undefined ? now : `${now}, last time ${seconds(lastMs)}`;
}

function seconds(ms: number): string {
  if (ms < 99_500) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${String(Math.round((ms % 60_000) / 1000)).padStart(2, '0')} s`;
}
