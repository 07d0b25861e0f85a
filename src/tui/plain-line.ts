/** One line about the stack, for logs: no colour, no escape codes, always the same order. */
import type { Snapshot } from '../telemetry/types.js';
import { marksOf } from './marks.js';

export function plainLine(snapshot: Snapshot): string {
  const { stack, workers, requests, hitRate, latency } = snapshot;
  const serving = workers.filter(({ state }) => state === 'ready').length;
  const percent = (share: number | null): string => (share === null ? '-' : `${(100 * share).toFixed(1)} %`);
  return [
    ...marksOf(snapshot),
    stack.state,
    `workers ${serving}/${workers.length}`,
    `requests ${requests.total} (${requests.active} active, ${requests.queued} queued, ${requests.failed} failed)`,
    `hit rate ${percent(hitRate.total)} of ${percent(hitRate.reachable)} reachable`,
    `TTFT p50 ${latency.ttftMs.p50 === null ? '-' : `${Math.round(latency.ttftMs.p50)} ms`}`,
  ].join(', ');
}
