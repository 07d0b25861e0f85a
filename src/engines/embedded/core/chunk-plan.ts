/** Rows of the next prefill call. Pure. */
import { BLOCK_TOKENS } from './block-hash.js';

/** Rows of a chunk when nobody decodes: as fast as larger ones, and a cancel waits half a second at most. */
export const CHUNK_ROWS_ALONE = 256;
/** Rows while others decode: their pause between tokens is one chunk. */
export const CHUNK_ROWS_SHARED = 64;

/**
 * Full blocks go in multiples of 64 rows from a block boundary; the tail that fills no block is a call of its own.
 * So a position's KV depends on the prompt alone, never on the neighbours or on what was cached.
 */
export function nextChunk(doneTokens: number, promptTokens: number, isAlone: boolean): number {
  const aligned = promptTokens - (promptTokens % BLOCK_TOKENS);
  if (doneTokens >= aligned) return promptTokens - doneTokens;
  return Math.min(aligned - doneTokens, isAlone ? CHUNK_ROWS_ALONE : CHUNK_ROWS_SHARED);
}

/** Leading blocks of a prompt that may come from the cache: at least one token must be computed for its logits. */
export function reusableBlocks(promptTokens: number): number {
  return Math.floor((promptTokens - 1) / BLOCK_TOKENS);
}

/**
 * Rows a prefill call is filled up to (with rows that are dropped again). Under 64 rows attention goes row by row,
 * which far into a context costs more than a whole block: 48 rows took 387 ms after 2,048 tokens, 64 rows 209 ms.
 * Fitted to such figures of one core: alone ≈ rows × (1 + position ÷ 640), filled ≈ 60 × (1 + position ÷ 2400), in
 * the same unit. Depends on the prompt alone, like everything that could change a result.
 */
export function paddedRows(position: number, rows: number): number {
  if (rows <= 1 || rows >= BLOCK_TOKENS) return rows;
  const alone = rows * (1 + position / 640);
  const filled = 60 * (1 + position / 2400);
  return alone > filled ? BLOCK_TOKENS : rows;
}
