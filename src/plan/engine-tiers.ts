/** Which tiers an engine can have, from those asked for. Pure. */
import { DynamoError } from '../errors.js';
import type { EngineName, TierPlan } from './types.js';

export interface EngineTiers {
  tiers: TierPlan[];
  /** What was left out of a recipe's tiers, and why. */
  notes: string[];
}

/**
 * `isAsked` = the user named them: what cannot be is an error then, not a note. Engines of their own copy down from GPU memory
 * through the host's, so nothing lies below without a `cpu` tier, and that one needs a size.
 */
export function engineTiers(
  engine: EngineName,
  wanted: readonly TierPlan[],
  { isAsked, isOnProcessors }: { isAsked: boolean; isOnProcessors: boolean },
): EngineTiers {
  if (wanted.length === 0) return { tiers: [], notes: [] };
  const refusal = refusalOf(engine, wanted, isOnProcessors);
  if (refusal === null) return { tiers: [...wanted], notes: [] };
  if (!isAsked) return { tiers: [], notes: [`no tiers: ${refusal}`] };
  throw new DynamoError('usage', {
    detail: `\`--tiers\` is not possible with this engine: ${refusal}.`,
    remedy: 'Leave --tiers out, or write --tiers none.',
  });
}

function refusalOf(engine: EngineName, wanted: readonly TierPlan[], isOnProcessors: boolean): string | null {
  if (engine === 'embedded') return null;
  if (engine !== 'vllm' && engine !== 'sglang') return `${engine} gets none from here`;
  if (isOnProcessors) return `${engine} copies KV out of GPU memory only, and this runs on processors`;
  const cpu = wanted.find(({ name }) => name === 'cpu');
  if (cpu === undefined || cpu.bytesMax === null)
    return `${engine} copies KV through the host's memory: name a \`cpu\` tier and its size`;
  const remote = wanted.find(({ name }) => name === 'remote');
  if (remote === undefined) return null;
  if (engine === 'sglang') return 'sglang has no object store among its tiers here';
  return remote.at?.startsWith('s3://') === true ? null : 'vllm knows s3:// as a remote tier only';
}
