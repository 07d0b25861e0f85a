/** Metric families, before they are written down in one of the two text formats. */

export type Labels = Readonly<Record<string, string>>;

/** Value null = not known yet: no sample. */
export type Sample = readonly [labels: Labels, value: number | null];

/** Counts of values at most each bound; `counts` has one entry more, for what is above the last. */
export interface Distribution {
  readonly bounds: readonly number[];
  readonly counts: ArrayLike<number>;
  readonly sum: number;
  readonly count: number;
}

export type DistributionSample = readonly [labels: Labels, distribution: Distribution];

interface Named {
  /** As OpenMetrics wants it: the unit last, without `_total`, `_info` or `_bucket`. */
  name: string;
  /** One sentence. */
  help: string;
}

/** `unknown` is for a counter of NVIDIA Dynamo's whose name does not end in `_total`. */
export type Family = Named &
  (
    | { type: 'counter' | 'gauge' | 'info' | 'unknown'; samples: readonly Sample[] }
    | { type: 'histogram'; samples: readonly DistributionSample[] }
  );
