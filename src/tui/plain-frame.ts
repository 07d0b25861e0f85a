/** The whole screen as plain text: for `status`, `top --once` and anything that is no terminal. */
import type { LatencySummary, Snapshot, WorkerSnapshot } from '../telemetry/types.js';
import { compactCount, duration, milliseconds, percent } from './format.js';
import { gpusOf, gpuWords } from './gpus.js';
import { marksOf } from './marks.js';

/** Lines of at most `columns` characters, no escape codes. */
export function plainFrame(snapshot: Snapshot, columns = 100): string {
  const { stack, tokens, hitRate, readWriteRatio, latency, requests } = snapshot;
  const lines = [
    `${stack.name}  ${stack.state}${marksOf(snapshot)
      .map((mark) => `  ${mark}`)
      .join(
        '',
      )}  ${stack.model}  ${stack.recipe}/${stack.variant}  ${stack.url}  up ${duration(snapshot.at - stack.startedAt)}  router ${stack.router}`,
    '',
    'worker  state       phase     active waiting    KV     hit     tok/s restarts  feed',
    ...snapshot.workers.map(workerLine),
    ...gpuLines(snapshot),
    '',
    `cache     hit rate ${percent(hitRate.total)} total, ${percent(hitRate.lastMinute)} last minute, ${percent(hitRate.reachable)} reachable`,
    `          ${compactCount(tokens.cached)} of ${compactCount(tokens.prompt)} prompt tokens cached, ${compactCount(tokens.predicted)} predicted, read/write ${(readWriteRatio ?? 0).toFixed(1)}`,
    `requests  ${requests.total} total, ${requests.active} active, ${requests.queued} queued, ${requests.failed} failed, ${requests.cancelled} cancelled, ${requests.rejected} rejected${requests.continued === 0 ? '' : `, ${requests.continued} continued`}`,
    `latency   TTFT ${summary(latency.ttftMs)}   inter-token ${summary(latency.itlMs)}`,
    `          queue ${summary(latency.queueMs)}   overhead ${summary(latency.overheadMs)}`,
    ...(snapshot.router.faults === 0
      ? []
      : [
          `router    ${snapshot.router.faults} faults of ${snapshot.router.policy}, the default decided; last: ${snapshot.router.lastFault}`,
        ]),
    ...recordingLines(snapshot),
    ...tracingLines(snapshot),
    ...snapshot.warnings.slice(-3).map(({ message }) => `warning   ${message}`),
  ];
  return `${lines.map((line) => line.slice(0, columns).trimEnd()).join('\n')}\n`;
}

function recordingLines({ recording }: Snapshot): string[] {
  if (recording === null) return [];
  const { dir, files, bytes, requests, lost, fault } = recording;
  const end = fault === null ? '' : `, ended: ${fault}`;
  return [
    `record    ${requests} requests in ${files} files, ${compactCount(bytes)}B${lost === 0 ? '' : `, ${lost} lost`}${end}  ${dir}`,
  ];
}

function gpuLines({ workers, gpus }: Snapshot): string[] {
  return workers.flatMap((worker) => {
    const own = gpusOf(worker, gpus);
    return own.length === 0 ? [] : [`GPUs      ${worker.id}  ${gpuWords(own)}`];
  });
}

function tracingLines({ tracing }: Snapshot): string[] {
  if (tracing === null) return [];
  const { url, sent, lost, fault } = tracing;
  const trouble = fault === null ? '' : `, ${fault}`;
  return [`traces    ${sent} requests sent${lost === 0 ? '' : `, ${lost} lost`}${trouble}  ${url}`];
}

function workerLine(worker: WorkerSnapshot): string {
  const { kv, active } = worker;
  const used = kv.blocksTotal === 0 ? null : kv.blocksUsed / kv.blocksTotal;
  const hit = worker.promptTokens === 0 ? null : worker.cachedTokens / worker.promptTokens;
  return [
    worker.id.padEnd(7),
    worker.state.padEnd(11),
    worker.phase.padEnd(9),
    String(active.requests).padStart(6),
    String(active.waiting).padStart(7),
    percent(used).padStart(7),
    percent(hit).padStart(7),
    worker.tokensPerSecond.toFixed(1).padStart(8),
    String(worker.restarts).padStart(8),
    ` ${worker.feed}`,
  ].join(' ');
}

function summary({ p50, p95, p99 }: LatencySummary): string {
  return `${milliseconds(p50)} / ${milliseconds(p95)} / ${milliseconds(p99)}`;
}
