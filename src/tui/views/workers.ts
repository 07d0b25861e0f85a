/** The workers view: a row for each, and all that is known of the chosen one. */
import type { GpuSnapshot, Snapshot, WorkerSnapshot } from '../../telemetry/types.js';
import { bytes, compactCount, percent } from '../format.js';
import { gpuSum, gpusOf, gpuWords } from '../gpus.js';
import { bar, type Glyphs, type Line, seg, sparkline } from '../line.js';
import { indexIn } from '../reduce.js';
import { type Column, tableLines, windowOf, wrapText } from '../table.js';
import { STATE_TONES } from '../tones.js';
import type { UiState } from '../ui-state.js';
import type { Room } from './room.js';

const used = ({ kv }: WorkerSnapshot) => (kv.blocksTotal === 0 ? null : kv.blocksUsed / kv.blocksTotal);
const hit = (worker: WorkerSnapshot) =>
  worker.promptTokens === 0 ? null : worker.cachedTokens / worker.promptTokens;

const columnsOf = (glyphs: Glyphs, gpus: readonly GpuSnapshot[]): Column<WorkerSnapshot>[] => [
  { title: 'worker', width: 6, rank: 0, cell: ({ id }) => seg(id, 'title') },
  {
    title: 'state',
    width: 11,
    rank: 0,
    grows: true,
    cell: ({ state, phase }) =>
      seg(
        state === 'ready' || phase === '' || phase === state ? state : `${state} ${phase}`,
        STATE_TONES[state],
      ),
  },
  figure('active', 6, 1, ({ active }) => String(active.requests)),
  figure('waiting', 7, 1, ({ active }) => String(active.waiting)),
  { title: 'KV cache', width: 10, rank: 6, cell: (worker) => seg(bar(used(worker), 10, glyphs), 'accent') },
  figure('KV', 7, 1, (worker) => percent(used(worker))),
  figure('hit', 7, 1, (worker) => percent(hit(worker))),
  figure('tok/s', 8, 2, ({ tokensPerSecond }) => tokensPerSecond.toFixed(1)),
  {
    title: 'tok/s, 1 min',
    width: 20,
    rank: 5,
    cell: ({ speedHistory }) => seg(sparkline(speedHistory, 20, glyphs), 'accent'),
  },
  figure('restarts', 8, 3, ({ restarts }) => String(restarts)),
  {
    title: 'feed',
    width: 11,
    rank: 4,
    cell: ({ feed }) => seg(feed, feed === 'approximate' ? 'warn' : 'dim'),
  },
  ...(gpus.length === 0
    ? []
    : [
        figure('GPU', 7, 2, (worker) => percent(gpuSum(gpusOf(worker, gpus)).utilization)),
        figure('GPU mem', 9, 4, (worker) => sizeOf(gpuSum(gpusOf(worker, gpus)).memoryUsedBytes)),
      ]),
  {
    title: 'GPUs',
    width: 9,
    rank: 7,
    cell: ({ gpus }) => seg(gpus.length === 0 ? '-' : gpus.join(','), 'dim'),
  },
  { title: 'engine', width: 16, rank: 8, cell: (worker) => seg(engineOf(worker), 'dim') },
  figure('pid', 8, 9, ({ pid }) => String(pid ?? '-')),
];

const sizeOf = (size: number | null): string => (size === null ? '-' : bytes(size));

const engineOf = ({ engine, engineVersion }: WorkerSnapshot) => `${engine} ${engineVersion}`.trim();

function figure(
  title: string,
  width: number,
  rank: number,
  text: (worker: WorkerSnapshot) => string,
): Column<WorkerSnapshot> {
  return { title, width, rank, isFigure: true, cell: (worker) => seg(text(worker)) };
}

const DETAIL_LINES = 10;

export function workersView(
  { workers, gpus }: Snapshot,
  ui: UiState,
  { columns, rows, glyphs }: Room,
): Line[] {
  const ids = workers.map(({ id }) => id);
  const shown = windowOf(workers, indexIn(ids, ui.selected.workers), rows - DETAIL_LINES);
  const worker = shown.rows[shown.chosen];
  return [
    ...tableLines(shown.rows, columnsOf(glyphs, gpus), columns, shown.chosen),
    [],
    ...(worker === undefined ? [] : detailLines(worker, gpusOf(worker, gpus), columns)),
  ];
}

function detailLines(worker: WorkerSnapshot, gpus: readonly GpuSnapshot[], columns: number): Line[] {
  const { kv, active } = worker;
  const rows: [string, string][] = [
    [
      'worker',
      `${worker.id}  ${worker.state}${worker.pid === null ? '' : `  pid ${worker.pid}`}  ${worker.url}`,
    ],
    ['engine', engineOf(worker)],
    ...(worker.abilities === undefined ? [] : [['it has', worker.abilities] as [string, string]]),
    [
      'KV cache',
      `${compactCount(kv.blocksUsed)} of ${compactCount(kv.blocksTotal)} blocks of ${kv.blockTokens} tokens`,
    ],
    ...(gpus.length === 0 ? [] : [['GPUs', gpuWords(gpus)] as [string, string]]),
    [
      'booked',
      `${active.requests} requests, ${compactCount(active.prefillTokens)} prompt tokens to compute, ${compactCount(active.decodeBlocks)} blocks in use`,
    ],
    [
      'tokens',
      `${compactCount(worker.cachedTokens)} cached of ${compactCount(worker.promptTokens)} prompt, ${compactCount(worker.generatedTokens)} generated`,
    ],
    ...(worker.lastError === null ? [] : [['last error', worker.lastError] as [string, string]]),
  ];
  return rows.flatMap(([name, text]) =>
    wrapText(`${name.padEnd(12)}${text}`, columns, 12).map(
      (line): Line => [
        seg(line.slice(0, 12), 'dim'),
        seg(line.slice(12), name === 'last error' ? 'bad' : 'plain'),
      ],
    ),
  );
}
