/** The latency view: percentiles, and time to first token over the last minutes. */
import type { LatencySummary, Snapshot } from '../../telemetry/types.js';
import { compactCount, milliseconds } from '../format.js';
import { graphLines } from '../graph.js';
import { clip, type Line, seg } from '../line.js';
import type { UiState } from '../ui-state.js';
import { ruleLine } from './panels.js';
import type { Room } from './room.js';

/** Two marks of one axis must not read alike. */
const axisLabel = (ms: number): string => (ms > 0 && ms < 0.1 ? `${ms.toFixed(3)} ms` : milliseconds(ms));

const GRAPH_ROWS = { least: 4, most: 16 };

/** What the graph shows, one after the other by key. */
const GRAPHS: readonly [string, (snapshot: Snapshot) => (number | null)[]][] = [
  ['TTFT', ({ ttftHistory }) => ttftHistory],
  ['inter-token', ({ latencyHistory }) => latencyHistory.itlMs],
  ['queue', ({ latencyHistory }) => latencyHistory.queueMs],
  ['overhead', ({ latencyHistory }) => latencyHistory.overheadMs],
];

export function latencyView(snapshot: Snapshot, ui: UiState, { columns, rows, glyphs }: Room): Line[] {
  const { latency, eventLoopMs } = snapshot;
  const [name, values] = GRAPHS[ui.sort % GRAPHS.length]!;
  const row = (title: string, { p50, p95, p99, count }: LatencySummary): Line => [
    seg(title.padEnd(13)),
    ...[p50, p95, p99].map((value) => seg(milliseconds(value).padStart(11))),
    seg(compactCount(count).padStart(10), 'dim'),
  ];
  const figures: Line[] = [
    [
      seg(
        ['', 'p50', 'p95', 'p99', 'samples']
          .map((text, at) => (at === 0 ? text.padEnd(13) : text.padStart(at === 4 ? 10 : 11)))
          .join(''),
        'dim',
      ),
    ],
    row('TTFT', latency.ttftMs),
    row('inter-token', latency.itlMs),
    row('queue', latency.queueMs),
    row('overhead', latency.overheadMs),
    row('whole', latency.e2eMs),
    [
      seg('event loop'.padEnd(13)),
      seg(milliseconds(eventLoopMs.p50).padStart(11)),
      seg(''.padStart(11)),
      seg(milliseconds(eventLoopMs.p99).padStart(11)),
    ],
  ].map((line) => clip(line, columns));
  const room = Math.min(GRAPH_ROWS.most, Math.max(GRAPH_ROWS.least, rows - figures.length - 4));
  return [
    ...figures,
    [],
    ruleLine(`${name}, median of every 5 s`, columns, glyphs),
    ...graphLines(values(snapshot), { columns, rows: room, glyphs, label: axisLabel, eachMs: 5_000 }),
  ];
}
