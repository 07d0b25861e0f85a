/** The latency view: percentiles, and time to first token over the last minutes. */
import type { LatencySummary, Snapshot } from '../../telemetry/types.js';
import { compactCount, milliseconds } from '../format.js';
import { graphLines } from '../graph.js';
import { clip, type Line, seg } from '../line.js';
import { ruleLine } from './panels.js';
import type { Room } from './room.js';

const GRAPH_ROWS = { least: 4, most: 16 };

export function latencyView(snapshot: Snapshot, { columns, rows, glyphs }: Room): Line[] {
  const { latency, eventLoopMs, ttftHistory } = snapshot;
  const row = (name: string, { p50, p95, p99, count }: LatencySummary): Line => [
    seg(name.padEnd(13)),
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
    ruleLine('TTFT, median of every 5 s', columns, glyphs),
    ...graphLines(ttftHistory, { columns, rows: room, glyphs, label: milliseconds, eachMs: 5_000 }),
  ];
}
