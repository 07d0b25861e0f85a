/** What a replay runs on. */
import type { PassTiming } from '../engines/simulator/types.js';
import type { RouterSettings } from '../router/settings.js';
import type { Policy } from '../router/types.js';

export type Retention = 'lru' | 'selective';

export interface ReplayTier {
  blocks: number;
  msPerBlock: number;
}

export interface ReplayConfig {
  workers: number;
  /** KV blocks per worker. */
  blocks: number;
  policy: Policy;
  retention: Retention;
  seed: number;
  timing: PassTiming;
  /** Memory of the host below all workers; absent = none. */
  tier?: ReplayTier;
  settings?: Partial<RouterSettings>;
  /** Factor on each worker's pass time, by worker; missing = 1. */
  slowness?: readonly number[];
  /** A worker schedules by priority, not by arrival, as every worker of ours is started. */
  enginePriorities?: boolean;
}
