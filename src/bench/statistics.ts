/** Order statistics of measured values. */

export interface Spread {
  min: number;
  median: number;
  p95: number;
  max: number;
  count: number;
}

/** Values between two samples are interpolated; an empty list gives NaN. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    min: quantileOf(sorted, 0),
    median: quantileOf(sorted, 0.5),
    p95: quantileOf(sorted, 0.95),
    max: quantileOf(sorted, 1),
    count: sorted.length,
  };
}

/** Of values in ascending order; those between two samples are interpolated. */
export function quantileOf(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}
