/** Long work on the event loop, cut into pieces so that everybody else's streams go on between them. */
import { setImmediate } from 'node:timers/promises';

/** Milliseconds at a stretch: a token every 20 ms must not be late by one request's prompt. */
const STRETCH_MS = 4;

export class Pace {
  #since = performance.now();

  /** It has gone on for long enough. */
  get isTired(): boolean {
    return performance.now() - this.#since >= STRETCH_MS;
  }

  /** Lets everything else that waits have its turn. */
  async rest(): Promise<void> {
    await setImmediate();
    this.#since = performance.now();
  }
}
