/** One job on its way through the batcher, and the order of jobs. */
import type { CachedByTier, CoreFinish, CoreJob } from '../types.js';
import type { LoadedImage } from './tiered-prefix.js';
import type { Picker } from './types.js';

export interface Task {
  readonly job: CoreJob;
  /** Output bound, clamped to the context left. */
  readonly maxTokens: number;
  readonly arrival: number;
  /** Null while it waits. */
  slot: number | null;
  picker: Picker | null;
  /** The token chosen last; its KV is computed by the next decode. Null until the prompt is computed. */
  nextToken: number | null;
  generated: number;
  isCancelled: boolean;
  /** Its end has been told. */
  isOver: boolean;
  /** Hashes of the prompt's blocks; set when it gets its slot and there are tiers. */
  keys: readonly bigint[];
  /** Prompt tokens not computed, by where they came from. */
  cached: CachedByTier;
  /** Set aside until this resolves: pages are being read, or another worker computes them. */
  pause: Promise<void> | null;
  /** Read, waiting for the device. */
  loaded: LoadedImage | null;
  /** `performance.now()` since which it has waited for another worker without any progress. */
  waitingSince: number | null;
  /** Blocks that had come by then. */
  waitingBlocks: number;
  /** Blocks of its slot that have been offered to the tiers. */
  saved: number;
  isClaimed: boolean;
}

export function newTask(job: CoreJob, contextTokens: number, arrival: number): Task {
  return {
    job,
    maxTokens: Math.min(job.maxTokens, contextTokens - job.tokens.length),
    arrival,
    slot: null,
    picker: null,
    nextToken: null,
    generated: 0,
    isCancelled: false,
    isOver: false,
    keys: [],
    cached: { gpu: 0, cpu: 0, disk: 0, remote: 0 },
    pause: null,
    loaded: null,
    waitingSince: null,
    waitingBlocks: 0,
    saved: 0,
    isClaimed: false,
  };
}

/** Higher priority first, then arrival. */
export function byTurn(a: Task, b: Task): number {
  return b.job.priority - a.job.priority || a.arrival - b.arrival;
}

export function firstInTurn(tasks: readonly Task[]): Task | null {
  return tasks.reduce<Task | null>(
    (best, task) => (best === null || byTurn(task, best) < 0 ? task : best),
    null,
  );
}

/**
 * An answer that another worker began is decoded again token by token: computed in one go its keys and values would differ
 * in their last bits, and a greedy answer could go on otherwise. False when the next token must be chosen.
 */
export function takesKnown(task: Task): boolean {
  const known = task.job.continued?.[task.generated];
  if (known === undefined) return false;
  task.picker?.take(known);
  task.nextToken = known;
  task.generated++;
  return true;
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Tells the job's owner of its end. A throw there is a bug of ours in the server half: it must not stop the
 * batcher's loop, and it must not pass unseen either, so it surfaces as an uncaught exception.
 */
export function tellEnd(job: CoreJob, reason: CoreFinish, error?: Error): void {
  surfacing(() => job.onEnd(reason, error));
}

export function surfacing(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    setImmediate(() => {
      throw thrown;
    });
  }
}
