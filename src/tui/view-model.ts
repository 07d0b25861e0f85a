/** Snapshot × terminal size → the lines of the screen. Pure; at most `rows - 1` lines, so ink never clears the scrollback. */
import type { Snapshot } from '../telemetry/types.js';
import { percent } from './format.js';
import { clip, type Glyphs, type Line, pad, seg, whole } from './line.js';
import { cacheLines, headerLines, latencyLines, requestLines, ruleLine, workerLines } from './panels.js';

export interface ScreenState {
  columns: number;
  rows: number;
  mode: 'up' | 'top';
  isPaused: boolean;
  isHelp: boolean;
  glyphs: Glyphs;
}

/** Below this one line has to do. */
export const MINIMUM = { columns: 60, rows: 20 };
const SIDE_BY_SIDE = 100;

export const KEYS: readonly { key: string; does: (mode: 'up' | 'top') => string }[] = [
  { key: 'q', does: (mode) => (mode === 'up' ? 'leave, the stack keeps running' : 'leave') },
  { key: 'Ctrl-C', does: (mode) => (mode === 'up' ? 'stop the stack' : 'leave') },
  { key: 'p', does: () => 'pause' },
  { key: '?', does: () => 'help' },
];

export function screenLines(snapshot: Snapshot, state: ScreenState): Line[] {
  const { columns, rows, glyphs } = state;
  if (columns < MINIMUM.columns || rows < MINIMUM.rows) return [summaryLine(snapshot, columns)];
  const head = [...headerLines(snapshot, columns, glyphs), [seg('')]];
  const body = state.isHelp ? helpLines(state) : bodyLines(snapshot, state, rows - head.length - 2);
  const foot = footerLine(snapshot, state);
  return [...head, ...body.slice(0, rows - head.length - 2), foot];
}

function bodyLines(snapshot: Snapshot, { columns, glyphs }: ScreenState, room: number): Line[] {
  const workers = [ruleLine('workers', columns, glyphs), ...workerLines(snapshot.workers, columns, glyphs)];
  const panels =
    columns >= SIDE_BY_SIDE ? beside(snapshot, columns, glyphs) : stacked(snapshot, columns, glyphs);
  const warnings = snapshot.warnings
    .slice(-2)
    .map(({ message }) => clip([seg('! ', 'warn'), seg(message, 'warn')], columns));
  const above = [
    ...workers,
    [seg('')],
    ...panels,
    [seg('')],
    ...(warnings.length === 0 ? [] : [...warnings, [seg('')]]),
  ];
  const list = requestLines(snapshot, columns, Math.max(0, room - above.length - 1));
  return [
    ...above,
    ...(list.length === 0 ? [] : [ruleLine(`requests (${countsOf(snapshot)})`, columns, glyphs), ...list]),
  ];
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
    ...(requests.rejected > 0 ? [`${requests.rejected} rejected`] : []),
  ];
  return `${requests.total} total, ${rest.join(', ')}`;
}

function summaryLine(snapshot: Snapshot, columns: number): Line {
  const ready = snapshot.workers.filter(({ state }) => state === 'ready').length;
  const text = `dynamo ${snapshot.stack.state} ${ready}/${snapshot.workers.length} hit ${percent(snapshot.hitRate.total)} active ${snapshot.requests.active}`;
  return clip([seg(text)], Math.max(1, columns));
}

function helpLines({ mode, columns }: ScreenState): Line[] {
  const keys = KEYS.map(({ key, does }): Line => [seg(key.padEnd(10), 'accent'), seg(does(mode))]);
  const words = [
    ['hit rate', 'cached ÷ prompt tokens, both as the engines report them'],
    ['reachable', 'what one unlimited cache over all workers would have given'],
    ['predicted', 'what the router expected when it chose the worker'],
    ['overhead', 'our own time before a request is forwarded'],
    ['feed', 'events: the worker tells its blocks; approximate: we keep our own books'],
  ].map(([word, meaning]): Line => [seg((word ?? '').padEnd(10), 'title'), seg(meaning ?? '')]);
  return [...keys, [seg('')], ...words].map((line) => clip(line, columns));
}

function footerLine(_snapshot: Snapshot, { mode, columns, isPaused }: ScreenState): Line {
  const keys = KEYS.flatMap(({ key, does }) => [seg(key, 'accent'), seg(` ${does(mode)}   `, 'dim')]);
  return whole([...(isPaused ? [seg('PAUSED   ', 'warn')] : []), ...keys], columns);
}
