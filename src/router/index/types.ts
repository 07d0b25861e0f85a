/**
 * The block index: which worker holds which block on which tier.
 *
 * Two kinds of 64-bit hash meet here and must not be mixed up. *Local* hashes are ours (XXH3 of a block's
 * tokens) and name positions in the trie. *Engine* hashes are opaque ids an engine made up; they only resolve
 * parents and removals of that worker. Both travel as `BigUint64Array` (8 little-endian bytes each) and are
 * never boxed one by one.
 */
import type { Tier } from '../types.js';

/** Worker slot in the index, 0 .. 63. */
export type Lane = number;

export interface IndexStats {
  /** (worker, tier, block) memberships held. */
  blocks: number;
  /** Bytes of memory held. */
  bytes: number;
  /** Stores whose parent was unknown and that were dropped. */
  orphans: number;
  /** Stores dropped because the index had reached its bound in bytes. */
  refused: number;
}

/** One block a lane holds, for inspection. */
export interface HeldBlock {
  tier: Tier;
  /** 16 hexadecimal digits. */
  localHash: string;
  engineHash: string;
  /** Blocks from the root to this one, itself included: 1 for a prompt's first block. */
  depth: number;
}

/**
 * Contract: synchronous, never throws on unknown hashes, exact when blocks are removed from the middle
 * (a hole ends the prefix until it is refilled). Engine hash 0 is mapped to another value by the caller.
 */
export interface BlockIndex {
  /**
   * Reserves a lane; `blocks` is the number of blocks the engine announced, 0 when unknown: their memory is
   * touched now, not under load. Throws RangeError when all 64 lanes are taken.
   */
  addLane(blocks: number): Lane;
  /** Forgets everything a lane holds and frees it. */
  dropLane(lane: Lane): void;
  /**
   * Blocks became readable. `parent` is the engine hash of the block before the first one, 0n for a root.
   * A block already held takes over the new engine hash. One engine hash names one block per lane: the same on
   * every tier, so a parent may be on another tier.
   * Returns false when the parent is unknown (the store is dropped and counted as orphan) or the index is at its
   * bound (dropped and counted as refused).
   */
  store(
    lane: Lane,
    tier: Tier,
    parent: bigint,
    engineHashes: BigUint64Array,
    localHashes: BigUint64Array,
  ): boolean;
  /** Blocks left; unknown hashes are ignored. Returns how many were known. */
  remove(lane: Lane, tier: Tier, engineHashes: BigUint64Array): number;
  /** Everything a lane holds on a tier left (all tiers when omitted). */
  clear(lane: Lane, tier?: Tier): void;
  /** Longest prefix per lane, into `answer`. Returns the best total. */
  match(localHashes: BigUint64Array): number;
  /**
   * What the last `match` found, until the next call of any method: blocks held on `gpu` at `lane * 4`, then how many
   * further blocks `cpu`, `disk`, `remote` continue it by; 0 for lanes without a match.
   */
  readonly answer: Uint32Array;
  stats(): IndexStats;
  /** Blocks a lane holds, at most `limit` (default 10,000), in no particular order. Slow: for inspection only. */
  dump(lane: Lane, limit?: number): HeldBlock[];
}
