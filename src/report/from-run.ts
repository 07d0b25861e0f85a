/** A report of a running stack. */
import type { RunReport } from '../telemetry/run-report.js';
import type { Snapshot } from '../telemetry/types.js';
import type { ReportData } from './types.js';

/** `marks` are the words that say what the figures are worth. */
export function fromRun({ snapshot, history, distributions }: RunReport, marks: string[]): ReportData {
  const { stack, requests, tokens, tiers, byKind, sessions, misses } = snapshot;
  const told: ReportData['distributions'] = [
    ['time to first token', "from a request's first byte to its first token", distributions.ttft],
    ['inter-token', 'between tokens', distributions.interToken],
    ['queue', 'waited for admission', distributions.queue],
    ['overhead', 'own time of the gateway', distributions.overhead],
    ['whole request', 'from the first byte to the end', distributions.request],
  ].map(([name, help, distribution]) => ({ name, help, distribution })) as ReportData['distributions'];
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
