/**
 * The pages a worker can reach: looks them up tier by tier, reads them into memory the caller lays out, and writes
 * new ones down through the tiers in the background. A tier that fails steps aside for a while; a page that cannot
 * be read is a miss.
 */
import { LIMITS } from '../limits.js';
import type { Tier } from '../router/types.js';
import { factsOf } from './page-format.js';
import type { Page, PageFacts, PageObserver, PagePlace, PageTier, PageUse } from './types.js';

/** A failed tier is tried again after this many milliseconds. */
const RETRY_MS = 15_000;
/** Writes under way at once per tier: disks sync several files in the time of one. */
const WRITES_AT_ONCE = 4;
/** Unreadable pages remembered per tier. */
const BAD_MAX = 10_000;

interface Shelf {
  place: PagePlace;
  waiting: Page[];
  waitingBytes: number;
  running: number;
  /** `now()` until which it is not used; 0 = works. */
  offUntil: number;
  isFaulty: boolean;
  /** Pages that could not be read, until they are written anew. */
  bad: Set<bigint>;
}

export interface PageStoreOptions {
  /** In the order pages are looked for and written through. */
  places: PagePlace[];
  observer: PageObserver;
  /** Milliseconds of a steady clock. */
  now?: () => number;
  /** A read that takes longer makes its tier step aside. */
  readMs?: number;
}

export class PageStore {
  readonly #shelves: Shelf[];
  readonly #observer: PageObserver;
  readonly #now: () => number;
  readonly #readMs: number;
  #idle: (() => void)[] = [];

  constructor({
    places,
    observer,
    now = () => performance.now(),
    readMs = LIMITS.pageReadMs,
  }: PageStoreOptions) {
    this.#readMs = readMs;
    this.#shelves = places.map((place) => ({
      place,
      waiting: [],
      waitingBytes: 0,
      running: 0,
      offUntil: 0,
      isFaulty: false,
      bad: new Set<bigint>(),
    }));
    this.#observer = observer;
    this.#now = now;
  }

  /** Tier each page of the chain can be read from, from `from` on, up to the first that is nowhere. */
  locate(keys: readonly bigint[], from: number): PageTier[] {
    const found: PageTier[] = [];
    for (let at = from; at < keys.length; at++) {
      const shelf = this.#shelves.find((shelf) => this.#holds(shelf, keys[at]!));
      if (shelf === undefined) break;
      found.push(shelf.place.tier);
    }
    return found;
  }

  /** Whether a page is in the uppermost tier that works, where nobody needs to write it. */
  isKept(key: bigint): boolean {
    const first = this.#shelves.find((shelf) => this.#isOn(shelf));
    return first === undefined || this.#holds(first, key);
  }

  /**
   * Fills `views` with the page's payload; null = a miss, which has been told. `late` = the tier did not answer in time: it may still
   * write into the views, which must not be used again. Promotion is the caller's (`put`).
   */
  async read(tier: PageTier, key: bigint, views: readonly Uint8Array[]): Promise<PageFacts | 'late' | null> {
    const shelf = this.#shelves.find(({ place }) => place.tier === tier);
    if (shelf === undefined || !this.#isOn(shelf)) return null;
    const read = shelf.place.read(key, views).catch((error: Error) => {
      this.#fail(shelf, error);
      return 'failed' as const;
    });
    const answer = await this.#inTime(read);
    if (answer === 'late') {
      this.#fail(shelf, new Error(`no page within ${this.#readMs} ms`));
      this.#observer.missed(tier, [key], 'failed');
      return 'late';
    }
    if (typeof answer !== 'string') return answer;
    if (shelf.bad.size >= BAD_MAX) shelf.bad.clear();
    shelf.bad.add(key);
    this.#observer.missed(tier, [key], answer);
    return null;
  }

  /** The pages were read, or found in the engine's memory (`gpu`); `isWarm` as in `PageObserver`. */
  used(tier: Tier, pages: readonly PageUse[], isWarm: boolean): void {
    const uses = pages.map(({ key, priority, expiresAt }) => ({ key, priority, expiresAt }));
    if (uses.length > 0) this.#observer.used(tier, uses, isWarm);
  }

  /** Writes pages to every tier that lacks them; returns at once. The payloads must not change afterwards. */
  put(pages: readonly Page[], only?: PageTier): void {
    for (const shelf of this.#shelves) {
      if (only !== undefined && shelf.place.tier !== only) continue;
      for (const page of pages) this.#enqueue(shelf, page);
      this.#pump(shelf);
    }
  }

  /** The uppermost tier, where pages read from below are brought back to. */
  get top(): PageTier | null {
    return this.#shelves.find((shelf) => this.#isOn(shelf))?.place.tier ?? null;
  }

  /** Resolves when nothing waits to be written. */
  async settled(): Promise<void> {
    while (this.#shelves.some(({ running, waiting }) => running + waiting.length > 0)) {
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
      });
    }
  }

  /** Waits for what is still to be written, but not for ever: a slow store loses the rest, and that is counted. */
  async close(patienceMs: number = LIMITS.pageCloseMs): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    await Promise.race([this.settled(), late]);
    clearTimeout(timer);
    for (const shelf of this.#shelves) {
      this.#drop(shelf, shelf.waiting.length);
      shelf.waiting = [];
    }
    await this.settled();
    await Promise.all(this.#shelves.map(({ place }) => place.close()));
  }

  async #inTime<Answer>(read: Promise<Answer>): Promise<Answer | 'late'> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.#readMs);
    });
    const answer = await Promise.race([read, late]);
    clearTimeout(timer);
    return answer;
  }

  #holds(shelf: Shelf, key: bigint): boolean {
    return this.#isOn(shelf) && !shelf.bad.has(key) && shelf.place.has(key);
  }

  #isOn(shelf: Shelf): boolean {
    return shelf.offUntil === 0 || this.#now() >= shelf.offUntil;
  }

  #enqueue(shelf: Shelf, page: Page): void {
    if (!this.#isOn(shelf)) return;
    if (shelf.waitingBytes + page.payload.length > LIMITS.pageQueueBytes) {
      this.#drop(shelf, 1);
      return;
    }
    shelf.waiting.push(page);
    shelf.waitingBytes += page.payload.length;
  }

  #drop(shelf: Shelf, pages: number): void {
    if (pages > 0) this.#observer.dropped(shelf.place.tier, pages);
  }

  #pump(shelf: Shelf): void {
    while (shelf.running < WRITES_AT_ONCE && shelf.waiting.length > 0) {
      const page = shelf.waiting.shift()!;
      shelf.waitingBytes -= page.payload.length;
      shelf.running++;
      void this.#write(shelf, page).finally(() => {
        shelf.running--;
        this.#pump(shelf);
        if (shelf.running === 0) for (const resolve of this.#idle.splice(0)) resolve();
      });
    }
  }

  async #write(shelf: Shelf, page: Page): Promise<void> {
    if (!this.#isOn(shelf)) return;
    try {
      const isNew = await shelf.place.write(page);
      if (shelf.isFaulty) this.#recovered(shelf);
      shelf.bad.delete(page.key);
      if (isNew) this.#observer.stored(shelf.place.tier, [factsOf(page)]);
    } catch (error) {
      this.#fail(shelf, error as Error);
    }
  }

  #fail(shelf: Shelf, error: Error): void {
    shelf.offUntil = this.#now() + RETRY_MS;
    shelf.isFaulty = true;
    this.#drop(shelf, shelf.waiting.length);
    shelf.waiting = [];
    shelf.waitingBytes = 0;
    this.#observer.fault(shelf.place.tier, error.message);
  }

  #recovered(shelf: Shelf): void {
    shelf.offUntil = 0;
    shelf.isFaulty = false;
    this.#observer.fault(shelf.place.tier, null);
  }
}
