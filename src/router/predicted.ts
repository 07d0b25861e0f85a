/** Prompts being computed right now: blocks a worker will hold before its events say so. */
import type { Clock } from './clock.js';
import type { WorkerId } from './types.js';
import { wordsOf } from './u64-table.js';

/** One routed prompt. Owned by its placement. */
export interface Prediction {
  worker: WorkerId;
  words: Uint32Array;
  /** Infinite until the first token: a cold prompt may take minutes on a small machine. */
  expiresAt: number;
}

/**
 * A side record beside the index, so that a burst of one prefix follows its first request instead of being
 * computed on every worker. Each entry lives until its prompt is computed and the events had time to arrive.
 */
export class PredictedBlocks {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #byWorker = new Map<WorkerId, Set<Prediction>>();

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  add(worker: WorkerId, localHashes: BigUint64Array): Prediction {
    const prediction = { worker, words: wordsOf(localHashes), expiresAt: Number.POSITIVE_INFINITY };
    let entries = this.#byWorker.get(worker);
    if (entries === undefined) {
      entries = new Set();
      this.#byWorker.set(worker, entries);
    }
    entries.add(prediction);
    return prediction;
  }

  /** Its prompt is computed. Idempotent. */
  computed(prediction: Prediction): void {
    prediction.expiresAt = Math.min(prediction.expiresAt, this.#clock.now() + this.#graceMs);
  }

  /** Its prompt will not be computed. Idempotent. */
  remove(prediction: Prediction): void {
    this.#byWorker.get(prediction.worker)?.delete(prediction);
  }

  clear(worker: WorkerId): void {
    this.#byWorker.delete(worker);
  }

  /**
   * `blocks` = the longest prefix a worker is computing; `shared` = what all prompts it is computing have in
   * common with this one, added up: blocks that are counted per request but held once.
   */
  lookup(worker: WorkerId, localHashes: BigUint64Array): { blocks: number; shared: number } {
    const found = { blocks: 0, shared: 0 };
    const now = this.#clock.now();
    const words = wordsOf(localHashes);
    const entries = this.#byWorker.get(worker) ?? NOTHING;
    for (const entry of entries) {
      if (entry.expiresAt <= now) {
        entries.delete(entry);
        continue;
      }
      const common = commonBlocks(entry.words, words);
      found.blocks = Math.max(found.blocks, common);
      found.shared += common;
    }
    return found;
  }
}

const NOTHING = new Set<Prediction>();

function commonBlocks(a: Uint32Array, b: Uint32Array): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a[at] === b[at]) at += 1;
  return at >> 1;
}
