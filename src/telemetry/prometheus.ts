/** The snapshot as Prometheus text, under NVIDIA Dynamo's names where it has the same figure. */
import type { LatencySummary, Snapshot } from './types.js';

type Labels = Record<string, string>;

export function prometheusText(snapshot: Snapshot): string {
  const lines: string[] = [];
  const metric = (name: string, type: 'counter' | 'gauge' | 'summary', help: string, samples: [Labels, number | null, string?][]): void => {
    const known = samples.filter(([, value]) => value !== null);
    if (known.length === 0) return;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value, suffix = ''] of known) lines.push(`${name}${suffix}${labelText(labels)} ${value}`);
  };
  const { requests, tokens, hitRate, latency, workers, tiers, index } = snapshot;
  const model = { model: snapshot.stack.model };
  metric('dynamo_frontend_requests_total', 'counter', 'Requests received.', [[model, requests.total]]);
  metric('dynamo_frontend_requests_ended_total', 'counter', 'Requests that did not end well, by how.', [
    [{ ...model, how: 'failed' }, requests.failed],
    [{ ...model, how: 'cancelled' }, requests.cancelled],
    [{ ...model, how: 'rejected' }, requests.rejected],
  ]);
  metric('dynamo_frontend_active_requests', 'gauge', 'Requests now in work.', [[model, requests.active]]);
  metric('dynamo_frontend_router_queue_pending_requests', 'gauge', 'Requests waiting for admission.', [[model, requests.queued]]);
  metric('dynamo_frontend_input_tokens_total', 'counter', 'Prompt tokens, as the engines count them.', [[model, tokens.prompt]]);
  metric('dynamo_frontend_cached_tokens_total', 'counter', 'Prompt tokens read from a cache, as the engines report them.', [[model, tokens.cached]]);
  metric('dynamo_frontend_reachable_tokens_total', 'counter', 'Prompt tokens one unlimited cache would have given.', [[model, tokens.reachable]]);
  metric('dynamo_frontend_output_tokens_total', 'counter', 'Tokens generated.', [[model, tokens.generated]]);
  metric('dynamo_component_router_kv_hit_rate', 'gauge', 'Predicted cached tokens over prompt tokens.', [
    [model, tokens.prompt === 0 ? null : tokens.predicted / tokens.prompt],
  ]);
  metric('dynamo_frontend_kv_hit_rate', 'gauge', 'Cached tokens over prompt tokens, engine-reported.', [[model, hitRate.total]]);
  for (const [name, help, summary] of [
    ['time_to_first_token', 'Time to the first token.', latency.ttftMs],
    ['inter_token_latency', 'Time between tokens.', latency.itlMs],
    ['request_duration', 'Time of a whole request.', latency.e2eMs],
    ['queue_duration', 'Time waited for admission.', latency.queueMs],
    ['overhead_duration', 'Time spent in the gateway before forwarding.', latency.overheadMs],
  ] as const) {
    metric(`dynamo_frontend_${name}_seconds`, 'summary', help, quantiles(summary, model));
  }
  const perWorker = (pick: (worker: Snapshot['workers'][number]) => number): [Labels, number][] => workers.map((worker) => [{ worker: worker.id }, pick(worker)]);
  metric('dynamo_worker_up', 'gauge', 'Whether the worker serves.', perWorker((worker) => (worker.state === 'ready' ? 1 : 0)));
  metric('dynamo_worker_active_requests', 'gauge', 'Requests on the worker.', perWorker((worker) => worker.active.requests));
  metric('dynamo_frontend_worker_active_prefill_tokens', 'gauge', 'Prompt tokens booked and not computed.', perWorker((worker) => worker.active.prefillTokens));
  metric('dynamo_frontend_worker_active_decode_blocks', 'gauge', 'KV blocks of running requests.', perWorker((worker) => worker.active.decodeBlocks));
  metric('dynamo_worker_kv_blocks', 'gauge', 'KV blocks the worker has.', perWorker((worker) => worker.kv.blocksTotal));
  metric('dynamo_worker_kv_blocks_used', 'gauge', 'KV blocks in use.', perWorker((worker) => worker.kv.blocksUsed));
  metric('dynamo_worker_prompt_tokens_total', 'counter', 'Prompt tokens of finished requests.', perWorker((worker) => worker.promptTokens));
  metric('dynamo_worker_cached_tokens_total', 'counter', 'Of them, read from the cache.', perWorker((worker) => worker.cachedTokens));
  metric('dynamo_worker_restarts_total', 'counter', 'Restarts after a crash.', perWorker((worker) => worker.restarts));
  metric('dynamo_tier_blocks', 'gauge', 'Blocks in a tier.', tiers.map((tier) => [{ tier: tier.name }, tier.blocks]));
  metric('dynamo_tier_hit_tokens_total', 'counter', 'Tokens read from a tier.', tiers.map((tier) => [{ tier: tier.name }, tier.hitTokens]));
  metric('dynamo_router_index_blocks', 'gauge', 'Blocks in the index.', [[{}, index.blocks]]);
  metric('dynamo_router_index_bytes', 'gauge', 'Memory of the index.', [[{}, index.bytes]]);
  metric('dynamo_component_kv_cache_events_applied', 'counter', 'KV events applied.', [[{}, index.events]]);
  metric('dynamo_router_event_gaps_total', 'counter', 'Gaps in the event feeds.', [[{}, index.gaps]]);
  return `${lines.join('\n')}\n`;
}

function quantiles(summary: LatencySummary, labels: Labels): [Labels, number | null, string?][] {
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
  return [
    [{ ...labels, quantile: '0.5' }, seconds(summary.p50)],
    [{ ...labels, quantile: '0.95' }, seconds(summary.p95)],
    [{ ...labels, quantile: '0.99' }, seconds(summary.p99)],
    [labels, summary.count, '_count'],
  ];
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
