/** Parts of the snapshot that others tell as a whole. */
import type { Tier } from '../router/types.js';

/** One GPU of the stack's workers. Null = not told. */
export interface GpuSnapshot {
  index: number;
  /** 0..1. */
  utilization: number | null;
  memoryUsedBytes: number | null;
  memoryBytes: number | null;
  celsius: number | null;
  watts: number | null;
  /** Reckoned from what a worker that only pretends is doing. */
  isSimulated: boolean;
}

export interface TierSnapshot {
  name: Tier;
  bytes: number;
  /** Quota; null = none. */
  bytesMax: number | null;
  blocks: number;
  hitTokens: number;
  readBytes: number;
  writtenBytes: number;
  evicted: number;
  /** Pages that stayed as long as was promised, and those that had to go before. */
  promisesKept?: number;
  promisesBroken?: number;
  /** Reads that found no page, or a wrong one. */
  misses?: number;
  /** Pages it was too slow to be given. */
  dropped?: number;
  /** Milliseconds since the page that has not been used for longest was; null without pages. */
  oldestMs?: number | null;
  /** Bytes a second over the last ten seconds. */
  rates?: { readBytes: number; writtenBytes: number };
  /** Why the tier is not used just now; null when it works. */
  fault?: string | null;
  /** Pages per retention priority, those with a running promise as `promised`. */
  classes?: Record<string, number>;
}

/** `up --record`: what was written. */
export interface RecordingSnapshot {
  dir: string;
  files: number;
  bytes: number;
  requests: number;
  /** Requests that failed or were refused: there is nothing to replay. */
  leftOut: number;
  /** Lines the disk was too slow or too full for. */
  lost: number;
  /** Why recording ended; null while it goes on. */
  fault: string | null;
}
