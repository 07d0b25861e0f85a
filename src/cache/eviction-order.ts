/**
 * Which page of a tier goes first: without a promise before with one, then lower priority, then least recently used.
 * A promise that has run out counts no longer, and what it marked is at most conversation from then on.
 */
import type { PageFacts } from './types.js';

/** Added to the priority of a page whose promised time is not over. */
const PROMISED = 1_000;
/** A page that was only worth more while its promise ran. */
const AFTER_PROMISE_MAX = 60;
const PROMISE_MS_MAX = 24 * 3_600_000;
/** Promises are looked through at most this often. */
const SETTLE_MS = 1_000;

interface Held {
  usedAt: number;
  rank: number;
  priority: number;
  expiresAt: number;
}

export class EvictionOrder {
  /** Promises that were still open when their time was over. */
  promisesKept = 0;
  readonly #held = new Map<string, Held>();
  /** Rank → keys, least recently used first. */
  readonly #ranks = new Map<number, Set<string>>();
  #settledAt = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.#held.size;
  }

  /** Enters a page, or renews it: it is the last of its rank from now on. */
  touch(key: string, { priority, expiresAt }: Pick<PageFacts, 'priority' | 'expiresAt'>, now: number): void {
    const before = this.#held.get(key);
    if (before !== undefined) this.#drop(key, before.rank);
    // A second request may promise longer or value higher, never less.
    const held = {
      priority: Math.max(priority, before?.priority ?? 0),
      // No promise is longer than a day: a clock that was set back would make one of it.
      expiresAt: Math.min(Math.max(expiresAt, before?.expiresAt ?? 0), now + PROMISE_MS_MAX),
      rank: 0,
      usedAt: now,
    };
    held.rank = rankOf(held, now);
    this.#held.set(key, held);
    this.#enter(key, held.rank);
  }

  /** What the page is worth by now; undefined when it is not here. */
  valueOf(key: string): Pick<PageFacts, 'priority' | 'expiresAt'> | undefined {
    const held = this.#held.get(key);
    return held === undefined ? undefined : { priority: held.priority, expiresAt: held.expiresAt };
  }

  /** Lowers a page to a priority without promise: its session is over. */
  demote(key: string, priority: number): void {
    const held = this.#held.get(key);
    if (held === undefined || held.rank <= priority) return;
    this.#drop(key, held.rank);
    Object.assign(held, { priority, expiresAt: 0, rank: priority });
    this.#enter(key, priority);
  }

  remove(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#drop(key, held.rank);
    this.#held.delete(key);
  }

  /** The page to go, null when there is none. `isPromised` = its promise is broken by that. */
  first(now: number): { key: string; isPromised: boolean } | null {
    this.#settle(now);
    let lowest = Number.POSITIVE_INFINITY;
    for (const rank of this.#ranks.keys()) lowest = Math.min(lowest, rank);
    const key = this.#ranks.get(lowest)?.values().next().value;
    return key === undefined ? null : { key, isPromised: lowest >= PROMISED };
  }

  /** Milliseconds since the longest unused page was used; null when there is none. */
  oldestMs(now: number): number | null {
    let oldest = Number.POSITIVE_INFINITY;
    for (const keys of this.#ranks.values()) {
      const key = keys.values().next().value;
      if (key !== undefined) oldest = Math.min(oldest, this.#held.get(key)!.usedAt);
    }
    return oldest === Number.POSITIVE_INFINITY ? null : Math.max(0, now - oldest);
  }

  /** Pages per class, `promised` apart. */
  mix(now: number): Record<string, number> {
    this.#settle(now);
    const mix: Record<string, number> = {};
    for (const [rank, keys] of this.#ranks) {
      const name = rank >= PROMISED ? 'promised' : String(rank);
      mix[name] = (mix[name] ?? 0) + keys.size;
    }
    return mix;
  }

  /** Pages whose promise ran out go to where they belong without it. */
  #settle(now: number): void {
    if (now - this.#settledAt < SETTLE_MS && now >= this.#settledAt) return;
    this.#settledAt = now;
    for (const [rank, keys] of [...this.#ranks]) {
      if (rank < PROMISED) continue;
      for (const key of [...keys]) {
        const held = this.#held.get(key)!;
        if (held.expiresAt > now) continue;
        this.promisesKept++;
        this.#drop(key, rank);
        held.rank = rankOf(held, now);
        this.#enter(key, held.rank);
      }
    }
  }

  #enter(key: string, rank: number): void {
    const keys = this.#ranks.get(rank);
    if (keys === undefined) this.#ranks.set(rank, new Set([key]));
    else keys.add(key);
  }

  #drop(key: string, rank: number): void {
    const keys = this.#ranks.get(rank);
    keys?.delete(key);
    if (keys?.size === 0) this.#ranks.delete(rank);
  }
}

function rankOf({ priority, expiresAt }: Held, now: number): number {
  if (expiresAt > now) return PROMISED + priority;
  return expiresAt > 0 ? Math.min(priority, AFTER_PROMISE_MAX) : priority;
}
