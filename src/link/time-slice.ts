/** Lets others run while something reads what is there already, message after message without ever waiting. */
import { setImmediate } from 'node:timers/promises';
import { LIMITS } from '../limits.js';

/** zeromq hands over buffered messages without going back to the event loop: a flood would keep every stream from it. */
export class TimeSlice {
  #startedAt = performance.now();

  /** To be called after each piece of work; a promise when its turn is over. */
  rest(): Promise<void> | undefined {
    if (performance.now() - this.#startedAt < LIMITS.feedSliceMs) return undefined;
    return setImmediate().then(() => {
      this.#startedAt = performance.now();
    });
  }
}
