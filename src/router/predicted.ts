/** Prompts being computed right now: blocks a worker will hold before its events say so. */
import type { Clock } from './clock.js';
import type { WorkerId } from './types.js';
import { wordsOf } from './u64-table.js';

/** One routed prompt. Owned by its placement. */
export interface Prediction {
  readonly prompt: Prompt | null;
  /** `running` until its first token: a cold prompt may take minutes on a small machine. */
  state: 'running' | 'computed' | 'removed';
  expiresAt: number;
}

/** All predictions of one worker for the same prompt: repeated prompts cost no more than one. */
interface Prompt {
  /** Sequence hashes: where two of them are equal, everything before is. */
  words: Uint32Array;
  running: number;
  /** When computed ones end, soonest first. */
  expiries: number[];
}

/**
 * A side record beside the index, so that a burst of one prefix follows its first request instead of being
 * computed on every worker. Each entry lives until its prompt is computed and the events had time to arrive.
 */
export class PredictedBlocks {
  readonly #clock: Clock;
  readonly #graceMs: number;
  /** By worker and the prompt's last sequence hash, which names all of it. */
  readonly #byWorker = new Map<WorkerId, Map<bigint, Prompt>>();

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** `sequence` = the prompt's sequence hashes. */
  add(worker: WorkerId, sequence: BigUint64Array): Prediction {
    const key = sequence.at(-1);
    if (key === undefined) return { prompt: null, state: 'running', expiresAt: 0 };
    let prompts = this.#byWorker.get(worker);
    if (prompts === undefined) {
      prompts = new Map();
      this.#byWorker.set(worker, prompts);
    }
    let prompt = prompts.get(key);
    if (prompt === undefined) {
      prompt = { words: wordsOf(sequence), running: 0, expiries: [] };
      prompts.set(key, prompt);
    }
    prompt.running += 1;
    return { prompt, state: 'running', expiresAt: Number.POSITIVE_INFINITY };
  }

  /** Its prompt is computed. Idempotent. */
  computed(prediction: Prediction): void {
    if (prediction.state !== 'running') return;
    prediction.state = 'computed';
    prediction.expiresAt = this.#clock.now() + this.#graceMs;
    if (prediction.prompt === null) return;
    prediction.prompt.running -= 1;
    prediction.prompt.expiries.push(prediction.expiresAt);
  }

  /** Its prompt will not be computed. Idempotent. */
  remove(prediction: Prediction): void {
    const { prompt, state } = prediction;
    prediction.state = 'removed';
    if (prompt === null || state === 'removed') return;
    if (state === 'running') {
      prompt.running -= 1;
      return;
    }
    const at = prompt.expiries.indexOf(prediction.expiresAt);
    if (at >= 0) prompt.expiries.splice(at, 1);
  }

  clear(worker: WorkerId): void {
    this.#byWorker.delete(worker);
  }

  /**
   * `blocks` = the longest prefix a worker is computing; `shared` = what all prompts it is computing have in
   * common with this one, added up: blocks that are counted per request but held once.
   */
  lookup(worker: WorkerId, sequence: BigUint64Array): { blocks: number; shared: number } {
    const found = { blocks: 0, shared: 0 };
    const prompts = this.#byWorker.get(worker);
    if (prompts === undefined) return found;
    const now = this.#clock.now();
    const words = wordsOf(sequence);
    for (const [key, prompt] of prompts) {
      const live = liveCount(prompt, now);
      if (live === 0) {
        prompts.delete(key);
        continue;
      }
      const common = commonBlocks(prompt.words, words);
      found.blocks = Math.max(found.blocks, common);
      found.shared += common * live;
    }
    return found;
  }
}

function liveCount(prompt: Prompt, now: number): number {
  const { expiries } = prompt;
  let over = 0;
  while (over < expiries.length && (expiries[over] as number) <= now) over += 1;
  if (over > 0) expiries.splice(0, over);
  return prompt.running + expiries.length;
}

/** Equal sequence hashes mean equal prefixes, so the last common one is found by halving. */
function commonBlocks(a: Uint32Array, b: Uint32Array): number {
  let low = 0;
  let high = Math.min(a.length, b.length) >> 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const at = (middle - 1) * 2;
    if (a[at] === b[at] && a[at + 1] === b[at + 1]) low = middle;
    else high = middle - 1;
  }
  return low;
}
