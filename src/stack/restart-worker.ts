/** Restarting one worker without losing a request: nothing new goes there, what runs there finishes, then it is replaced. */
import { DynamoError } from '../errors.js';
import type { LifecycleState } from '../supervisor/types.js';

/** The owners that are asked, in order. */
export interface RestartParts {
  /** The stack serves: it is neither starting nor stopping. */
  isServing(): boolean;
  /** Undefined for a worker there is none of. */
  stateOf(worker: string): LifecycleState | undefined;
  /** Requests sent there and not finished. */
  running(worker: string): number;
  /** Nothing new is sent there. */
  drain(worker: string): void;
  /** Ends the process and starts another; resolves when that serves. */
  replace(worker: string): Promise<void>;
}

export interface RestartOptions {
  /** Milliseconds running requests have to finish. */
  drainMs: number;
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

export interface Restarted {
  worker: string;
  /** Requests that ran when it began, and those that had to be cut off at the end of their time. */
  running: number;
  cutOff: number;
  /** From asking to serving again. */
  ms: number;
}

const POLL_MS = 50;

/** One restart of a worker at a time. Rejects with `invalid_request` or what kept it from starting. */
export class WorkerRestarts {
  readonly #parts: RestartParts;
  readonly #options: RestartOptions;
  readonly #underWay = new Set<string>();

  constructor(parts: RestartParts, options: RestartOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async restart(worker: string): Promise<Restarted> {
    if (!this.#parts.isServing()) throw refused('The stack is starting or stopping.');
    const state = this.#parts.stateOf(worker);
    if (state === undefined) throw refused(`There is no worker ${worker}.`);
    if (this.#underWay.has(worker)) throw refused(`${worker} is being restarted already.`);
    this.#underWay.add(worker);
    try {
      return await this.#restart(worker, state);
    } finally {
      this.#underWay.delete(worker);
    }
  }

  async #restart(worker: string, state: LifecycleState): Promise<Restarted> {
    const { now, drainMs } = this.#options;
    const startedAt = now();
    const running = this.#parts.running(worker);
    if (state === 'ready') {
      this.#parts.drain(worker);
      while (this.#parts.running(worker) > 0 && now() - startedAt < drainMs)
        await this.#options.sleep(POLL_MS);
    }
    const cutOff = this.#parts.running(worker);
    await this.#parts.replace(worker);
    return { worker, running, cutOff, ms: Math.round(now() - startedAt) };
  }
}

const refused = (detail: string) => new DynamoError('invalid_request', { detail });
