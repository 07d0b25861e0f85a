/** What a running stack tells for a report: `GET /dynamo/v1/report`. */
import type { MetricsCollector } from './metrics/collector.js';
import type { Distribution } from './metrics/types.js';
import type { RunHistory } from './run-history.js';
import type { Snapshot } from './types.js';

/** Seconds. */
export interface RunDistributions {
  ttft: Distribution;
  interToken: Distribution;
  queue: Distribution;
  overhead: Distribution;
  request: Distribution;
}

export interface RunReport {
  version: 1;
  snapshot: Snapshot;
  history: RunHistory;
  distributions: RunDistributions;
}

export function runReport(snapshot: Snapshot, history: RunHistory, { of }: MetricsCollector): RunReport {
  const plain = ({ bounds, counts, sum, count }: Distribution): Distribution => ({
    bounds,
    counts: Array.from(counts),
    sum,
    count,
  });
  return {
    version: 1,
    snapshot,
    history,
    distributions: {
      ttft: plain(of.firstToken),
      interToken: plain(of.interToken),
      queue: plain(of.queue),
      overhead: plain(of.overhead),
      request: plain(of.request),
    },
  };
}
