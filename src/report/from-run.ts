/** A report of a running stack. */

import type { Distribution } from '../telemetry/metrics/types.js';
import type { RunReport } from '../telemetry/run-report.js';
import type { LatencySummary, Snapshot } from '../telemetry/types.js';
import type { ReportData, ReportDistribution } from './types.js';

/** `marks` are the words that say what the figures are worth. */
export function fromRun({ snapshot, history, distributions }: RunReport, marks: string[]): ReportData {
  const { stack, requests, tokens, tiers, byKind, sessions, misses } = snapshot;
  const { latency } = snapshot;
  const told = [
    distributionOf(
      'time to first token',
      "from a request's first byte to its first token",
      distributions.ttft,
      latency.ttftMs,
    ),
    distributionOf('inter-token', 'between tokens', distributions.interToken, latency.itlMs),
    distributionOf('queue', 'waited for admission', distributions.queue, latency.queueMs),
    distributionOf('overhead', 'own time of the gateway', distributions.overhead, latency.overheadMs),
    distributionOf('whole request', 'from the first byte to the end', distributions.request, latency.e2eMs),
  ];
  return {
    version: 1,
    source: 'run',
    name: stack.name,
    model: stack.model,
    marks,
    facts: factsOf(snapshot),
    from: stack.startedAt,
    to: snapshot.at,
    requests: {
      total: requests.total,
      failed: requests.failed,
      cancelled: requests.cancelled,
      rejected: requests.rejected,
    },
    tokens: { ...tokens },
    history,
    distributions: told.filter(({ distribution }) => distribution.count > 0),
    tiers,
    kinds: Object.values(byKind).some((kind) => kind.tokens > 0) ? byKind : null,
    sessions: sessions.map(({ id, harness, role, parent, requests: count, hitRate, turns }) => ({
      id,
      harness,
      role,
      parent,
      requests: count,
      hitRate,
      turns,
    })),
    misses: Object.entries(misses)
      .map(([cause, miss]) => ({ cause: cause.replaceAll('_', ' '), ...miss }))
      .sort((a, b) => b.computedTokens - a.computedTokens),
    notes: [],
  };
}

/** Percentiles are the snapshot's, whose buckets are finer. */
function distributionOf(
  name: string,
  help: string,
  distribution: Distribution,
  summary: LatencySummary,
): ReportDistribution {
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1_000);
  const { p50, p95, p99 } = summary;
  return { name, help, distribution, p50: seconds(p50), p95: seconds(p95), p99: seconds(p99) };
}

function factsOf({ stack, workers, router }: Snapshot): [string, string][] {
  const engines = new Set(
    workers.map(({ engine, engineVersion }) => `${engine} ${engineVersion}`.trim()).filter(Boolean),
  );
  const restarts = workers.reduce((sum, worker) => sum + worker.restarts, 0);
  return [
    ['recipe', `${stack.recipe}/${stack.variant}`],
    ['workers', `${workers.length} × ${[...engines].join(', ') || 'unknown'}`],
    ['router', router.policy],
    ...(restarts === 0 ? [] : [['restarts', `${restarts}`] as [string, string]]),
  ];
}
