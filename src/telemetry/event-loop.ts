/** How late the stack's event loop is: what any one request adds to all others while it is worked on. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { EventLoopSummary } from './types.js';

/** A timer of this many milliseconds is watched; how late it fires is the delay. A native timer: no code of ours runs. */
const TIMER_MS = 5;
/** Figures are of the current window and the one before, so that an old stall does not stay for ever. */
const WINDOW_MS = 60_000;
const NOTHING: EventLoopSummary = { p50: null, p99: null, p999: null, max: null };

export class EventLoopGauge {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: TIMER_MS });
  readonly #timer: NodeJS.Timeout;
  #before: EventLoopSummary = NOTHING;

  constructor() {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#before = this.#current();
      this.#histogram.reset();
    }, WINDOW_MS).unref();
  }

  /** Of the last one to two minutes, or since `restart`. */
  summary(): EventLoopSummary {
    return worse(this.#current(), this.#before);
  }

  /** Forgets everything: what follows is measured by itself. */
  restart(): void {
    this.#before = NOTHING;
    this.#histogram.reset();
    this.#timer.refresh();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  #current(): EventLoopSummary {
    const histogram = this.#histogram;
    if (histogram.count === 0) return NOTHING;
    const late = (nanoseconds: number): number =>
      Number(Math.max(0, nanoseconds / 1e6 - TIMER_MS).toFixed(2));
    return {
      p50: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      p999: late(histogram.percentile(99.9)),
      max: late(histogram.max),
    };
  }
}

/** The larger of each; what is not known loses. */
export function worse(a: EventLoopSummary, b: EventLoopSummary): EventLoopSummary {
  const larger = (x: number | null, y: number | null): number | null =>
    x === null || y === null ? (x ?? y) : Math.max(x, y);
  return {
    p50: larger(a.p50, b.p50),
    p99: larger(a.p99, b.p99),
    p999: larger(a.p999, b.p999),
    max: larger(a.max, b.max),
  };
}
