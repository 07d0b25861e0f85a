/** Histograms with the bounds of the text formats. Percentiles for status and screen are `../histogram.ts`'s. */
import type { Distribution } from './types.js';

/** NVIDIA Dynamo's where it has the same figure, so that two stacks can be added up; seconds, tokens and shares. */
export const BOUNDS = {
  firstToken: [
    0.001, 0.0022, 0.0047, 0.01, 0.022, 0.047, 0.1, 0.22, 0.47, 1, 2.2, 4.7, 10, 22, 48, 100, 220, 480,
  ],
  interToken: [0.0019, 0.0035, 0.0067, 0.013, 0.024, 0.045, 0.084, 0.16, 0.3, 0.56, 1.1, 2],
  request: [0.1, 0.25, 0.5, 1, 1.9, 3.4, 6.3, 12, 22, 40, 75, 140, 260, 600],
  /** Waiting and our own work: from what no one notices to what a client gives up at. */
  wait: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  tokens: [100, 210, 430, 870, 1_800, 3_600, 7_400, 15_000, 31_000, 63_000, 130_000, 260_000, 530_000],
  /** With 0: complete misses are a bucket of their own. */
  share: [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1],
  /** Milliseconds of the router. */
  decide: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100],
} as const satisfies Record<string, readonly number[]>;

export class BucketHistogram implements Distribution {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Negative and non-finite values are ignored. */
  add(value: number): void {
    if (!Number.isFinite(value) || value < 0) return;
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
    this.sum += value;
    this.count += 1;
  }
}

export type Histograms<Name extends string> = Record<Name, BucketHistogram>;

/** One histogram for each name, with the bounds it asks for. */
export function histograms<Name extends string>(kinds: Record<Name, keyof typeof BOUNDS>): Histograms<Name> {
  const made = Object.entries<keyof typeof BOUNDS>(kinds).map(([name, kind]) => [
    name,
    new BucketHistogram(BOUNDS[kind]),
  ]);
  return Object.fromEntries(made) as Histograms<Name>;
}
