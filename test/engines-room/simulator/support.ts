/** A simulated engine on a clock of the test's, and what came out of it. */

import type { CoreFinish, CoreHandle, CoreJob, CoreKvEvent } from '../../../src/engines/embedded/types.js';
import type { Clock } from '../../../src/engines/simulator/clock.js';
import { SimulatedCore, type SimulatedCoreOptions } from '../../../src/engines/simulator/core.js';

export const BLOCK = 16;

/** Time moves only by `advance`. */
export class ManualClock implements Clock {
  #now = 0;
  #waiting: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.#now + ms, run };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
    };
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Runs what is due within so many milliseconds, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }

  /** Time that passes while nothing runs: the machine slept. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Until nothing waits any more. */
  settle(): void {
    for (let turns = 0; !this.isIdle; turns++) {
      if (turns > 100_000) throw new Error('the clock never comes to rest');
      const first = Math.min(...this.#waiting.map(({ at }) => at));
      this.advance(Math.max(0, first - this.#now));
    }
  }

  #next(end: number): { at: number; run: () => void } | undefined {
    const due = this.#waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
    this.#waiting = this.#waiting.filter((entry) => entry !== due);
    return due;
  }
}

/** As fast as the event loop allows: every wait is over in the next turn, and the clock says it took its time. */
export function fastClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    after(ms, run) {
      const immediate = setImmediate(() => {
        now += ms;
        run();
      });
      return () => clearImmediate(immediate);
    },
  };
}

export interface Asked {
  name: string;
  handle: CoreHandle;
  cached: number | null;
  tokens: number[];
  finish: CoreFinish | null;
  error: Error | null;
  /** Milliseconds of the clock at the first token, and at the end. */
  firstAt: number | null;
  endAt: number | null;
}

export function simulated(over: Partial<SimulatedCoreOptions> = {}) {
  const clock = new ManualClock();
  const core = new SimulatedCore({
    blocks: 64,
    blockTokens: BLOCK,
    contextTokens: 1_024,
    // A millisecond for each prompt token and for each answer token.
    timing: { passMs: (promptTokens, decoding) => promptTokens + (decoding > 0 ? 1 : 0) },
    clock,
    speed: 1,
    answerTokens: 8,
    version: 'test',
    ...over,
  });
  const events: CoreKvEvent[] = [];
  core.onKvEvents((batch) => events.push(...batch));
  const ended: string[] = [];
  const ask = (name: string, job: Partial<CoreJob>): Asked => {
    const asked: Asked = {
      ...{ name, handle: { cancel: () => {} }, cached: null, tokens: [], finish: null },
      ...{ error: null, firstAt: null, endAt: null },
    };
    asked.handle = core.submit({
      tokens: new Uint32Array(),
      maxTokens: 4,
      sampling: SAMPLING,
      priority: 0,
      cacheSalt: '',
      ignoreEos: true,
      onStart: (cached) => {
        asked.cached = cached;
        asked.firstAt = clock.now();
      },
      onToken: (token) => asked.tokens.push(token),
      onEnd: (finish, error) => {
        Object.assign(asked, { finish, error: error ?? null, endAt: clock.now() });
        ended.push(name);
      },
      ...job,
    });
    return asked;
  };
  return { clock, core, events, ended, ask };
}

const SAMPLING = {
  ...{ temperature: 1, topP: 1, topK: 0, minP: 0 },
  ...{ frequencyPenalty: 0, presencePenalty: 0, repetitionPenalty: 1 },
};

/** A prompt of so many tokens; unlike `from`, unlike prompt. */
export const promptOf = (tokens: number, from = 1_000): Uint32Array =>
  Uint32Array.from({ length: tokens }, (_, index) => from + index);
