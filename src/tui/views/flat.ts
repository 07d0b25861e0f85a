/** The views as sentences for a screen reader: one thing a line with its labels, no columns, bars or graphs, nothing that only counts time. */
import type { LatencySummary, Snapshot, TokensByKind, WorkerSnapshot } from '../../telemetry/types.js';
import { bytes, clockTime, compactCount, milliseconds, percent } from '../format.js';
import { gpusOf, gpuWords } from '../gpus.js';
import { BINDINGS, bindingsFor, VIEWS, wordsOf } from '../keys.js';
import { type Line, seg } from '../line.js';
import { marksOf } from '../marks.js';
import { indexIn } from '../reduce.js';
import { sessionKey, shownRequests, shownSessions } from '../rows.js';
import { windowOf, wrapText } from '../table.js';
import type { Mode, UiState } from '../ui-state.js';
import { shownSource } from './logs.js';

export interface FlatScreen {
  columns: number;
  rows: number;
  mode: Mode;
  isReadonly: boolean;
  ui: UiState;
  log: readonly string[] | null;
}

/** Rows of a list around the chosen one: more would be read to the end each time. */
const LIST_ROWS = 8;

export function flatLines(snapshot: Snapshot, screen: FlatScreen): Line[] {
  const { columns, rows, ui } = screen;
  const number = VIEWS.findIndex(({ view }) => view === ui.view) + 1;
  const text = [
    [
      `dynamo ${snapshot.stack.name}: ${snapshot.stack.state}`,
      ...marksOf(snapshot),
      snapshot.stack.model,
    ].join(', '),
    ui.isHelp ? 'Help' : `View ${number} of ${VIEWS.length}: ${ui.view}`,
    ...(ui.isHelp ? help(screen) : body(snapshot, screen)),
    ...(ui.isPaused ? ['Paused'] : []),
    ...(ui.notice === null ? [] : [ui.notice]),
    ...(ui.question === null ? [] : [`Drain and restart ${ui.question}? y: yes, any other key: no`]),
    ...(ui.isHelp ? [] : ['? for help']),
  ];
  return text
    .flatMap((line) => wrapText(line, columns))
    .slice(0, rows - 1)
    .map((line) => [seg(line)]);
}

function help({ ui, isReadonly, mode }: FlatScreen): string[] {
  const known = new Set(bindingsFor({ view: ui.view, isReadonly }));
  return BINDINGS.filter((binding) => known.has(binding)).map(
    (binding) => `${binding.label}: ${wordsOf(binding, mode)}`,
  );
}

function body(snapshot: Snapshot, { ui, log, rows }: FlatScreen): string[] {
  switch (ui.view) {
    case 'overview':
      return [
        ...snapshot.workers.map((worker) => workerText(worker, snapshot)),
        ...hitTexts(snapshot),
        ...latencyTexts(snapshot),
        countsText(snapshot),
        ...snapshot.warnings.slice(-2).map(({ message }) => `Warning: ${message}`),
      ];
    case 'workers':
      return near(
        snapshot.workers,
        indexIn(
          snapshot.workers.map(({ id }) => id),
          ui.selected.workers,
        ),
        (worker) => workerText(worker, snapshot),
      );
    case 'cache':
      return [
        ...hitTexts(snapshot),
        ...tierTexts(snapshot),
        ...kindTexts(snapshot.byKind),
        ...missTexts(snapshot),
      ];
    case 'requests':
      return ui.detail === null
        ? requestTexts(snapshot, ui)
        : (ui.detail.text ?? 'asking').split('\n').slice(ui.detail.scroll);
    case 'sessions':
      return sessionTexts(snapshot, ui);
    case 'latency':
      return latencyTexts(snapshot);
    case 'logs': {
      const shown = (log ?? []).filter((line) => line.toLowerCase().includes(ui.filter.toLowerCase()));
      return [`Log of ${shownSource(snapshot, ui)}, the last lines`, ...shown.slice(-Math.max(1, rows - 6))];
    }
  }
}

function near<Row>(rows: readonly Row[], chosen: number, text: (row: Row) => string): string[] {
  const shown = windowOf(rows, chosen, LIST_ROWS);
  return shown.rows.map((row, at) => `${at === shown.chosen ? 'Chosen: ' : ''}${text(row)}`);
}

function workerText(worker: WorkerSnapshot, { gpus }: Snapshot): string {
  const own = gpusOf(worker, gpus);
  const { id, state, phase, active, kv, restarts, feed, tokensPerSecond, lastError } = worker;
  const used = kv.blocksTotal === 0 ? null : kv.blocksUsed / kv.blocksTotal;
  const hit = worker.promptTokens === 0 ? null : worker.cachedTokens / worker.promptTokens;
  return [
    `Worker ${id}: ${state}${state === 'ready' ? '' : ` ${phase}`}`,
    `${active.requests} active`,
    `${active.waiting} waiting`,
    `KV cache ${percent(used)}`,
    `hit rate ${percent(hit)}`,
    `${tokensPerSecond.toFixed(1)} tokens per second`,
    `${restarts} restarts`,
    ...(own.length === 0 ? [] : [`GPUs ${gpuWords(own)}`]),
    `feed ${feed}`,
    ...(lastError === null || state === 'ready' ? [] : [`last error: ${lastError}`]),
  ].join(', ');
}

function hitTexts({ hitRate, tokens }: Snapshot): string[] {
  const predicted = tokens.prompt === 0 ? null : tokens.predicted / tokens.prompt;
  return [
    `Hit rate: ${percent(hitRate.total)}, last minute ${percent(hitRate.lastMinute)}, reachable ${percent(hitRate.reachable)}, predicted ${percent(predicted)}`,
    `Tokens: ${compactCount(tokens.cached)} cached of ${compactCount(tokens.prompt)} prompt`,
  ];
}

const tierTexts = ({ tiers }: Snapshot): string[] =>
  tiers.map(
    ({ name, blocks, hitTokens, bytes: size, fault }) =>
      `Tier ${name}: ${compactCount(hitTokens)} tokens hit, ${compactCount(blocks)} blocks${name === 'gpu' ? '' : `, ${bytes(size)}`}${fault ? `, fault: ${fault}` : ''}`,
  );

const kindTexts = (byKind: TokensByKind): string[] =>
  Object.entries(byKind)
    .filter(([, { tokens }]) => tokens > 0)
    .map(
      ([kind, { tokens, cached }]) =>
        `Kind ${kind.replaceAll('_', ' ')}: ${percent(cached / tokens)} of ${compactCount(tokens)} tokens hit`,
    );

const missTexts = ({ misses }: Snapshot): string[] =>
  Object.entries(misses).map(
    ([cause, { requests, computedTokens, repeatedTokens }]) =>
      `Cause ${cause.replaceAll('_', ' ')}: ${requests} requests, ${compactCount(computedTokens)} tokens computed, ${compactCount(repeatedTokens)} of them again`,
  );

function latencyTexts({ latency }: Snapshot): string[] {
  const text = (name: string, { p50, p95, p99 }: LatencySummary) =>
    `${name}: median ${milliseconds(p50)}, 95 % under ${milliseconds(p95)}, 99 % under ${milliseconds(p99)}`;
  return [
    text('TTFT', latency.ttftMs),
    text('Inter-token', latency.itlMs),
    text('Queue', latency.queueMs),
    text('Overhead', latency.overheadMs),
  ];
}

const countsText = ({ requests }: Snapshot): string =>
  `Requests: ${requests.total} total, ${requests.active} active, ${requests.queued} queued, ${requests.failed} failed, ${requests.rejected} rejected${continuedText(requests.continued)}`;

const continuedText = (continued: number): string =>
  continued === 0 ? '' : `, ${continued} continued at another worker`;

function requestTexts(snapshot: Snapshot, ui: UiState): string[] {
  const list = shownRequests(snapshot, ui);
  const chosen = indexIn(
    list.map(({ id }) => id),
    ui.selected.requests,
  );
  const filter = ui.filter === '' && !ui.isTyping ? [] : [`Filter: ${ui.filter}`];
  const texts = near(list, chosen, (row) =>
    [
      `${clockTime(row.startedAt)} ${row.state}`,
      `worker ${row.worker ?? 'none yet'}`,
      `${compactCount(row.cachedTokens)} of ${compactCount(row.promptTokens)} tokens cached`,
      `output ${compactCount(row.outputTokens)}`,
      `TTFT ${milliseconds(row.ttftMs)}`,
      ...(row.why === null ? [] : [`why: ${row.why.replaceAll('_', ' ')}`]),
      ...(row.session === null ? [] : [`session ${row.session}`]),
    ].join(', '),
  );
  return [countsText(snapshot), ...filter, ...texts];
}

function sessionTexts(snapshot: Snapshot, ui: UiState): string[] {
  const list = shownSessions(snapshot, ui);
  const chosen = indexIn(
    list.map(({ session }) => sessionKey(session)),
    ui.selected.sessions,
  );
  return near(list, chosen, ({ session: { id, role, harness, parent, requests, hitRate, turns, worker } }) =>
    [
      `${role} ${id} of ${harness}`,
      ...(parent === null ? [] : [`started by ${parent}`]),
      `${requests} requests`,
      `hit rate ${percent(hitRate)}`,
      `last turns ${turns
        .slice(-4)
        .map((turn) => percent(turn))
        .join(' ')}`,
      `worker ${worker}`,
    ].join(', '),
  );
}
