/** One job on its way through the batcher, and the order of jobs. */
import type { CoreFinish, CoreJob } from '../types.js';
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
