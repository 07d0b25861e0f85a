/** Latencies in fixed logarithmic buckets: constant memory, percentiles within one bucket's width (5 %). */
import type { LatencySummary } from './types.js';

const GROWTH = 1.05;
const LOWEST_MS = 0.01;
/** Up to about 10^7 ms. */
const BUCKETS = Math.ceil(Math.log(1e9) / Math.log(GROWTH)) + 1;

export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;

  /** Adds one value in milliseconds; negative and non-finite ones are ignored. */
  add(valueMs: number): void {
    if (!Number.isFinite(valueMs) || valueMs < 0) return;
    this.#counts[bucketOf(valueMs)]! += 1;
    this.#count += 1;
  }

  quantile(share: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#counts[bucket]!;
      if (seen >= rank) return round(LOWEST_MS * GROWTH ** (bucket - 0.5));
    }
    return null;
  }

  summary(): LatencySummary {
    return {
      p50: this.quantile(0.5),
      p95: this.quantile(0.95),
      p99: this.quantile(0.99),
      count: this.#count,
    };
  }
}

function bucketOf(valueMs: number): number {
  if (valueMs <= LOWEST_MS) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log(valueMs / LOWEST_MS) / Math.log(GROWTH)));
}

const round = (value: number): number => Number(value.toPrecision(4));
