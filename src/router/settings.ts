/** What a user may change about routing (`--set router.…`), with its default. */
import { LIMITS } from '../limits.js';
import type { QueueOrder } from './queue-order.js';

export interface RouterSettings {
  /** Requests sent to one worker at once; more wait here, ordered by priority. */
  maxActivePerWorker: number;
  /** Order of waiting requests of one priority: shortest, fcfs, lcfs or wspt. */
  queueOrder: QueueOrder;
  /** Milliseconds a request waits for the worker that is best for it before it takes another. */
  holdForBestMs: number;
  /** Milliseconds after which a waiting request reserves its best worker. */
  reserveAfterMs: number;
  /**
   * Longest time the next turn of a conversation is held back while others fill all memory; 0 = not at all. Nothing but
   * `kv` heeds it.
   */
  pauseMs: number;
  /** Milliseconds after which waiting requests go by arrival. */
  ageMs: number;
  /** Requests waiting at once; more are refused as `overloaded`. */
  queueMax: number;
  /** Milliseconds a request waits for a free worker. */
  queueWaitMs: number;
  /** Milliseconds a request waits for a worker to become ready. */
  readyWaitMs: number;
  /** Milliseconds a request waits when each ready worker failed it already. */
  failedWaitMs: number;
  /** Milliseconds a prompt counts as held after its first token, until the worker's events say so. */
  predictedMs: number;
  /** Lifetime of believed blocks of a worker without events. */
  approximateMs: number;
  /** Milliseconds to compute a prompt token until it is measured: NVIDIA's mock engine, 48,000 tokens/s. */
  prefillMsPerToken: number;
  /** Output tokens expected of a session nothing is known of. */
  outputTokens: number;
}

export const DEFAULT_SETTINGS: RouterSettings = {
  maxActivePerWorker: LIMITS.activePerWorker,
  queueOrder: 'shortest',
  holdForBestMs: 15_000,
  reserveAfterMs: 20_000,
  pauseMs: 0,
  ageMs: 10_000,
  queueMax: LIMITS.queueMax,
  queueWaitMs: LIMITS.queueWaitMs,
  readyWaitMs: LIMITS.readyWaitMs,
  failedWaitMs: LIMITS.failedWaitMs,
  predictedMs: LIMITS.predictedMs,
  approximateMs: LIMITS.approximateMs,
  prefillMsPerToken: 0.0206,
  outputTokens: 300,
};
