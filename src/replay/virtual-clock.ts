/** Time that only moves when something happens. */
import type { Clock } from '../router/clock.js';

interface Timer {
  at: number;
  order: number;
  run: (() => void) | null;
}

/** Runs callbacks in order of time, then of being asked for: the same calls give the same run. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #cancelled = 0;
  #heap: Timer[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, run };
    this.#push(timer);
    return () => {
      if (timer.run === null) return;
      timer.run = null;
      this.#cancelled += 1;
      // Long timers that almost never fire must not pile up.
      if (this.#cancelled > 1_024 && this.#cancelled * 2 > this.#heap.length) this.#sweep();
    };
  }

  /** Moves to the next callback and runs it; false when there is none. */
  step(): boolean {
    for (;;) {
      const timer = this.#pop();
      if (timer === undefined) return false;
      const { run } = timer;
      if (run === null) {
        this.#cancelled -= 1;
        continue;
      }
      timer.run = null;
      this.#now = timer.at;
      run();
      return true;
    }
  }

  #sweep(): void {
    this.#heap = this.#heap.filter((timer) => timer.run !== null).sort(compare);
    this.#cancelled = 0;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (compare(heap[parent] as Timer, timer) <= 0) break;
      heap[at] = heap[parent] as Timer;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && compare(heap[child + 1] as Timer, heap[child] as Timer) < 0) child += 1;
      if (compare(heap[child] as Timer, last) >= 0) break;
      heap[at] = heap[child] as Timer;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function compare(a: Timer, b: Timer): number {
  return a.at - b.at || a.order - b.order;
}
