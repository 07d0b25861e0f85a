/**
 * When a conversation will come back. Pauses of agents repeat: a tool that took four seconds takes about four the next
 * time. The estimate is the mean of what is left of earlier pauses longer than the present one: the last of the conversation
 * count more than those of all.
 */

const OWN_GAPS = 8;
const OWN_WEIGHT = 3;
const ALL_GAPS = 64;
/** Milliseconds for a conversation nobody expects back; the longer it is silent the less. */
export const GONE_MS = 10 ** 9;

interface Habit<Key> {
  key: Key;
  gaps: number[];
  running: number;
  /** Since when nothing runs. */
  idleSince: number;
}

/** Conversations by key, at most `capacity`; the longest untouched are forgotten. Milliseconds throughout. */
export class NextUseBook<Key> {
  readonly #habits = new Map<Key, Habit<Key>>();
  readonly #gaps: number[] = [];
  readonly #capacity: number;

  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  /** A request of the conversation was sent. */
  started(key: Key, now: number): void {
    const habit = this.#habits.get(key) ?? { key, gaps: [], running: 0, idleSince: now };
    if (habit.running === 0 && this.#habits.has(key)) {
      remember(habit.gaps, now - habit.idleSince, OWN_GAPS);
      remember(this.#gaps, now - habit.idleSince, ALL_GAPS);
    }
    habit.running += 1;
    this.#habits.delete(key);
    this.#habits.set(key, habit);
    this.#trim();
  }

  ended(key: Key, now: number): void {
    const habit = this.#habits.get(key);
    if (habit === undefined) return;
    habit.running = Math.max(0, habit.running - 1);
    habit.idleSince = now;
  }

  /** The client said that it will not come back. */
  closed(key: Key): void {
    this.#habits.delete(key);
  }

  /** Milliseconds until it is expected again; 0 while a request of it runs. */
  remaining(key: Key, now: number): number {
    const habit = this.#habits.get(key);
    if (habit === undefined) return GONE_MS;
    if (habit.running > 0) return 0;
    const idle = now - habit.idleSince;
    const own = leftOf(habit.gaps, idle);
    const all = leftOf(this.#gaps, idle);
    const weight = OWN_WEIGHT * own.count + all.count;
    return weight === 0 ? GONE_MS + idle : (OWN_WEIGHT * own.sum + all.sum) / weight;
  }

  #trim(): void {
    for (const [key, habit] of this.#habits) {
      if (this.#habits.size <= this.#capacity) return;
      if (habit.running === 0) this.#habits.delete(key);
    }
  }
}

/** What is left of the pauses that are longer than `idle`. */
function leftOf(gaps: readonly number[], idle: number): { sum: number; count: number } {
  let sum = 0;
  let count = 0;
  for (const gap of gaps) {
    if (gap <= idle) continue;
    sum += gap - idle;
    count += 1;
  }
  return { sum, count };
}

function remember(gaps: number[], gap: number, max: number): void {
  gaps.push(gap);
  if (gaps.length > max) gaps.shift();
}
