/** Requests and tokens of the whole stack, under NVIDIA Dynamo's names where it has the same figure. */
import type { Snapshot } from '../types.js';
import type { MetricsCollector } from './collector.js';
import type { Distribution, Family, Labels } from './types.js';

export function frontendFamilies(snapshot: Snapshot, collected: MetricsCollector): Family[] {
  const model = { model: snapshot.stack.model };
  return [
    ...requestFamilies(snapshot, collected, model),
    ...distributionFamilies(collected, model),
    ...tokenFamilies(snapshot, model),
    ...missFamilies(snapshot, model),
  ];
}

function requestFamilies({ requests }: Snapshot, collected: MetricsCollector, model: Labels): Family[] {
  const { route, dispatch } = collected.stages();
  return [
    {
      name: 'dynamo_frontend_requests',
      type: 'counter',
      help: 'Requests that have ended, by endpoint, kind and outcome.',
      samples: collected.ended().map(({ labels, count }) => [{ ...model, ...labels }, count]),
    },
    {
      name: 'dynamo_frontend_requests_started',
      type: 'counter',
      help: 'Requests read and understood.',
      samples: [[model, requests.total]],
    },
    {
      name: 'dynamo_frontend_requests_continued',
      type: 'counter',
      help: 'Answers that went on at another worker because their own was lost.',
      samples: [[model, requests.continued]],
    },
    {
      name: 'dynamo_frontend_model_migration',
      type: 'counter',
      help: 'Requests sent to another worker because theirs was lost: anew, or from where the answer broke off.',
      samples: Object.entries(collected.migrations).map(([migration_type, count]) => [
        { ...model, migration_type },
        count,
      ]),
    },
    {
      name: 'dynamo_frontend_active_requests',
      type: 'gauge',
      help: 'Requests now in work.',
      samples: [[model, requests.active]],
    },
    {
      name: 'dynamo_frontend_inflight_requests',
      type: 'gauge',
      help: 'The same, under its older name.',
      samples: [[model, requests.active]],
    },
    {
      name: 'dynamo_frontend_stage_requests',
      type: 'gauge',
      help: 'Requests before their first token: route = tokenized, queued or chosen for, dispatch = on a worker.',
      samples: [
        [{ ...model, stage: 'route' }, route],
        [{ ...model, stage: 'dispatch' }, dispatch],
      ],
    },
    {
      name: 'dynamo_frontend_queued_requests',
      type: 'gauge',
      help: 'Requests before their first token.',
      samples: [[model, route + dispatch]],
    },
    {
      name: 'dynamo_frontend_router_queue_pending_requests',
      type: 'gauge',
      help: 'Requests that no worker was chosen for yet.',
      samples: [[model, requests.queued]],
    },
  ];
}

function distributionFamilies({ of }: MetricsCollector, model: Labels): Family[] {
  const histogram = (name: string, help: string, distribution: Distribution): Family => ({
    name,
    type: 'histogram',
    help,
    samples: [[model, distribution]],
  });
  return [
    histogram(
      'dynamo_frontend_time_to_first_token_seconds',
      "From a request's first byte to its first token.",
      of.firstToken,
    ),
    histogram('dynamo_frontend_inter_token_latency_seconds', 'Time between tokens.', of.interToken),
    histogram('dynamo_frontend_request_duration_seconds', 'Time of a whole request.', of.request),
    histogram('dynamo_frontend_queue_duration_seconds', 'Time waited for admission.', of.queue),
    histogram(
      'dynamo_frontend_overhead_duration_seconds',
      'Own time of the gateway before a request is on its way to a worker.',
      of.overhead,
    ),
    histogram(
      'dynamo_router_overhead_total_ms',
      'Milliseconds the router takes to look up and choose.',
      of.decideMs,
    ),
    histogram('dynamo_frontend_input_sequence_tokens', 'Prompt tokens of a request.', of.promptTokens),
    histogram(
      'dynamo_frontend_cached_tokens',
      'Prompt tokens of a request read from a cache, as the engine reports them.',
      of.cachedTokens,
    ),
    histogram('dynamo_frontend_output_sequence_tokens', 'Tokens generated for a request.', of.outputTokens),
    histogram(
      'dynamo_component_router_kv_hit_rate',
      'Share of a prompt the router expected to be cached where it sent it.',
      of.predictedShare,
    ),
  ];
}

function tokenFamilies({ tokens, byKind, hitRate }: Snapshot, model: Labels): Family[] {
  const counter = (name: string, help: string, value: number): Family => ({
    name: `dynamo_frontend_${name}_tokens`,
    type: 'counter',
    help,
    samples: [[model, value]],
  });
  const region = (name: string, help: string, which: 'tokens' | 'cached'): Family => ({
    name: `dynamo_frontend_${name}_tokens`,
    type: 'counter',
    help,
    samples: Object.entries(byKind).map(([kind, counts]) => [{ ...model, kind }, counts[which]]),
  });
  return [
    counter('input', 'Prompt tokens, as the engines count them.', tokens.prompt),
    counter('predicted', 'Prompt tokens the router expected to be cached.', tokens.predicted),
    counter('reachable', 'Prompt tokens one unlimited cache would have given.', tokens.reachable),
    counter('output', 'Tokens generated, told while they come.', tokens.generated),
    region('region', 'Prompt tokens by kind of region.', 'tokens'),
    region('region_cached', 'Of them, read from a cache.', 'cached'),
    {
      name: 'dynamo_frontend_kv_hit_rate',
      type: 'gauge',
      help: 'Cached tokens over prompt tokens since the start, as the engines report both.',
      samples: [[model, hitRate.total]],
    },
  ];
}

function missFamilies({ misses }: Snapshot, model: Labels): Family[] {
  const causes = Object.entries(misses);
  const counter = (
    name: string,
    help: string,
    pick: (miss: (typeof causes)[number][1]) => number,
  ): Family => ({
    name: `dynamo_frontend_${name}`,
    type: 'counter',
    help,
    samples: causes.map(([cause, miss]) => [{ ...model, cause }, pick(miss)]),
  });
  return [
    counter(
      'explained_requests',
      'Requests by why their prompt was not read from a cache.',
      (m) => m.requests,
    ),
    counter('computed_tokens', 'Prompt tokens computed, by why they were.', (m) => m.computedTokens),
    counter('repeated_tokens', 'Of them, computed before.', (m) => m.repeatedTokens),
  ];
}
