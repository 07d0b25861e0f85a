/** Blocks believed to be held by workers that publish no events, from what they computed. */
import { LIMITS } from '../limits.js';
import { BelievedBlocks } from './believed.js';
import type { Clock } from './clock.js';
import type { BlockIndex, Lane } from './index/types.js';
import { wordsOf } from './u64-table.js';

interface Believed {
  /** Sequence hashes, soonest expiry first, and of one prompt the deepest block first. */
  blocks: BelievedBlocks;
  blocksMax: number;
  lifetimeMs: number;
  /** The engine has reported cached tokens at least once, so a report of none means something. */
  doesReport: boolean;
}

/** Share of the lifetime within which a second use is the same use. */
const TOUCH_SHARE = 1 / 8;

/**
 * Our sequence hashes serve as the engine hashes of such a lane. A block is believed for `lifetimeMs` after its
 * last use, at most as many as the worker has; when the engine reports fewer cached tokens than believed,
 * its cache is smaller or busier than we thought and the lifetime halves; each confirmation doubles it again.
 */
export class ApproximateFeed {
  readonly #index: BlockIndex;
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #lanes = new Map<Lane, Believed>();

  constructor(index: BlockIndex, clock: Clock, lifetimeMs: number) {
    this.#index = index;
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
  }

  addLane(lane: Lane, kvBlocks: number): void {
    const blocksMax =
      kvBlocks === 0 ? LIMITS.approximateBlocks : Math.min(kvBlocks, LIMITS.approximateBlocks);
    this.#lanes.set(lane, {
      blocks: new BelievedBlocks(),
      blocksMax,
      lifetimeMs: this.#lifetimeMs,
      doesReport: false,
    });
  }

  dropLane(lane: Lane): void {
    this.#lanes.delete(lane);
  }

  clear(lane: Lane): void {
    const believed = this.#lanes.get(lane);
    if (believed !== undefined) believed.blocks = new BelievedBlocks();
  }

  /** The worker of this lane has computed a prompt. */
  enter(lane: Lane, sequence: BigUint64Array, localHashes: BigUint64Array): void {
    const believed = this.#lanes.get(lane);
    if (believed === undefined) return;
    const expiresAt = this.#clock.now() + believed.lifetimeMs;
    const words = wordsOf(sequence);
    let isNew = false;
    const tolerance = believed.lifetimeMs * TOUCH_SHARE;
    // Deepest first: what must go goes from the tail of a prompt.
    for (let at = sequence.length - 1; at >= 0; at--) {
      // Whoever touches a block touches all before it: from one that was just touched on nothing is to be done.
      const expiry = believed.blocks.expiryOf(words, at);
      if (expiry !== undefined && Math.abs(expiry - expiresAt) <= tolerance) break;
      if (!believed.blocks.touch(words, at, expiresAt)) isNew = true;
    }
    if (isNew) this.#index.store(lane, 'gpu', 0n, sequence, localHashes);
    this.#remove(lane, believed, (_expiry, left) => left > believed.blocksMax);
  }

  /** The engine said how many prompt tokens it read from its cache. */
  report(lane: Lane, figures: { predictedTokens: number; cachedTokens: number; blockTokens: number }): void {
    const believed = this.#lanes.get(lane);
    if (believed === undefined) return;
    const { predictedTokens, cachedTokens, blockTokens } = figures;
    if (cachedTokens > 0) believed.doesReport = true;
    if (!believed.doesReport || predictedTokens === 0) return;
    const isWrong = cachedTokens + blockTokens < predictedTokens;
    const lifetime = believed.lifetimeMs * (isWrong ? 0.5 : 2);
    believed.lifetimeMs = Math.min(this.#lifetimeMs, Math.max(LIMITS.approximateMinMs, lifetime));
  }

  lifetimeMs(lane: Lane): number | undefined {
    return this.#lanes.get(lane)?.lifetimeMs;
  }

  /** Drops what is past its lifetime; called before each lookup. */
  expire(): void {
    const now = this.#clock.now();
    for (const [lane, believed] of this.#lanes) this.#remove(lane, believed, (expiry) => expiry <= now);
  }

  #remove(lane: Lane, believed: Believed, isOver: (expiresAt: number, left: number) => boolean): void {
    const gone = believed.blocks.takeOldest(isOver);
    if (gone.length > 0) this.#index.remove(lane, 'gpu', gone);
  }
}
