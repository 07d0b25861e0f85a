/** Time as the simulated worker sees it; tests have their own. */
export interface Clock {
  /** Milliseconds, from anywhere. */
  now(): number;
  /** Runs once, after so many milliseconds; never at once. The answer takes it back. */
  after(ms: number, run: () => void): () => void;
}

/** Below this a timer would fire late: the next turn of the event loop is nearer. */
const TIMER_MS_MIN = 1;

export const realClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    if (ms < TIMER_MS_MIN) {
      const immediate = setImmediate(run);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
