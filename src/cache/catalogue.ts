/**
 * What lies in the tiers, for all workers of a stack: the only one that removes pages. Keeps each tier within its quota
 * by `EvictionOrder`, tells the router's index what every worker could read, and counts what the tiers gave.
 */
import type { Tier } from '../router/types.js';
import { Announcer, type TierIndex } from './announcer.js';
import { EvictionOrder } from './eviction-order.js';
import { keyText } from './page-format.js';
import type { PageFacts, PageTier, PageUse, ReadMiss } from './types.js';

/** Where removals go and a start's scan comes from. */
export interface TierStorage {
  remove(key: bigint): Promise<void>;
  scan(): AsyncIterable<PageFacts>;
  /** Takes down what is there for the next scan; absent where a scan is quick. */
  remember?(pages: readonly PageFacts[]): Promise<void>;
}

export interface CatalogueTier {
  tier: PageTier;
  bytesMax: number;
  storage: TierStorage;
}

export interface CatalogueOptions {
  tiers: CatalogueTier[];
  /** Bytes of one page in every tier. */
  pageBytes: number;
  index: TierIndex;
  /** Tokens of a page. */
  pageTokens: number;
  /** Unix milliseconds. */
  now?: () => number;
  onWarning?(code: string, message: string): void;
}

export interface TierFigures {
  name: PageTier;
  bytes: number;
  /** Null = no quota. */
  bytesMax: number | null;
  blocks: number;
  hitTokens: number;
  readBytes: number;
  writtenBytes: number;
  evicted: number;
  promisesKept: number;
  promisesBroken: number;
  /** Reads that found no page or a wrong one. */
  misses: number;
  /** Pages it was too slow to be given. */
  dropped: number;
  /** Milliseconds since the page that has not been used for longest was; null without pages. */
  oldestMs: number | null;
  /** Null when it works. */
  fault: string | null;
  /** Pages per priority, those with a running promise apart. */
  classes: Record<string, number>;
}

/** What a finished session is worth, see `retention/spans`: nothing else that is written down is worth so little. */
const FINISHED_PRIORITY = 10;

interface Shelf extends CatalogueTier {
  pages: Map<string, PageFacts>;
  order: EvictionOrder;
  counters: {
    hitPages: number;
    written: number;
    evicted: number;
    broken: number;
    misses: number;
    dropped: number;
  };
  fault: string | null;
}

export class Catalogue {
  readonly #options: CatalogueOptions;
  readonly #shelves: Map<PageTier, Shelf>;
  readonly #announcer: Announcer;
  readonly #now: () => number;

  constructor(options: CatalogueOptions) {
    this.#options = options;
    this.#announcer = new Announcer(options.index);
    this.#now = options.now ?? Date.now;
    this.#shelves = new Map(
      options.tiers.map((tier) => [
        tier.tier,
        {
          ...tier,
          pages: new Map(),
          order: new EvictionOrder(),
          counters: { hitPages: 0, written: 0, evicted: 0, broken: 0, misses: 0, dropped: 0 },
          fault: null,
        },
      ]),
    );
  }

  /** Takes over what an earlier run left; resolves with the pages found. Promises of that run still hold. */
  async scan(): Promise<number> {
    let found = 0;
    for (const shelf of this.#shelves.values()) {
      try {
        for await (const page of shelf.storage.scan()) {
          this.#enter(shelf, page);
          found++;
        }
      } catch (error) {
        this.fault(shelf.tier, error instanceof Error ? error.message : String(error));
      }
      this.#keepQuota(shelf);
    }
    this.announceAll();
    return found;
  }

  stored(tier: PageTier, pages: readonly PageFacts[]): void {
    const shelf = this.#shelves.get(tier);
    if (shelf === undefined || pages.length === 0) return;
    for (const page of pages) this.#enter(shelf, page);
    shelf.counters.written += pages.length;
    this.#announcer.stored(pages.map((page) => ({ tier, page })));
    this.#keepQuota(shelf);
  }

  /** Pages were read for a request: they, and their copies above and below, are worth keeping longer. */
  used(tier: Tier, pages: readonly PageUse[], isWarm = false): void {
    const shelf = tier === 'gpu' || isWarm ? undefined : this.#shelves.get(tier);
    if (shelf !== undefined) shelf.counters.hitPages += pages.length;
    this.#renew(pages);
  }

  /** Pages the tier was too slow to be given. */
  dropped(tier: PageTier, pages: number): void {
    const shelf = this.#shelves.get(tier);
    if (shelf !== undefined) shelf.counters.dropped += pages;
  }

  missed(tier: PageTier, keys: readonly bigint[], why: ReadMiss): void {
    const shelf = this.#shelves.get(tier);
    if (shelf === undefined) return;
    shelf.counters.misses += keys.length;
    // A page that could not be read just now may be read later; one that is wrong or gone never.
    if (why === 'failed') return;
    for (const key of keys) this.#remove(shelf, keyText(key));
  }

  fault(tier: PageTier, message: string | null): void {
    const shelf = this.#shelves.get(tier);
    if (shelf === undefined || shelf.fault === message) return;
    shelf.fault = message;
    const text =
      message === null ? `the ${tier} tier works again` : `the ${tier} tier steps aside: ${message}`;
    this.#options.onWarning?.(message === null ? 'tier_recovered' : 'tier_failed', text);
  }

  /** Tells the index everything again, parents first: a worker's part of it was dropped. */
  announceAll(): void {
    this.#announcer.reset();
    for (const { tier, pages } of this.#shelves.values())
      this.#announcer.stored([...pages.values()].map((page) => ({ tier, page })));
  }

  /** Removes every page of a tier, or of all; resolves with their number. */
  async clear(tier?: PageTier): Promise<number> {
    let removed = 0;
    for (const shelf of this.#shelves.values()) {
      if (tier !== undefined && shelf.tier !== tier) continue;
      const keys = [...shelf.pages.keys()];
      removed += keys.length;
      await Promise.all(keys.map((key) => this.#remove(shelf, key)));
    }
    return removed;
  }

  /** Has each tier take down what it holds and what that is worth by now. Never rejects: the next start is slower then. */
  async remember(): Promise<void> {
    const each = [...this.#shelves.values()].map(async ({ pages, order, storage }) => {
      if (storage.remember === undefined) return;
      const all = [...pages].map(([key, page]) => ({ ...page, ...order.valueOf(key) }));
      await storage.remember(all).catch(() => {});
    });
    await Promise.all(each);
  }

  figures(): TierFigures[] {
    const { pageBytes, pageTokens } = this.#options;
    return [...this.#shelves.values()].map(({ tier, bytesMax, pages, order, counters, fault }) => ({
      classes: order.mix(this.#now()),
      name: tier,
      bytes: pages.size * pageBytes,
      bytesMax: Number.isFinite(bytesMax) ? bytesMax : null,
      blocks: pages.size,
      hitTokens: counters.hitPages * pageTokens,
      readBytes: counters.hitPages * pageBytes,
      writtenBytes: counters.written * pageBytes,
      evicted: counters.evicted,
      promisesKept: order.promisesKept,
      promisesBroken: counters.broken,
      misses: counters.misses,
      dropped: counters.dropped,
      oldestMs: order.oldestMs(this.#now()),
      fault,
    }));
  }

  #enter(shelf: Shelf, page: PageFacts): void {
    const key = keyText(page.key);
    shelf.pages.set(key, page);
    shelf.order.touch(key, page, this.#now());
  }

  /** Last block first, so that within a chain the tail is the oldest and goes first. */
  #renew(uses: readonly PageUse[]): void {
    for (const { pages, order } of this.#shelves.values()) {
      for (const use of [...uses].reverse()) {
        const key = keyText(use.key);
        if (!pages.has(key)) continue;
        order.touch(key, use, this.#now());
        // Its last request says that nobody comes back; a request that does takes it up again.
        if (use.priority <= FINISHED_PRIORITY) order.demote(key, use.priority);
      }
    }
  }

  #keepQuota(shelf: Shelf): void {
    const { pageBytes } = this.#options;
    while (shelf.pages.size * pageBytes > shelf.bytesMax) {
      const first = shelf.order.first(this.#now());
      if (first === null) return;
      shelf.counters.evicted++;
      if (first.isPromised) shelf.counters.broken++;
      void this.#remove(shelf, first.key);
    }
  }

  async #remove(shelf: Shelf, key: string): Promise<void> {
    shelf.order.remove(key);
    const page = shelf.pages.get(key);
    if (page === undefined) return;
    shelf.pages.delete(key);
    this.#announcer.removed(shelf.tier, page);
    await shelf.storage.remove(page.key).catch((error: Error) => {
      this.#options.onWarning?.(
        'tier_failed',
        `a page of the ${shelf.tier} tier could not be removed: ${error.message}`,
      );
    });
  }
}
