/** What a stack may compute ahead, from its settings and its engine. */
import type { WarmSettings } from '../gateway/types.js';
import type { Plan } from '../plan/types.js';
import { adapterOf } from './adapters.js';
import { priorityField } from './engine-fields.js';

/** As `--set warm.…` gives it. */
export interface WarmChoice {
  share: number;
  nextTurn: WarmSettings['nextTurn'];
}

/** A quarter: an agent's answers, computed once more as history, are less than its tool results. */
export const WARM_DEFAULTS: WarmChoice = { share: 0.25, nextTurn: 'certain' };
export const NEXT_TURNS: readonly WarmSettings['nextTurn'][] = ['certain', 'hinted', 'never'];
/** A few system prompts of agents. */
const HEAD_START_TOKENS = 32_768;
/** Below every priority a client can give, within what every engine can take. */
const LOWEST = -(2 ** 30);

/** Tokens of KV that workers and tiers can keep; 0 where nobody knows, and then nothing is bounded by it. */
export function pinnableTokens({ workers }: Plan, tierTokens: number): number {
  if (workers.some(({ kvBlocks }) => kvBlocks === null)) return 0;
  return (
    tierTokens + workers.reduce((sum, { kvBlocks, blockTokens }) => sum + (kvBlocks ?? 0) * blockTokens, 0)
  );
}

export function warmSettings(plan: Plan, { share, nextTurn }: WarmChoice): WarmSettings {
  const adapter = adapterOf(plan.engine);
  const attached = new Map(plan.workers.map((worker) => [worker.id, worker.attached]));
  return {
    share,
    nextTurn,
    headStart: HEAD_START_TOKENS,
    // One core computes everything: beside a running answer each prompt would slow it to half.
    needsIdle: plan.engine === 'embedded',
    kvBlocks: (worker) => plan.workers.find(({ id }) => id === worker)?.kvBlocks ?? 0,
    fields: (worker) => ({
      ...priorityField(adapter, LOWEST, attached.get(worker)),
      ...(adapter.warmField === undefined ? {} : { [adapter.warmField]: true }),
    }),
    ...(adapter.retentionField === undefined ? {} : { retentionField: adapter.retentionField }),
  };
}
