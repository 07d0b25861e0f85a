/** What the router keeps of one worker. */
import { WorkerBook } from './book.js';
import type { Lane } from './index/types.js';
import type { RouterWorker } from './types.js';

const NEWEST_WEIGHT = 0.2;
/** Uncached tokens under which a time to first token says more about the engine's step than about prefill. */
const SAMPLE_TOKENS = 64;
/** Tokens after which a measurement counts half. */
const HALF_LIFE_TOKENS = 65_536;
/** Workers whose speeds differ less than this factor are taken for equal: the difference is what else they ran. */
const UNLIKE = 1.5;
/** Time after which a speed nobody has seen again counts half, as a power: a worker that was slow once is tried again. */
const HALF_LIFE_MS = 60_000;

export class WorkerRecord {
  readonly worker: RouterWorker;
  readonly lane: Lane;
  readonly book = new WorkerBook();
  isEligible = false;
  /** When it last became eligible. */
  eligibleSince = Number.NEGATIVE_INFINITY;
  #prefillMs = 0;
  #prefillTokens = 0;
  /** When prefill was last measured. */
  measuredAt = Number.NEGATIVE_INFINITY;
  /** Measured milliseconds from dispatch to the end; null until then. */
  serviceMs: number | null = null;

  constructor(worker: RouterWorker, lane: Lane) {
    this.worker = worker;
    this.lane = lane;
  }

  /** Answers whether that is new. */
  setEligible(isEligible: boolean, now: number): boolean {
    if (this.isEligible === isEligible) return false;
    this.isEligible = isEligible;
    if (isEligible) this.eligibleSince = now;
    return true;
  }

  /** Measured milliseconds per prompt token; null until then. Long prompts count more: short ones time the engine's step. */
  get prefillMsPerToken(): number | null {
    return this.#prefillTokens === 0 ? null : this.#prefillMs / this.#prefillTokens;
  }

  /** A prompt that met an idle prefill queue took `ms` for `uncachedTokens`, until `now`. */
  measurePrefill(ms: number, uncachedTokens: number, now: number): void {
    if (uncachedTokens < SAMPLE_TOKENS || ms <= 0) return;
    const age = (now - this.measuredAt) / HALF_LIFE_MS;
    const kept = 2 ** (-uncachedTokens / HALF_LIFE_TOKENS - age);
    this.measuredAt = now;
    this.#prefillMs = this.#prefillMs * kept + ms;
    this.#prefillTokens = this.#prefillTokens * kept + uncachedTokens;
  }

  measureService(ms: number): void {
    this.serviceMs = this.serviceMs === null ? ms : mean(this.serviceMs, ms);
  }
}

function mean(before: number, sample: number): number {
  return before + NEWEST_WEIGHT * (sample - before);
}

/**
 * What a worker nobody has measured yet is taken for: the mean of the measured ones, which run the same model.
 * A fixed guess would make the new worker look a hundred times faster or slower than its neighbours. One that has not been
 * seen for long counts less than those that have.
 */
export function typicalPrefill(workers: Iterable<WorkerRecord>, fallback: number): number {
  const measured = [...workers].filter(({ prefillMsPerToken }) => prefillMsPerToken !== null);
  const newest = Math.max(...measured.map(({ measuredAt }) => measuredAt));
  let sum = 0;
  let weights = 0;
  for (const { prefillMsPerToken, measuredAt } of measured) {
    const weight = 2 ** ((measuredAt - newest) / HALF_LIFE_MS);
    sum += weight * (prefillMsPerToken ?? 0);
    weights += weight;
  }
  return weights === 0 ? fallback : sum / weights;
}

/**
 * Milliseconds per prompt token to reckon with: the common figure unless this worker is clearly of another speed. A worker
 * that is taken for slow gets no requests, and so no chance to show otherwise: what was measured fades towards the common
 * figure while it is not seen again.
 */
export function prefillSpeed(
  { prefillMsPerToken, measuredAt }: Pick<WorkerRecord, 'prefillMsPerToken' | 'measuredAt'>,
  typical: number,
  now: number,
): number {
  if (prefillMsPerToken === null) return typical;
  const ratio = (prefillMsPerToken / typical) ** (2 ** (-Math.max(0, now - measuredAt) / HALF_LIFE_MS));
  return ratio > UNLIKE || ratio < 1 / UNLIKE ? ratio * typical : typical;
}
