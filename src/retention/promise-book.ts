/**
 * Lifetimes that clients were promised by engines that keep none: their caches drop what has not been used for longest. A prefix is
 * touched before so much else went through its worker that it could have become the oldest. Pure but for its own memory.
 */

export interface Promised<Key> {
  key: Key;
  worker: string;
  /** Milliseconds of the caller's clock. */
  until: number;
  /** KV blocks of the worker; 0 = unknown. */
  kvBlocks: number;
}

interface Kept<Key> extends Promised<Key> {
  madeAt: number;
  touchedAt: number;
  /** Blocks other requests took on the worker since. */
  passed: number;
}

/** Of a worker's blocks: what was touched may be dropped once all of them went by. */
const PASSED_SHARE = 0.5;
/** Of the lifetime, where a worker does not say how many blocks it has. */
const TIME_SHARE = 1 / 3;

/** At most `capacity`: of more, those that end first are no longer looked after. */
export class PromiseBook<Key> {
  readonly #kept = new Map<Key, Kept<Key>>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Made or renewed: the prefix was just used. */
  made(promised: Promised<Key>, now: number): void {
    this.#kept.delete(promised.key);
    this.#kept.set(promised.key, { ...promised, madeAt: now, touchedAt: now, passed: 0 });
    if (this.#kept.size <= this.#capacity) return;
    const first = [...this.#kept.values()].reduce((a, b) => (b.until < a.until ? b : a));
    this.#kept.delete(first.key);
  }

  touched(key: Key, now: number): void {
    const kept = this.#kept.get(key);
    if (kept !== undefined) Object.assign(kept, { touchedAt: now, passed: 0 });
  }

  /** A request took this many new blocks on a worker. */
  passed(worker: string, blocks: number): void {
    for (const kept of this.#kept.values()) if (kept.worker === worker) kept.passed += blocks;
  }

  /** Those to be touched now; they count as touched. */
  due(now: number): Key[] {
    const due = [...this.#kept.values()].filter((kept) => kept.until > now && isDue(kept, now));
    for (const { key } of due) this.touched(key, now);
    return due.map(({ key }) => key);
  }

  /** Those whose time is over; they are forgotten. */
  ended(now: number): Key[] {
    const over = [...this.#kept.values()].filter(({ until }) => until <= now);
    for (const { key } of over) this.#kept.delete(key);
    return over.map(({ key }) => key);
  }
}

function isDue<Key>({ kvBlocks, passed, until, madeAt, touchedAt }: Kept<Key>, now: number): boolean {
  if (kvBlocks > 0) return passed >= PASSED_SHARE * kvBlocks;
  return now - touchedAt >= TIME_SHARE * (until - madeAt);
}
