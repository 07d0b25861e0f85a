/** What the router keeps of one worker. */
import { WorkerBook } from './book.js';
import type { Lane } from './index/types.js';
import type { RouterWorker } from './types.js';

const NEWEST_WEIGHT = 0.2;
/** Uncached tokens under which a time to first token says more about the engine's step than about prefill. */
const SAMPLE_TOKENS = 64;

export class WorkerRecord {
  readonly worker: RouterWorker;
  readonly lane: Lane;
  readonly book = new WorkerBook();
  isEligible = false;
  /** When it last became eligible. */
  eligibleSince = Number.NEGATIVE_INFINITY;
  /** Measured; the setting's default until then. */
  prefillMsPerToken: number;
  /** Measured milliseconds from dispatch to the end; null until then. */
  serviceMs: number | null = null;
  #hasPrefillSample = false;

  constructor(worker: RouterWorker, lane: Lane, prefillMsPerToken: number) {
    this.worker = worker;
    this.lane = lane;
    this.prefillMsPerToken = prefillMsPerToken;
  }

  /** A prompt that met an idle prefill queue took `ms` for `uncachedTokens`. */
  measurePrefill(ms: number, uncachedTokens: number): void {
    if (uncachedTokens < SAMPLE_TOKENS || ms <= 0) return;
    const sample = ms / uncachedTokens;
    this.prefillMsPerToken = this.#hasPrefillSample ? mean(this.prefillMsPerToken, sample) : sample;
    this.#hasPrefillSample = true;
  }

  measureService(ms: number): void {
    this.serviceMs = this.serviceMs === null ? ms : mean(this.serviceMs, ms);
  }
}

function mean(before: number, sample: number): number {
  return before + NEWEST_WEIGHT * (sample - before);
}
