/**
 * KV blocks of one simulated worker or tier: references, which prefix block each holds, and lists of those nobody
 * references, oldest first. Typed arrays: a replay touches millions of blocks.
 */
import { type EvictionOrder, NOBODY, SHARED } from './types.js';

const NONE = -1;

export class BlockPool {
  readonly size: number;
  readonly #order: EvictionOrder;
  readonly #onRemoved: (block: number) => void;
  readonly #block: Int32Array;
  readonly #references: Int32Array;
  readonly #owner: Int32Array;
  readonly #list: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  #slotOf = new Int32Array(1024).fill(NONE);
  readonly #heads: number[] = [];
  readonly #tails: number[] = [];
  /** Never used slots start here. */
  #fresh = 0;
  readonly #empty: number[] = [];
  /** Slots with a reference. */
  active = 0;

  constructor(size: number, order: EvictionOrder, onRemoved: (block: number) => void) {
    this.size = size;
    this.#order = order;
    this.#onRemoved = onRemoved;
    this.#block = new Int32Array(size).fill(NONE);
    this.#references = new Int32Array(size);
    this.#owner = new Int32Array(size).fill(NOBODY);
    this.#list = new Int32Array(size).fill(NONE);
    this.#next = new Int32Array(size).fill(NONE);
    this.#previous = new Int32Array(size).fill(NONE);
  }

  /** Slot holding a block, -1 when there is none. */
  find(block: number): number {
    return block < this.#slotOf.length ? (this.#slotOf[block] as number) : NONE;
  }

  isReferenced(slot: number): boolean {
    return (this.#references[slot] as number) > 0;
  }

  /** One more request reads a held block. */
  reference(slot: number, owner: number): void {
    if (this.#references[slot] === 0) {
      this.#unlink(slot);
      this.active += 1;
    }
    this.#references[slot] = (this.#references[slot] as number) + 1;
    const before = this.#owner[slot] as number;
    if (before !== owner && owner !== NOBODY) this.#owner[slot] = before === NOBODY ? owner : SHARED;
  }

  /** A referenced slot without content, or -1 when every slot is referenced. */
  allocate(owner: number, now: number): number {
    const slot = this.#take(now);
    if (slot === NONE) return NONE;
    this.#references[slot] = 1;
    this.#owner[slot] = owner;
    this.active += 1;
    return slot;
  }

  /** The slot now holds this block; false when another slot holds it already. */
  name(slot: number, block: number): boolean {
    if (this.find(block) !== NONE) return false;
    if (block >= this.#slotOf.length) this.#grow(block);
    this.#block[slot] = block;
    this.#slotOf[block] = slot;
    return true;
  }

  /** One request less. An unnamed block is garbage that is reused first. */
  release(slot: number): void {
    const left = (this.#references[slot] as number) - 1;
    this.#references[slot] = left;
    if (left > 0) return;
    this.active -= 1;
    const block = this.#block[slot] as number;
    this.#link(slot, this.#order.listOf(block, this.#owner[slot] as number));
  }

  /** Moves an unreferenced block its conversation no longer shows to another list. */
  relist(block: number, owner: number, list: number): void {
    const slot = this.find(block);
    if (slot === NONE || this.isReferenced(slot) || this.#owner[slot] !== owner) return;
    this.#unlink(slot);
    this.#link(slot, list);
  }

  /** Forgets every unreferenced block. */
  clear(): void {
    for (let list = 0; list < this.#heads.length; list++) {
      for (let slot = this.#pop(list); slot !== NONE; slot = this.#pop(list)) this.#empty.push(slot);
    }
  }

  #take(now: number): number {
    const empty = this.#empty.pop();
    if (empty !== undefined) return empty;
    if (this.#fresh < this.size) return this.#fresh++;
    if (this.active === this.size) return NONE;
    for (const list of this.#order.victims(now)) {
      const slot = this.#pop(list);
      if (slot !== NONE) return slot;
    }
    return NONE;
  }

  #pop(list: number): number {
    const slot = this.#heads[list] ?? NONE;
    if (slot === NONE) return NONE;
    this.#unlink(slot);
    const block = this.#block[slot] as number;
    if (block !== NONE) {
      this.#block[slot] = NONE;
      this.#slotOf[block] = NONE;
      this.#onRemoved(block);
    }
    return slot;
  }

  #link(slot: number, list: number): void {
    while (this.#heads.length <= list) {
      this.#heads.push(NONE);
      this.#tails.push(NONE);
    }
    const tail = this.#tails[list] as number;
    this.#list[slot] = list;
    this.#previous[slot] = tail;
    this.#next[slot] = NONE;
    if (tail === NONE) this.#heads[list] = slot;
    else this.#next[tail] = slot;
    this.#tails[list] = slot;
  }

  #unlink(slot: number): void {
    const list = this.#list[slot] as number;
    if (list === NONE) return;
    const [before, after] = [this.#previous[slot] as number, this.#next[slot] as number];
    if (before === NONE) this.#heads[list] = after;
    else this.#next[before] = after;
    if (after === NONE) this.#tails[list] = before;
    else this.#previous[after] = before;
    this.#list[slot] = NONE;
  }

  #grow(block: number): void {
    const larger = new Int32Array(Math.max(block + 1, this.#slotOf.length * 2)).fill(NONE);
    larger.set(this.#slotOf);
    this.#slotOf = larger;
  }
}
