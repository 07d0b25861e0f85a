/** Event batches as a vLLM with a full cache publishes them: what a step computes is stored, as much is evicted. */
import { encode } from '@msgpack/msgpack';

export const BLOCK_TOKENS = 16;
/** Blocks of one step of the engine: 4,096 tokens. */
export const STEP_BLOCKS = 256;
export const STEPS = 400;
/** Steps whose blocks are held at once. */
const HELD_STEPS = 100;
const VOCABULARY = 150_000;

/** One round: played again and again, each step evicts what was stored `HELD_STEPS` before. */
export function roundOfBatches(): Buffer[] {
  const next = generator();
  const stored = Array.from({ length: STEPS }, () => Array.from({ length: STEP_BLOCKS }, () => hash(next)));
  return stored.map((hashes, step) => {
    const evicted = stored[(step + STEPS - HELD_STEPS) % STEPS]?.toReversed() ?? [];
    const events = [
      ...evicted.map((block) => ({
        type: 'BlockRemoved',
        block_hashes: [block],
        medium: 'GPU',
        group_idx: 0,
      })),
      {
        type: 'BlockStored',
        block_hashes: hashes,
        parent_block_hash: null,
        token_ids: Array.from({ length: STEP_BLOCKS * BLOCK_TOKENS }, () => next() % VOCABULARY),
        block_size: BLOCK_TOKENS,
        lora_id: null,
        medium: 'GPU',
        lora_name: null,
        extra_keys: hashes.map(() => null),
        group_idx: 0,
        kv_cache_spec_kind: 'full_attention',
      },
    ];
    return Buffer.from(encode([step, events, 0], { useBigInt64: true }));
  });
}

/** Blocks stored and removed by one round, all steps of it but those at whose time nothing was stored yet. */
export const BLOCKS_PER_ROUND = STEPS * STEP_BLOCKS * 2;

function hash(next: () => number): bigint {
  return (BigInt(next()) << 32n) | BigInt(next());
}

/** 32-bit numbers, always the same ones (xorshift). */
function generator(): () => number {
  let state = 2_463_534_242;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
