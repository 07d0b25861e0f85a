/**
 * What reading a page costs and what computing it costs, as this worker has measured both. Prefill gets slower with
 * the position: fitted to one core, a row at position p takes 1 + p ÷ 2400 times a row at the start.
 */
import type { PageTier } from '../../../cache/types.js';
import { BLOCK_TOKENS } from './block-hash.js';

/** Weight of the newest sample. */
const WEIGHT = 0.3;
const POSITION_SCALE = 2400;
/** Before anything is measured, milliseconds: a fast store and a slow core would be guesses too; the first use corrects them. */
const READ_MS: Record<PageTier, number> = { cpu: 1.5, disk: 3, remote: 15 };
const ROW_MS = 1.8;
/** Laying out and writing an image, per block of its whole length. */
const IMAGE_MS = 0.8;

export class LoadCost {
  #rowMs = ROW_MS;
  #imageMs = IMAGE_MS;
  readonly #readMs: Record<PageTier, number> = { ...READ_MS };

  /** A prefill call of whole blocks took `ms`. */
  computed(position: number, rows: number, ms: number): void {
    if (rows < BLOCK_TOKENS) return;
    this.#rowMs = mixed(this.#rowMs, ms / (rows * slowdown(position + rows / 2)));
  }

  /** Pages of one tier were read in `ms`. */
  read(tier: PageTier, blocks: number, ms: number): void {
    if (blocks > 0) this.#readMs[tier] = mixed(this.#readMs[tier], ms / blocks);
  }

  /** An image of that many blocks was handed to the library in `ms`. */
  wrote(blocks: number, ms: number): void {
    if (blocks > 0) this.#imageMs = mixed(this.#imageMs, ms / blocks);
  }

  /** Milliseconds to compute `blocks` blocks after `held`. */
  computeMs(held: number, blocks: number): number {
    const from = held * BLOCK_TOKENS;
    const rows = blocks * BLOCK_TOKENS;
    return rows * this.#rowMs * slowdown(from + rows / 2);
  }

  /** Milliseconds to read the blocks of `tiers` after `held` others. */
  loadMs(held: number, tiers: readonly PageTier[]): number {
    const reading = tiers.reduce((sum, tier) => sum + this.#readMs[tier], 0);
    return reading + (held + tiers.length) * this.#imageMs;
  }

  /** How many of the leading `tiers` to read: all that pay; 0 = compute. */
  worth(held: number, tiers: readonly PageTier[]): number {
    for (let blocks = tiers.length; blocks > 0; blocks--) {
      if (this.loadMs(held, tiers.slice(0, blocks)) < this.computeMs(held, blocks)) return blocks;
    }
    return 0;
  }
}

function slowdown(position: number): number {
  return 1 + position / POSITION_SCALE;
}

function mixed(before: number, sample: number): number {
  return before + WEIGHT * (sample - before);
}
