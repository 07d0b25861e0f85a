/** Every block anybody has computed since start: what an unlimited cache over all workers would hold. */
import { LIMITS } from '../limits.js';
import { sequenceHashes } from '../prompt/hash/block-hash.js';
import type { Lane } from './index/types.js';
import { U64Table, wordsOf } from './u64-table.js';

/**
 * Holds sequence hashes of prompts and of blocks engines stored (answers become the next turn's prompt).
 * Engines name a parent by their own hash, so the sequence hash of each stored block is kept by (worker, engine
 * hash). Both tables are bounded and forget the longest unused first; then this figure errs to the low side.
 */
export class ReachableSet {
  readonly #seen: U64Table;
  readonly #places: U64Table;
  readonly #key = new Uint32Array(2);
  readonly #value = new Uint32Array(2);

  constructor(
    capacity: { seen: number; places: number } = {
      seen: LIMITS.reachableBlocks,
      places: LIMITS.parentBlocks,
    },
  ) {
    this.#seen = new U64Table(capacity.seen, { hasValues: false });
    this.#places = new U64Table(capacity.places, { hasValues: true });
  }

  get bytes(): number {
    return this.#seen.bytes + this.#places.bytes;
  }

  /** Blocks of the longest prefix seen before. */
  prefix(sequence: BigUint64Array): number {
    const words = wordsOf(sequence);
    let low = 0;
    let high = sequence.length;
    // A block seen means all before it were, so the last one is found by halving.
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#seen.has(words, middle - 1)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  addPrompt(sequence: BigUint64Array): void {
    const words = wordsOf(sequence);
    // Those before a block that was added lately were added with it.
    const known = this.#seen.isYoung(words, 0) ? this.#youngPrefix(words, sequence.length) : 0;
    for (let at = known; at < sequence.length; at++) this.#seen.set(words, at);
  }

  #youngPrefix(words: Uint32Array, length: number): number {
    let low = 1;
    let high = length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#seen.isYoung(words, middle - 1)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Blocks of an engine; those whose parent's place is unknown are left out. */
  addStored(
    lane: Lane,
    parent: bigint | null,
    engineHashes: BigUint64Array,
    localHashes: BigUint64Array,
  ): void {
    const sequence = this.#sequenceAfter(lane, parent, localHashes);
    if (sequence === null) return;
    this.addPrompt(sequence);
    const engine = wordsOf(engineHashes);
    const words = wordsOf(sequence);
    const count = Math.min(engineHashes.length, sequence.length);
    for (let at = 0; at < count; at++) {
      this.#setKey(lane, engine[at * 2] as number, engine[at * 2 + 1] as number);
      this.#places.set(this.#key, 0, words[at * 2] as number, words[at * 2 + 1] as number);
    }
  }

  /** The sequence hash of an engine's block, into `place`; false when it is not remembered. */
  placeOf(lane: Lane, engineWords: Uint32Array, at: number, place: Uint32Array): boolean {
    this.#setKey(lane, engineWords[at * 2] as number, engineWords[at * 2 + 1] as number);
    return this.#places.has(this.#key, 0, place);
  }

  #sequenceAfter(lane: Lane, parent: bigint | null, localHashes: BigUint64Array): BigUint64Array | null {
    if (parent === null) return sequenceHashes(localHashes);
    this.#setKey(lane, Number(parent & 0xffff_ffffn), Number(parent >> 32n));
    if (!this.#places.has(this.#key, 0, this.#value)) return null;
    // A chain starts with its first element unhashed, so the parent's sequence hash can stand in its place.
    const chain = new BigUint64Array(localHashes.length + 1);
    wordsOf(chain).set(this.#value, 0);
    chain.set(localHashes, 1);
    return sequenceHashes(chain).slice(1);
  }

  #setKey(lane: Lane, low: number, high: number): void {
    this.#key[0] = low ^ Math.imul(lane + 1, 0x85eb_ca6b);
    this.#key[1] = high;
  }
}
