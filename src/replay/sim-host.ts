/** One simulated worker in virtual time: runs pass after pass while it has work, and tells what left. */
import { SimWorker, type SimWorkerOptions } from '../engines/simulator/step.js';
import type { PassResult, SimRequest, SimRunning } from '../engines/simulator/types.js';
import type { Clock } from '../router/clock.js';

/** What the run wants to know of a request; times are the clock's. */
export interface SimListener {
  admitted(entry: SimRunning): void;
  firstToken(entry: SimRunning): void;
  /** Answer tokens since the last call. */
  grew(tokens: number): void;
  finished(entry: SimRunning): void;
}

const GROW_TOKENS = 64;

export class SimHost {
  readonly worker: SimWorker;
  readonly #clock: Clock;
  readonly #listeners = new Map<SimRunning, SimListener>();
  #isBusy = false;
  busyMs = 0;

  constructor(clock: Clock, options: SimWorkerOptions) {
    this.#clock = clock;
    this.worker = new SimWorker(options);
  }

  submit(request: SimRequest, listener: SimListener): void {
    this.#listeners.set(this.worker.submit(request), listener);
    if (this.#isBusy) return;
    this.#isBusy = true;
    // What arrives at the same instant shares the first pass.
    this.#clock.after(0, () => this.#pass());
  }

  #pass(): void {
    const now = this.#clock.now();
    const result = this.worker.pass(now);
    if (result === null) {
      this.#isBusy = false;
      return;
    }
    for (const entry of result.admitted) this.#listeners.get(entry)?.admitted(entry);
    this.busyMs += result.durationMs;
    this.#clock.after(result.durationMs, () => {
      this.#tell(result);
      this.#pass();
    });
  }

  #tell(result: PassResult): void {
    for (const entry of result.started) this.#listeners.get(entry)?.firstToken(entry);
    for (const entry of this.worker.entries) {
      if (entry.generated > 0 && entry.generated % GROW_TOKENS === 0) {
        this.#listeners.get(entry)?.grew(GROW_TOKENS);
      }
    }
    for (const entry of result.finished) {
      const listener = this.#listeners.get(entry);
      this.#listeners.delete(entry);
      listener?.finished(entry);
    }
  }
}
