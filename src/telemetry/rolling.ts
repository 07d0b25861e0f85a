/** Sums over the last seconds, in fixed buckets: O(1) to add, O(buckets) to read. */

export class RollingSum {
  readonly #bucketMs: number;
  readonly #sums: Float64Array;
  readonly #stamps: Float64Array;

  constructor(windowMs: number, buckets: number) {
    this.#bucketMs = windowMs / buckets;
    this.#sums = new Float64Array(buckets);
    this.#stamps = new Float64Array(buckets).fill(-1);
  }

  /**
   * `at` in milliseconds; a value from before the window is lost, as it should be. A slot from further ahead than that was
   * filled before the clock was set back, and gives way: else nothing would count until the old time is reached again.
   */
  add(at: number, value: number): void {
    const stamp = Math.floor(at / this.#bucketMs);
    const slot = ((stamp % this.#sums.length) + this.#sums.length) % this.#sums.length;
    const ahead = this.#stamps[slot]! - stamp;
    if (ahead > 0 && ahead <= this.#sums.length) return;
    if (this.#stamps[slot] !== stamp) {
      this.#stamps[slot] = stamp;
      this.#sums[slot] = 0;
    }
    this.#sums[slot]! += value;
  }

  /** The buckets' sums, newest last; the newest one is still being filled. */
  values(now: number): number[] {
    const newest = Math.floor(now / this.#bucketMs);
    const { length } = this.#sums;
    return Array.from({ length }, (_, index) => {
      const stamp = newest - length + 1 + index;
      const slot = ((stamp % length) + length) % length;
      return this.#stamps[slot] === stamp ? this.#sums[slot]! : 0;
    });
  }

  sum(now: number): number {
    const newest = Math.floor(now / this.#bucketMs);
    const oldest = newest - this.#sums.length;
    let total = 0;
    for (let slot = 0; slot < this.#sums.length; slot += 1) {
      if (this.#stamps[slot]! > oldest && this.#stamps[slot]! <= newest) total += this.#sums[slot]!;
    }
    return total;
  }
}
