/**
 * A memory tier that all simulated workers of a host share: what a request leaves behind is written through to it, and any worker
 * reads from it what its own memory has lost. The router's index hears of it as of a real one.
 */
import { BlockPool } from '../engines/simulator/block-pool.js';
import { GARBAGE_LIST } from '../engines/simulator/eviction.js';
import type { EvictionOrder } from '../engines/simulator/types.js';
import type { Router } from '../router/router.js';
import { engineHashes, localHashes } from './hashes.js';

export interface HostTierOptions {
  blocks: number;
  /** Milliseconds to bring one block into a worker's memory. */
  msPerBlock: number;
  order: EvictionOrder;
  router: Router;
  workers: readonly string[];
}

export class HostTier {
  readonly #options: HostTierOptions;
  readonly #pool: BlockPool;
  #removed: number[] = [];

  constructor(options: HostTierOptions) {
    this.#options = options;
    this.#pool = new BlockPool(options.blocks, options.order, (block) => this.#removed.push(block));
  }

  /** Writes a request's blocks through; the deepest count as the oldest, so that a prefix outlives what hangs on it. */
  store(blocks: Int32Array, owner: number, now: number): void {
    const slots: number[] = [];
    let from = 0;
    for (const [at, block] of blocks.entries()) {
      const held = this.#pool.find(block);
      const slot = held === -1 ? this.#pool.allocate(owner, now) : held;
      // Everything in it is in use by this very request: what is deeper does not fit.
      if (slot === -1) break;
      if (held === -1) this.#pool.name(slot, block);
      else this.#pool.reference(slot, owner);
      slots.push(slot);
      if (held === -1) continue;
      this.#tell(blocks, from, at);
      from = at + 1;
    }
    this.#tell(blocks, from, slots.length);
    for (const slot of slots.reverse()) this.#pool.release(slot);
    this.#forget();
  }

  /** Blocks after `from` it holds, and the time to read them; they count as used. */
  read(blocks: Int32Array, from: number, owner: number): { count: number; ms: number } {
    const slots: number[] = [];
    for (let at = from; at < blocks.length; at++) {
      const slot = this.#pool.find(blocks[at] as number);
      if (slot === -1) break;
      slots.push(slot);
    }
    for (const slot of slots) this.#pool.reference(slot, owner);
    for (const slot of [...slots].reverse()) this.#pool.release(slot);
    return { count: slots.length, ms: slots.length * this.#options.msPerBlock };
  }

  /** A conversation no longer shows this block. */
  abandon(block: number, owner: number): void {
    this.#pool.relist(block, owner, GARBAGE_LIST);
  }

  #tell(blocks: Int32Array, start: number, end: number): void {
    if (start >= end) return;
    const { router, workers } = this.#options;
    const run = blocks.subarray(start, end);
    const parent = start === 0 ? null : BigInt((blocks[start - 1] as number) + 1);
    for (const worker of workers)
      router.applyStored(worker, 'cpu', parent, engineHashes(run), localHashes(run));
  }

  #forget(): void {
    if (this.#removed.length === 0) return;
    const { router, workers } = this.#options;
    const gone = engineHashes(Int32Array.from(this.#removed));
    this.#removed = [];
    for (const worker of workers) router.applyRemoved(worker, 'cpu', gone);
  }
}
