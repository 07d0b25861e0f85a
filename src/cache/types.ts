/** Words of the page tiers below the engine's own memory: pages, stores, what is told of them. */
import type { Tier } from '../router/types.js';

/** Tiers that hold pages, in the order a page is looked for: RAM, local disk, an object store. */
export type PageTier = Exclude<Tier, 'gpu'>;

/** How a page's keys and values came to be; decoded ones are valid but not bit-equal to prefilled ones. */
export type PageOrigin = 'prefill' | 'decode';

/** What is known of a page without its bytes. */
export interface PageFacts {
  /** The engine's chain hash of the block: model, KV format, salt and all tokens up to here. */
  key: bigint;
  /** Key of the block before; null for the first of a chain. */
  parent: bigint | null;
  /** Our own hash of the block's tokens, for the router's index. */
  localHash: bigint;
  origin: PageOrigin;
  /** Retention, 0 (evicted first) to 100. */
  priority: number;
  /** Unix milliseconds until which it is promised to stay; 0 = no promise. */
  expiresAt: number;
}

/** A page as a request values it. */
export type PageUse = Pick<PageFacts, 'key' | 'priority' | 'expiresAt'>;

export interface Page extends PageFacts {
  tokens: Uint32Array;
  payload: Uint8Array;
}

/** Why a read gave nothing. Each is a miss for the request, and told. */
export type ReadMiss = 'absent' | 'corrupt' | 'failed';

/** One place pages lie in. Methods reject only with what the place itself says (disk full, connection refused). */
export interface PagePlace {
  readonly tier: PageTier;
  /** Whether a page is there now; an answer from memory where asking would take long. */
  has(key: bigint): boolean;
  /** Fills `views` in order with the page's payload. What they hold after a miss is undefined. */
  read(key: bigint, views: readonly Uint8Array[]): Promise<PageFacts | ReadMiss>;
  /** Resolves with false when the page was there already. */
  write(page: Page): Promise<boolean>;
  remove(key: bigint): Promise<void>;
  /** Facts of every page, in no order; for a catalogue that starts. */
  scan(): AsyncIterable<PageFacts>;
  close(): Promise<void>;
}

/** Told by a worker of what it does with pages. */
export interface PageObserver {
  stored(tier: PageTier, pages: readonly PageFacts[]): void;
  /**
   * Read, in chain order: from a tier, or found in the engine's own memory (`gpu`). `isWarm` = ahead of any request, which is no
   * hit of anybody's.
   */
  used(tier: Tier, pages: readonly PageUse[], isWarm: boolean): void;
  /** Pages a tier was too slow to be given. */
  dropped(tier: PageTier, pages: number): void;
  /** Expected but not there, or not what it should be. */
  missed(tier: PageTier, keys: readonly bigint[], why: ReadMiss): void;
  /** A tier failed (`message`), or works again (null). */
  fault(tier: PageTier, message: string | null): void;
}
