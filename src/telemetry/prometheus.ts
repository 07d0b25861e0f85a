/** The snapshot as Prometheus text, under NVIDIA Dynamo's names where it has the same figure. */
import type { LatencySummary, Snapshot, WorkerSnapshot } from './types.js';

type Labels = Record<string, string>;
/** Labels, value (null = not known yet: no sample) and the suffix of the name. */
type Sample = [Labels, number | null, string?];
type Metric = [name: string, type: 'counter' | 'gauge' | 'summary', help: string, samples: Sample[]];

export function prometheusText(snapshot: Snapshot): string {
  const metrics = [
    ...requestMetrics(snapshot),
    ...tokenMetrics(snapshot),
    ...latencyMetrics(snapshot),
    ...workerMetrics(snapshot),
    ...cacheMetrics(snapshot),
    ...processMetrics(snapshot),
  ];
  return `${metrics.flatMap(metricLines).join('\n')}\n`;
}

function requestMetrics({ requests, stack }: Snapshot): Metric[] {
  const model = { model: stack.model };
  const ended: Sample[] = (['failed', 'cancelled', 'rejected'] as const).map((how) => [
    { ...model, how },
    requests[how],
  ]);
  return [
    ['dynamo_frontend_requests_total', 'counter', 'Requests received.', [[model, requests.total]]],
    ['dynamo_frontend_requests_ended_total', 'counter', 'Requests that did not end well, by how.', ended],
    ['dynamo_frontend_active_requests', 'gauge', 'Requests now in work.', [[model, requests.active]]],
    [
      'dynamo_frontend_router_queue_pending_requests',
      'gauge',
      'Requests waiting for admission.',
      [[model, requests.queued]],
    ],
  ];
}

function tokenMetrics({ tokens, byKind, hitRate, stack }: Snapshot): Metric[] {
  const model = { model: stack.model };
  const predicted = tokens.prompt === 0 ? null : tokens.predicted / tokens.prompt;
  const counter = (name: string, help: string, value: number): Metric => [
    `dynamo_frontend_${name}_tokens_total`,
    'counter',
    help,
    [[model, value]],
  ];
  const region = (name: string, help: string, which: 'tokens' | 'cached'): Metric => [
    `dynamo_frontend_${name}_tokens_total`,
    'counter',
    help,
    Object.entries(byKind).map(([kind, counts]) => [{ ...model, kind }, counts[which]]),
  ];
  return [
    counter('input', 'Prompt tokens, as the engines count them.', tokens.prompt),
    counter('cached', 'Prompt tokens read from a cache, as the engines report them.', tokens.cached),
    counter('reachable', 'Prompt tokens one unlimited cache would have given.', tokens.reachable),
    counter('output', 'Tokens generated.', tokens.generated),
    region('region', 'Prompt tokens by kind of region.', 'tokens'),
    region('region_cached', 'Of them, read from a cache.', 'cached'),
    [
      'dynamo_component_router_kv_hit_rate',
      'gauge',
      'Predicted cached tokens over prompt tokens.',
      [[model, predicted]],
    ],
    [
      'dynamo_frontend_kv_hit_rate',
      'gauge',
      'Cached tokens over prompt tokens, engine-reported.',
      [[model, hitRate.total]],
    ],
  ];
}

function latencyMetrics({ latency, stack }: Snapshot): Metric[] {
  const summary = (name: string, help: string, values: LatencySummary): Metric => [
    `dynamo_frontend_${name}_seconds`,
    'summary',
    help,
    quantiles(values, { model: stack.model }),
  ];
  return [
    summary('time_to_first_token', 'Time to the first token.', latency.ttftMs),
    summary('inter_token_latency', 'Time between tokens.', latency.itlMs),
    summary('request_duration', 'Time of a whole request.', latency.e2eMs),
    summary('queue_duration', 'Time waited for admission.', latency.queueMs),
    summary('overhead_duration', 'Time spent in the gateway before forwarding.', latency.overheadMs),
  ];
}

function workerMetrics({ workers }: Snapshot): Metric[] {
  const each = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    pick: (worker: WorkerSnapshot) => number,
  ): Metric => [`dynamo_${name}`, type, help, workers.map((worker) => [{ worker: worker.id }, pick(worker)])];
  return [
    each('worker_up', 'gauge', 'Whether the worker serves.', ({ state }) => (state === 'ready' ? 1 : 0)),
    each('worker_active_requests', 'gauge', 'Requests on the worker.', ({ active }) => active.requests),
    each(
      'frontend_worker_active_prefill_tokens',
      'gauge',
      'Prompt tokens booked and not computed.',
      ({ active }) => active.prefillTokens,
    ),
    each(
      'frontend_worker_active_decode_blocks',
      'gauge',
      'KV blocks of running requests.',
      ({ active }) => active.decodeBlocks,
    ),
    each('worker_kv_blocks', 'gauge', 'KV blocks the worker has.', ({ kv }) => kv.blocksTotal),
    each('worker_kv_blocks_used', 'gauge', 'KV blocks in use.', ({ kv }) => kv.blocksUsed),
    each(
      'worker_prompt_tokens_total',
      'counter',
      'Prompt tokens of finished requests.',
      (w) => w.promptTokens,
    ),
    each('worker_cached_tokens_total', 'counter', 'Of them, read from the cache.', (w) => w.cachedTokens),
    each('worker_restarts_total', 'counter', 'Restarts after a crash.', ({ restarts }) => restarts),
  ];
}

function cacheMetrics({ tiers, index, router }: Snapshot): Metric[] {
  return [
    [
      'dynamo_tier_blocks',
      'gauge',
      'Blocks in a tier.',
      tiers.map(({ name, blocks }) => [{ tier: name }, blocks]),
    ],
    [
      'dynamo_tier_hit_tokens_total',
      'counter',
      'Tokens read from a tier.',
      tiers.map(({ name, hitTokens }) => [{ tier: name }, hitTokens]),
    ],
    ['dynamo_router_index_blocks', 'gauge', 'Blocks in the index.', [[{}, index.blocks]]],
    ['dynamo_router_index_bytes', 'gauge', 'Memory of the index.', [[{}, index.bytes]]],
    ['dynamo_component_kv_cache_events_applied', 'counter', 'KV events applied.', [[{}, index.events]]],
    [
      'dynamo_router_index_refused_total',
      'counter',
      'Stores left out at the bound of the index.',
      [[{}, index.refused]],
    ],
    [
      'dynamo_router_policy_faults_total',
      'counter',
      'Decisions the policy got wrong.',
      [[{ policy: router.policy }, router.faults]],
    ],
    ['dynamo_router_event_gaps_total', 'counter', 'Gaps in the event feeds.', [[{}, index.gaps]]],
  ];
}

function processMetrics({ eventLoopMs, memory, stack }: Snapshot): Metric[] {
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
  return [
    [
      'dynamo_stack_event_loop_delay_seconds',
      'gauge',
      "How late the stack's event loop is, over the last one to two minutes.",
      [
        [{ model: stack.model, quantile: '0.5' }, seconds(eventLoopMs.p50)],
        [{ model: stack.model, quantile: '0.99' }, seconds(eventLoopMs.p99)],
        [{ model: stack.model, quantile: '0.999' }, seconds(eventLoopMs.p999)],
        [{ model: stack.model, quantile: '1' }, seconds(eventLoopMs.max)],
      ],
    ],
    [
      'dynamo_stack_resident_memory_bytes',
      'gauge',
      "Memory of the stack's process.",
      [[{}, memory.residentBytes]],
    ],
    ['dynamo_stack_heap_used_bytes', 'gauge', 'JavaScript heap in use.', [[{}, memory.heapUsedBytes]]],
  ];
}

function quantiles(summary: LatencySummary, labels: Labels): Sample[] {
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
  return [
    [{ ...labels, quantile: '0.5' }, seconds(summary.p50)],
    [{ ...labels, quantile: '0.95' }, seconds(summary.p95)],
    [{ ...labels, quantile: '0.99' }, seconds(summary.p99)],
    [labels, summary.count, '_count'],
  ];
}

function metricLines([name, type, help, samples]: Metric): string[] {
  const known = samples.filter(([, value]) => value !== null);
  if (known.length === 0) return [];
  const lines = known.map(([labels, value, suffix = '']) => `${name}${suffix}${labelText(labels)} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
