/** Reading `BlockIndex.answer`: four entries per lane, in the order of `TIERS`. */
import { TIERS, type TierBlocks } from '../types.js';
import type { Lane } from './types.js';

/** Blocks matched by one lane, tier by tier. */
export function tierBlocks(answer: Uint32Array, lane: Lane): TierBlocks {
  const at = lane * TIERS.length;
  return { gpu: answer[at]!, cpu: answer[at + 1]!, disk: answer[at + 2]!, remote: answer[at + 3]! };
}
