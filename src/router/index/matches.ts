/** Reading the answer of `BlockIndex.match`: four entries per lane, in the order of `TIERS`. */
import { TIERS, type TierBlocks } from '../types.js';
import type { Lane } from './types.js';

/** A buffer for `match`, to be used again for every lookup. */
export function matchBuffer(): Uint32Array {
  return new Uint32Array(64 * TIERS.length);
}

/** Blocks matched by one lane, tier by tier. */
export function tierBlocks(out: Uint32Array, lane: Lane): TierBlocks {
  const at = lane * TIERS.length;
  return { gpu: out[at]!, cpu: out[at + 1]!, disk: out[at + 2]!, remote: out[at + 3]! };
}

/** Blocks matched by one lane over all tiers. */
export function totalBlocks(out: Uint32Array, lane: Lane): number {
  const at = lane * TIERS.length;
  return out[at]! + out[at + 1]! + out[at + 2]! + out[at + 3]!;
}
