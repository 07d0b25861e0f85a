/** Whether memory grows: the line of least squares through its samples. */

export interface Sample {
  requests: number;
  bytes: number;
}

/** Bytes per thousand requests; null for fewer than two different counts. */
export function bytesPerThousand(samples: readonly Sample[]): number | null {
  const mean = (pick: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length;
  const x = mean(({ requests }) => requests);
  const y = mean(({ bytes }) => bytes);
  const spread = samples.reduce((sum, { requests }) => sum + (requests - x) ** 2, 0);
  if (samples.length < 2 || spread === 0) return null;
  const shared = samples.reduce((sum, { requests, bytes }) => sum + (requests - x) * (bytes - y), 0);
  return (1_000 * shared) / spread;
}

/** The least of each of `count` stretches: what a heap keeps, not what waits to be collected. */
export function leastOfStretches(samples: readonly Sample[], count: number): Sample[] {
  const length = Math.max(1, Math.ceil(samples.length / count));
  const stretches = Array.from({ length: Math.ceil(samples.length / length) }, (_, index) =>
    samples.slice(index * length, (index + 1) * length),
  );
  return stretches.map((stretch) =>
    stretch.reduce((least, sample) => (sample.bytes < least.bytes ? sample : least)),
  );
}
