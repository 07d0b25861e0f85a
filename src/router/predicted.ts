/** Prompts being computed right now: blocks a worker will hold before its events say so. */
import type { Clock } from './clock.js';
import { PrefixCounts } from './prefix-counts.js';
import type { WorkerId } from './types.js';

/** One routed prompt. Owned by its placement. */
export interface Prediction {
  readonly sequence: BigUint64Array;
  /** Where it is counted: the worker's, or what was that before its cache was lost. */
  readonly prompts: PrefixCounts;
  /** `running` until its first token: a cold prompt may take minutes on a small machine. */
  state: 'running' | 'computed' | 'over';
  expiresAt: number;
}

/**
 * A side record beside the index, so that a burst of one prefix follows its first request instead of being
 * computed on every worker. Each entry lives until its prompt is computed and the events had time to arrive.
 */
export class PredictedBlocks {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #byWorker = new Map<WorkerId, PrefixCounts>();
  /** Computed ones, soonest end first. */
  readonly #ending = new Set<Prediction>();

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** `sequence` = the prompt's sequence hashes. */
  add(worker: WorkerId, sequence: BigUint64Array): Prediction {
    let prompts = this.#byWorker.get(worker);
    if (prompts === undefined) {
      prompts = new PrefixCounts();
      this.#byWorker.set(worker, prompts);
    }
    prompts.add(sequence);
    return { sequence, prompts, state: 'running', expiresAt: Number.POSITIVE_INFINITY };
  }

  /** Its prompt is computed: events will tell soon. Idempotent. */
  computed(prediction: Prediction): void {
    if (prediction.state !== 'running') return;
    prediction.state = 'computed';
    prediction.expiresAt = this.#clock.now() + this.#graceMs;
    this.#ending.add(prediction);
  }

  /** Its prompt will not be computed, or is known from elsewhere. Idempotent. */
  remove(prediction: Prediction): void {
    if (prediction.state === 'over') return;
    prediction.state = 'over';
    prediction.prompts.remove(prediction.sequence);
    this.#ending.delete(prediction);
  }

  clear(worker: WorkerId): void {
    this.#byWorker.delete(worker);
  }

  /** Blocks of the longest prefix of a prompt that a worker is computing. */
  lookup(worker: WorkerId, sequence: BigUint64Array): number {
    const now = this.#clock.now();
    for (const prediction of this.#ending) {
      if (prediction.expiresAt > now) break;
      this.remove(prediction);
    }
    return this.#byWorker.get(worker)?.lookup(sequence) ?? 0;
  }
}
