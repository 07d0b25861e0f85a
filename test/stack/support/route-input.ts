import { blockSeed, hashBlocks } from '../../../src/prompt/hash/block-hash.js';
import type { RouteInput } from '../../../src/router/types.js';

/** A prompt of these tokens as the router gets it. */
export function routeInput(tokens: readonly number[], blockTokens: number): RouteInput {
  return {
    requestId: 'r',
    promptTokens: tokens.length,
    blockTokens,
    localHashes: hashBlocks(Uint32Array.from(tokens), blockTokens, blockSeed({})),
    priority: 0,
    strictPriority: 0,
  };
}
