/**
 * Names of KV blocks: a chain of hashes over token ids, seeded with everything that changes KV bytes.
 * Never a hash of the bytes: blocks of decoded tokens are valid but not bit-equal to prefilled ones.
 */
import { createHash } from 'node:crypto';

/**
 * Tokens of a block. Prefill in multiples of 64 rows gives bit-identical KV whatever the chunks (smaller batches
 * use other kernels), so a block is also the unit that prefill is cut at.
 */
export const BLOCK_TOKENS = 64;

export interface ChainFacts {
  modelSha256: string;
  libraryVersion: string;
  /** Element types of keys and values, for example `f16`. */
  kvType: string;
  /** Position encoding as computed: type, scale, trained context. */
  rope: string;
}

/** Parent of a chain's first block. Unlike salts give unlike chains from the first block on. */
export function chainRoot(facts: ChainFacts, cacheSalt: string): bigint {
  const text = JSON.stringify([
    'dynamo-embedded',
    1,
    facts.modelSha256,
    facts.libraryVersion,
    facts.kvType,
    facts.rope,
    BLOCK_TOKENS,
    cacheSalt,
  ]);
  return first64(createHash('sha256').update(text).digest());
}

/** First 8 bytes (little-endian) of sha256(parent as u64 LE ‖ token ids as u32 LE). */
export function blockHash(parent: bigint, tokens: Uint32Array): bigint {
  const head = Buffer.allocUnsafe(8);
  head.writeBigUInt64LE(parent);
  // Every platform we ship for is little-endian, so the array's own bytes are the ids as u32 LE.
  const ids = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
  return first64(createHash('sha256').update(head).update(ids).digest());
}

function first64(digest: Buffer): bigint {
  return digest.readBigUInt64LE(0);
}
