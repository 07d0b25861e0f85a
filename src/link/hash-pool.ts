/** The hashes of one event batch, one after the other in one piece of memory: an array for each costs more than reading it. */

/** Hash 0 means "no block" in the index, so an engine's own 0 goes by this name (2^64 ÷ golden ratio). */
export const ZERO_HASH = 0x9e3779b97f4a7c15n;
const ZERO_LOW = Number(ZERO_HASH & 0xffff_ffffn);
const ZERO_HIGH = Number(ZERO_HASH >> 32n);

export class HashPool {
  /** Hashes in it; may be set back to forget the last ones. */
  used = 0;
  #hashes: BigUint64Array;
  #words: Uint32Array;

  /** `expected` = about how many there will be. */
  constructor(expected: number) {
    this.#hashes = new BigUint64Array(Math.max(8, expected));
    this.#words = new Uint32Array(this.#hashes.buffer);
  }

  /** Adds a hash given as two words. */
  add(low: number, high: number): void {
    if (this.used === this.#hashes.length) this.#grow();
    const at = this.used * 2;
    const isZero = low === 0 && high === 0;
    this.#words[at] = isZero ? ZERO_LOW : low;
    this.#words[at + 1] = isZero ? ZERO_HIGH : high;
    this.used += 1;
  }

  /** The hashes from one number on and before another. */
  view(from: number, to: number): BigUint64Array {
    return this.#hashes.subarray(from, to);
  }

  /** What was given out before stays as it is. */
  #grow(): void {
    const larger = new BigUint64Array(this.#hashes.length * 2);
    larger.set(this.#hashes);
    this.#hashes = larger;
    this.#words = new Uint32Array(larger.buffer);
  }
}
