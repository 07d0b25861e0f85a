/** What workers gave up lately: which block, from which tier, when. For explaining a miss; decisions do not read it. */
import { LIMITS } from '../limits.js';
import type { Clock } from './clock.js';
import type { Lane } from './index/types.js';
import type { ReachableSet } from './reachable.js';
import { TIERS, type Tier, type WorkerId } from './types.js';
import { U64Table, wordsOf } from './u64-table.js';

export interface Eviction {
  tier: Tier;
  /** Milliseconds ago. */
  ageMs: number;
}

/** All of a worker's blocks at once: its cache was emptied, or what we knew of it could not be trusted any more. */
export interface Loss {
  why: 'cleared' | 'dropped';
  ageMs: number;
}

/**
 * Removals come by engine hash; the block's sequence hash is looked up while the reachable set still has it. Bounded: the
 * oldest removals are forgotten. A block that was stored again keeps its last removal, which a reader asks for only when
 * the block is missing.
 */
export class LossLog {
  readonly #clock: Clock;
  readonly #reachable: ReachableSet;
  readonly #evicted: U64Table;
  readonly #losses = new Map<WorkerId, { why: Loss['why']; at: number }>();
  readonly #place = new Uint32Array(2);

  constructor(clock: Clock, reachable: ReachableSet, capacity: number = LIMITS.evictionsKept) {
    this.#clock = clock;
    this.#reachable = reachable;
    this.#evicted = new U64Table(capacity, { hasValues: true });
  }

  removed(lane: Lane, tier: Tier, engineHashes: BigUint64Array): void {
    const at = Math.floor(this.#clock.now()) >>> 0;
    const words = wordsOf(engineHashes);
    for (let block = 0; block < engineHashes.length; block++) {
      if (!this.#reachable.placeOf(lane, words, block, this.#place)) continue;
      this.#mix(lane);
      this.#evicted.set(this.#place, 0, at, TIERS.indexOf(tier));
    }
  }

  lost(worker: WorkerId, why: Loss['why']): void {
    this.#losses.set(worker, { why, at: this.#clock.now() });
  }

  /** The last removal of a block from a worker; null when none is remembered. */
  evictionOf(lane: Lane, sequence: bigint): Eviction | null {
    this.#place[0] = Number(sequence & 0xffff_ffffn);
    this.#place[1] = Number(sequence >> 32n);
    this.#mix(lane);
    const value = new Uint32Array(2);
    if (!this.#evicted.has(this.#place, 0, value)) return null;
    const [at = 0, tier = 0] = value;
    // Times are kept modulo 2^32 ms, seven weeks.
    return { tier: TIERS[tier] ?? 'gpu', ageMs: (Math.floor(this.#clock.now()) - at) >>> 0 };
  }

  lossOf(worker: WorkerId): Loss | null {
    const loss = this.#losses.get(worker);
    return loss === undefined ? null : { why: loss.why, ageMs: this.#clock.now() - loss.at };
  }

  #mix(lane: Lane): void {
    this.#place[0] = (this.#place[0] as number) ^ Math.imul(lane + 1, 0x85eb_ca6b);
  }
}
