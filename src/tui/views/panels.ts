/** The screen's panels as lines: pure functions of a snapshot and a width. */
import type { LatencySummary, RequestSnapshot, Snapshot, WorkerSnapshot } from '../../telemetry/types.js';
import { clockTime, compactCount, duration, milliseconds, percent } from '../format.js';
import {
  bar,
  clip,
  type Glyphs,
  type Line,
  seg,
  sparkline,
  spread,
  type Tone,
  whole,
  widthOf,
} from '../line.js';
import { marksOf } from '../marks.js';
import { STATE_TONES } from '../tones.js';

const stateSeg = (state: string, width = 0) => seg(state.padEnd(width), STATE_TONES[state] ?? 'plain');

export function headerLines(snapshot: Snapshot, columns: number, glyphs: Glyphs): Line[] {
  const { stack, at } = snapshot;
  const dot = seg(` ${glyphs.dot} `, 'dim');
  // Degraded is a state that must not be overlooked: its mark says it.
  const marks = [
    ...(stack.state === 'degraded' ? [] : [stateSeg(stack.state)]),
    ...marksOf(snapshot).map((mark) => seg(mark, 'warn')),
  ].flatMap((mark, index) => (index === 0 ? [mark] : [dot, mark]));
  const nameRoom = Math.max(0, columns - widthOf(marks) - 'dynamo   '.length);
  const left: Line = [seg('dynamo', 'title'), seg(` ${stack.name.slice(0, nameRoom)}  `, 'dim'), ...marks];
  const right: Line = [seg(stack.url, 'accent')];
  const facts: Line = [
    seg(stack.model, 'title'),
    dot,
    seg(`${stack.recipe}/${stack.variant}`),
    dot,
    seg(`router ${stack.router}`),
  ];
  // What the figures are worth comes before the address.
  const isWide = widthOf(left) + widthOf(right) < columns;
  return [
    isWide ? spread(left, right, columns) : clip(left, columns),
    spread(facts, [seg(`up ${duration(at - stack.startedAt)}`, 'dim')], columns),
  ];
}

export function ruleLine(title: string, columns: number, glyphs: Glyphs): Line {
  return [
    seg(`${glyphs.rule}${glyphs.rule} `, 'dim'),
    seg(title, 'title'),
    seg(` ${glyphs.rule.repeat(Math.max(0, columns - title.length - 4))}`, 'dim'),
  ];
}

export function workerLines(workers: readonly WorkerSnapshot[], columns: number, glyphs: Glyphs): Line[] {
  // Without the bar all figures fit into 80 columns; it is drawn in what is left.
  const barWidth = Math.min(20, Math.max(0, columns - 86));
  const head = [
    'worker'.padEnd(7),
    'state'.padEnd(18),
    'active'.padStart(6),
    'waiting'.padStart(8),
    'KV'.padStart(barWidth + 10),
    'hit'.padStart(8),
    'tok/s'.padStart(8),
    'restarts'.padStart(9),
    '  feed',
  ];
  const lines = [
    head.map((text) => seg(text, 'dim')),
    ...workers.map((worker) => workerLine(worker, barWidth, glyphs)),
  ];
  return lines.map((line) => whole(line, columns));
}

function workerLine(worker: WorkerSnapshot, barWidth: number, glyphs: Glyphs): Line {
  const { kv, active } = worker;
  const used = kv.blocksTotal === 0 ? null : kv.blocksUsed / kv.blocksTotal;
  const hit = worker.promptTokens === 0 ? null : worker.cachedTokens / worker.promptTokens;
  const phase = worker.state === 'ready' || worker.phase === '' ? '' : ` ${worker.phase}`;
  return [
    seg(worker.id.padEnd(7), 'title'),
    stateSeg(`${worker.state}${phase}`.slice(0, 17).padEnd(18)),
    seg(String(active.requests).padStart(6), active.requests > 0 ? 'accent' : 'plain'),
    seg(String(active.waiting).padStart(8), active.waiting > 0 ? 'warn' : 'plain'),
    seg(`  ${bar(used, barWidth, glyphs)}`, 'accent'),
    seg(percent(used).padStart(8)),
    seg(percent(hit).padStart(8), hit === null ? 'dim' : 'good'),
    seg(worker.tokensPerSecond.toFixed(1).padStart(8)),
    seg(String(worker.restarts).padStart(9), worker.restarts > 0 ? 'warn' : 'plain'),
    seg(`  ${worker.feed}`, worker.feed === 'approximate' ? 'warn' : 'dim'),
  ];
}

export function cacheLines(snapshot: Snapshot, columns: number, glyphs: Glyphs): Line[] {
  const { hitRate, tokens, readWriteRatio, tiers } = snapshot;
  const width = Math.min(24, Math.max(6, columns - 34));
  const predicted = tokens.prompt === 0 ? null : tokens.predicted / tokens.prompt;
  const row = (name: string, share: number | null, tone: Tone): Line => [
    seg(name.padEnd(13)),
    seg(bar(share, width, glyphs), tone),
    seg(percent(share).padStart(9), share === null ? 'dim' : 'plain'),
  ];
  // One segment each: a tier is told with both figures or not at all.
  const tierLine: Line = tiers.map(({ name, blocks, hitTokens }) =>
    seg(`${name} ${compactCount(blocks)} blocks, ${compactCount(hitTokens)} hit`.padEnd(25)),
  );
  const lines: Line[] = [
    row('hit rate', hitRate.total, 'good'),
    row('last minute', hitRate.lastMinute, 'good'),
    row('reachable', hitRate.reachable, 'accent'),
    row('predicted', predicted, 'accent'),
    [
      seg('tokens'.padEnd(13)),
      seg(
        `${compactCount(tokens.cached)} cached / ${compactCount(tokens.prompt)} prompt  read/write ${(readWriteRatio ?? 0).toFixed(1)}`,
      ),
    ],
  ].map((line) => clip(line, columns));
  return [...lines, whole([seg('tiers'.padEnd(13)), ...tierLine], columns)];
}

export function latencyLines(snapshot: Snapshot, columns: number, glyphs: Glyphs): Line[] {
  const { latency, ttftHistory } = snapshot;
  const row = (name: string, { p50, p95, p99 }: LatencySummary): Line => [
    seg(name.padEnd(13)),
    seg(milliseconds(p50).padStart(9)),
    seg(milliseconds(p95).padStart(10)),
    seg(milliseconds(p99).padStart(10)),
  ];
  const lines: Line[] = [
    [seg(`${''.padEnd(13)}${'p50'.padStart(9)}${'p95'.padStart(10)}${'p99'.padStart(10)}`, 'dim')],
    row('TTFT', latency.ttftMs),
    row('inter-token', latency.itlMs),
    row('queue', latency.queueMs),
    row('overhead', latency.overheadMs),
    [
      seg('TTFT, 5 min'.padEnd(13), 'dim'),
      seg(sparkline(ttftHistory, Math.min(60, Math.max(8, columns - 14)), glyphs), 'accent'),
    ],
  ];
  return lines.map((line) => clip(line, columns));
}

export function requestLines(snapshot: Snapshot, columns: number, count: number): Line[] {
  const head = [
    'time'.padEnd(10),
    'dialect'.padEnd(12),
    'worker'.padEnd(8),
    'cached / prompt'.padStart(16),
    'output'.padStart(8),
    'TTFT'.padStart(10),
    `  ${'state'.padEnd(10)}`,
    'session',
  ];
  const newest = [...snapshot.recent]
    .sort((a, b) => b.startedAt - a.startedAt)
    .slice(0, Math.max(0, count - 1));
  const lines = [head.map((text) => seg(text, 'dim')), ...newest.map(requestLine)];
  return count <= 0 ? [] : lines.map((line) => withName(line, columns));
}

/** The last column is a name, which may be cut; the figures before it may not. */
function withName(line: Line, columns: number): Line {
  const figures = line.slice(0, -1);
  const kept = whole(figures, columns);
  return kept.length === figures.length ? clip(line, columns) : kept;
}

function requestLine(request: RequestSnapshot): Line {
  const { session, harness } = request;
  const name = harness === 'unknown' ? (session ?? '-') : `${harness} ${session ?? ''}`.trim();
  const isCached = request.cachedTokens > 0;
  return [
    seg(clockTime(request.startedAt).padEnd(10), 'dim'),
    seg(request.dialect.padEnd(12)),
    seg((request.worker ?? '-').padEnd(8), 'title'),
    seg(compactCount(request.cachedTokens).padStart(8), isCached ? 'good' : 'dim'),
    seg(` / ${compactCount(request.promptTokens).padStart(5)}`),
    seg(compactCount(request.outputTokens).padStart(8)),
    seg(milliseconds(request.ttftMs).padStart(10)),
    seg('  '),
    stateSeg(request.state, 10),
    seg(name, 'dim'),
  ];
}
