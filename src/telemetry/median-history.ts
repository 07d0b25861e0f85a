/** Medians of the last five minutes, for the graphs: bounded however much is measured. */

const BUCKET_MS = 5_000;
const BUCKETS = 60;
/** Values of one bucket that are kept; of more, every second one is left out from then on. */
const KEPT_MAX = 1_024;

interface Bucket {
  number: number;
  values: number[];
  /** Every n-th value is kept. */
  every: number;
  seen: number;
  /** Of a bucket that is over; its values are gone then. */
  median: number | null;
}

export class MedianHistory {
  #buckets: Bucket[] = [];

  /** `at` in Unix milliseconds; a clock that was set back adds to the newest bucket. Non-finite values are ignored. */
  add(at: number, value: number): void {
    if (!Number.isFinite(value)) return;
    const number = Math.floor(at / BUCKET_MS);
    let bucket = this.#buckets.at(-1);
    if (bucket === undefined || bucket.number < number) {
      if (bucket !== undefined) {
        bucket.median = median(bucket.values);
        bucket.values = [];
      }
      bucket = { number, values: [], every: 1, seen: 0, median: null };
      this.#buckets = [...this.#buckets.slice(1 - BUCKETS), bucket];
    }
    bucket.seen += 1;
    if (bucket.seen % bucket.every !== 0) return;
    bucket.values.push(value);
    if (bucket.values.length < KEPT_MAX) return;
    bucket.values = bucket.values.filter((_, index) => index % 2 === 0);
    bucket.every *= 2;
  }

  /** Newest last; null where nothing was measured. */
  values(now: number): (number | null)[] {
    const newest = Math.floor(now / BUCKET_MS);
    const medians = new Map(
      this.#buckets.map(({ number, values, median: known }) => [
        number,
        values.length === 0 ? known : median(values),
      ]),
    );
    return Array.from({ length: BUCKETS }, (_, index) => medians.get(newest - BUCKETS + 1 + index) ?? null);
  }
}

function median(values: readonly number[]): number | null {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
}
