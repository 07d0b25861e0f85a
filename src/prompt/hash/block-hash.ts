/**
 * Block hashes equal to NVIDIA Dynamo's: local = XXH3-64 of a block's tokens as little-endian u32, sequence =
 * XXH3-64 of (sequence before, local) as little-endian u64, the first one being its local hash. Only full
 * blocks are hashed.
 */
import { createHasher } from './hash-module.js';
import { xxh3 } from './xxh3.js';

/** Seed of every sequence hash, and of local hashes without LoRA and salt. */
const BASE_SEED = 1337n;
/** The most tokens a block may have. */
const BLOCK_TOKENS_MAX = 1024;

const hasher = createHasher();
const text = new TextEncoder();

/**
 * Local hash of each full block; `blockTokens` is 1 to 1024, `seed` comes from `blockSeed`.
 * Throws RangeError on another block size: that is a bug of the caller.
 */
export function hashBlocks(tokens: Uint32Array, blockTokens: number, seed: bigint): BigUint64Array {
  if (!Number.isInteger(blockTokens) || blockTokens < 1 || blockTokens > BLOCK_TOKENS_MAX) {
    throw new RangeError(`a block has 1 to ${BLOCK_TOKENS_MAX} tokens, not ${blockTokens}`);
  }
  return hasher.blocks(tokens, blockTokens, BigInt.asUintN(64, seed));
}

/** Sequence hashes of a chain of local hashes: each names its block together with all before it. */
export function sequenceHashes(local: BigUint64Array): BigUint64Array {
  return hasher.chain(local, BASE_SEED);
}

/** The same of a prompt's hashes, remembered for the prompts that go on from it; neither may be changed. */
export function promptSequence(local: BigUint64Array): BigUint64Array {
  const known = chains.get(local);
  if (known !== undefined) return known;
  const chain = sequenceHashes(local);
  chains.set(local, chain);
  return chain;
}

const chains = new WeakMap<BigUint64Array, BigUint64Array>();

/** The first `kept` local hashes of `before` and those of more blocks; their chain goes on from that of `before`. */
export function grownHashes(before: BigUint64Array, kept: number, added: BigUint64Array): BigUint64Array {
  const local = joined(before, kept, added);
  const chain = chains.get(before);
  if (chain === undefined || kept === 0) return local;
  // A chain starts with its first element unhashed, so the last sequence hash kept can stand in its place.
  const rest = new BigUint64Array(added.length + 1);
  rest[0] = chain[kept - 1] as bigint;
  rest.set(added, 1);
  chains.set(local, joined(chain, kept, hasher.chain(rest, BASE_SEED).subarray(1)));
  return local;
}

function joined(before: BigUint64Array, kept: number, added: BigUint64Array): BigUint64Array {
  const all = new BigUint64Array(kept + added.length);
  all.set(before.subarray(0, kept));
  all.set(added, kept);
  return all;
}

/**
 * Seed of local hashes: 1337 + XXH3(LoRA name, seed 0) + XXH3(cache salt, seed 1), modulo 2^64; an absent or
 * empty term adds nothing.
 */
export function blockSeed(facts: { loraName?: string | undefined; cacheSalt?: string | undefined }): bigint {
  const { loraName = '', cacheSalt = '' } = facts;
  const lora = loraName === '' ? 0n : xxh3(text.encode(loraName), 0n);
  const salt = cacheSalt === '' ? 0n : xxh3(text.encode(cacheSalt), 1n);
  return BigInt.asUintN(64, BASE_SEED + lora + salt);
}
