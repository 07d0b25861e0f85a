/** Tiers, the block index, the router's faults and the stack's own process. */
import type { Snapshot, TierSnapshot, WarmSnapshot } from '../types.js';
import type { MetricsCollector } from './collector.js';
import type { Family } from './types.js';

export function cacheFamilies(
  { tiers, warm, index, router }: Snapshot,
  collected: MetricsCollector,
): Family[] {
  const { stored, removed, cleared } = collected.events;
  const applied = (event_type: string) => ({ event_type, status: 'ok' });
  return [
    ...tierFamilies(tiers),
    ...warmFamilies(warm),
    gauge('dynamo_router_index_blocks', 'Blocks in the index.', index.blocks),
    gauge('dynamo_router_index_bytes', 'Memory of the index.', index.bytes),
    {
      name: 'dynamo_component_kv_cache_events_applied',
      type: 'unknown',
      help: 'KV events applied to the index, by what they say.',
      samples: [
        [applied('stored'), stored],
        [applied('removed'), removed],
        [applied('cleared'), cleared],
      ],
    },
    counter('dynamo_router_kv_gaps', "Gaps seen in workers' events.", index.gaps),
    counter('dynamo_router_resyncs', 'Workers whose part of the index had to be dropped.', index.resyncs),
    {
      name: 'dynamo_router_policy_faults',
      type: 'counter',
      help: "Decisions and outcomes a user's own router got wrong.",
      samples: [[{ policy: router.policy }, router.faults]],
    },
  ];
}

/** The engines' own memory knows neither bytes nor promises. */
function tierFamilies(tiers: readonly TierSnapshot[]): Family[] {
  const below = tiers.filter(({ name }) => name !== 'gpu');
  const each = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    pick: (tier: TierSnapshot) => number | null | undefined,
    of: readonly TierSnapshot[] = below,
  ): Family => ({
    name: `dynamo_tier_${name}`,
    type,
    help,
    samples: of.map((tier) => [{ tier: tier.name }, pick(tier) ?? null]),
  });
  return [
    each('blocks', 'gauge', 'Blocks in a tier.', ({ blocks }) => blocks, tiers),
    each('hit_tokens', 'counter', 'Prompt tokens read from a tier.', ({ hitTokens }) => hitTokens, tiers),
    each('size_bytes', 'gauge', 'Bytes in a tier.', ({ bytes }) => bytes),
    each('quota_bytes', 'gauge', 'Bytes a tier may hold.', ({ bytesMax }) => bytesMax),
    each('read_bytes', 'counter', 'Bytes read from a tier.', ({ readBytes }) => readBytes),
    each('written_bytes', 'counter', 'Bytes written to a tier.', ({ writtenBytes }) => writtenBytes),
    each('evicted_blocks', 'counter', 'Blocks that had to leave a tier.', ({ evicted }) => evicted),
    each(
      'kept_promises',
      'counter',
      'Pages that stayed as long as was promised.',
      (tier) => tier.promisesKept,
    ),
    each('broken_promises', 'counter', 'Pages that had to go before.', (tier) => tier.promisesBroken),
    each('failed_reads', 'counter', 'Reads that found no page, or a wrong one.', ({ misses }) => misses),
    each('up', 'gauge', 'Whether a tier is used just now.', ({ fault }) => (fault ? 0 : 1)),
  ];
}

/** What was computed ahead is in no other figure. */
function warmFamilies({ causes, computedTokens, promptTokens, promises }: WarmSnapshot): Family[] {
  const samples = Object.entries(causes).flatMap(([cause, outcomes]) =>
    Object.entries(outcomes).map(([outcome, count]) => [{ cause, outcome }, count] as const),
  );
  return [
    {
      name: 'dynamo_warm_prefixes',
      type: 'counter',
      help: 'Prefixes to be computed ahead of their requests, by why and by how that ended.',
      samples,
    },
    {
      name: 'dynamo_warm_promises',
      type: 'counter',
      help: 'Lifetimes clients asked of engines that keep none, by whether they held.',
      samples: [
        [{ held: 'yes' }, promises.kept],
        [{ held: 'no' }, promises.broken],
      ],
    },
    counter('dynamo_warm_prompt_tokens', 'Their tokens.', promptTokens),
    counter('dynamo_warm_computed_tokens', 'Of them, tokens that had to be computed.', computedTokens),
  ];
}

export function processFamilies({ stack, at, eventLoopMs, memory, tracing }: Snapshot): Family[] {
  const { name, recipe, variant, model, router, isSimulated } = stack;
  const late = (percentile: string, ms: number | null) =>
    [{ percentile }, ms === null ? null : ms / 1000] as const;
  return [
    {
      name: 'dynamo_stack',
      type: 'info',
      help: 'What runs here.',
      samples: [[{ stack: name, recipe, variant, model, router, simulated: `${isSimulated}` }, 1]],
    },
    gauge('dynamo_stack_up', 'Whether every worker serves.', stack.state === 'ready' ? 1 : 0),
    gauge(
      'dynamo_component_uptime_seconds',
      'Time since the stack was asked for.',
      (at - stack.startedAt) / 1000,
    ),
    {
      name: 'dynamo_stack_event_loop_delay_seconds',
      type: 'gauge',
      help: "How late the stack's event loop is, over the last one to two minutes.",
      samples: [
        late('50', eventLoopMs.p50),
        late('99', eventLoopMs.p99),
        late('99.9', eventLoopMs.p999),
        late('100', eventLoopMs.max),
      ],
    },
    gauge('dynamo_stack_resident_memory_bytes', "Memory of the stack's process.", memory.residentBytes),
    gauge('dynamo_stack_used_heap_bytes', 'JavaScript heap in use.', memory.heapUsedBytes),
    ...(tracing === null
      ? []
      : [
          counter('dynamo_stack_traces_sent', 'Requests whose traces the collector has taken.', tracing.sent),
          counter('dynamo_stack_traces_lost', 'Requests whose traces it will never have.', tracing.lost),
        ]),
  ];
}

const gauge = (name: string, help: string, value: number): Family => ({
  name,
  type: 'gauge',
  help,
  samples: [[{}, value]],
});

const counter = (name: string, help: string, value: number): Family => ({
  name,
  type: 'counter',
  help,
  samples: [[{}, value]],
});
