/** Hashes by which the router knows pages. */
import { blockSeed, hashBlocks } from '../prompt/hash/block-hash.js';

/** Local hash of each full block; requests with unlike salts never share any. */
export function localHashes(tokens: Uint32Array, blockTokens: number, cacheSalt: string): BigUint64Array {
  return hashBlocks(tokens, blockTokens, blockSeed({ cacheSalt }));
}
