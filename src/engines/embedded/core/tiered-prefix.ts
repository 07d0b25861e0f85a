/**
 * The tiers as the batcher sees them: what a prompt could read instead of compute, images of it, and what is
 * written down. Nothing here touches the device; the batcher hands states in and images out.
 */
import type { Claims } from '../../../cache/claims.js';
import { HEAD_BYTES } from '../../../cache/page-format.js';
import type { PageStore } from '../../../cache/page-store.js';
import type { Page, PageFacts, PageOrigin, PageTier } from '../../../cache/types.js';
import { BLOCK_TOKENS } from './block-hash.js';
import type { LoadCost } from './load-cost.js';
import { cutRows, imageBytes, layOutImage, pageViews, parseState, type StateShape } from './state-layout.js';

/** A block of a prompt or slot, before it is a page. */
export interface BlockFacts {
  key: bigint;
  parent: bigint | null;
  localHash: bigint;
  tokens: Uint32Array;
  origin: PageOrigin;
  priority: number;
  expiresAt: number;
}

export type Next =
  | { kind: 'compute' }
  | { kind: 'wait'; ready: number }
  | { kind: 'load'; tiers: PageTier[] };

/** An image ready for the device, and what each of its new blocks is. */
export interface LoadedImage {
  image: Uint8Array;
  pages: { tier: PageTier; facts: PageFacts }[];
}

/** Pages read at once: enough to keep a disk busy, few enough to leave the thread pool to others. */
const READS_AT_ONCE = 8;
/** Blocks worth interrupting a wait for while more are being computed. */
const WAIT_BLOCKS = 32;
/** Blocks to compute that are worth telling the other workers of. */
const CLAIM_BLOCKS = 4;

export interface TieredPrefixOptions {
  store: PageStore;
  claims: Claims | null;
  cost: LoadCost;
  shape: StateShape;
  /** See `pageNamespace`. */
  namespace: string;
}

export class TieredPrefix {
  readonly cost: LoadCost;
  readonly #store: PageStore;
  readonly #claims: Claims | null;
  readonly #shape: StateShape;
  /** Reused: fresh memory would cost more page faults than the copy itself. One image at a time. */
  #image = new Uint8Array(0);
  #isImageInUse = false;

  /** What a page is, for the catalogue. */
  readonly pages: { namespace: string; pageBytes: number; pageTokens: number };

  constructor({ store, claims, cost, shape, namespace }: TieredPrefixOptions) {
    const pageBytes = HEAD_BYTES + shape.tokenBytes * BLOCK_TOKENS;
    this.pages = { namespace, pageBytes, pageTokens: BLOCK_TOKENS };
    this.#store = store;
    this.#claims = claims;
    this.cost = cost;
    this.#shape = shape;
  }

  /** What job `id` does for the blocks after the `held` ones of its prompt. */
  next(id: number, keys: readonly bigint[], held: number, mayWait: boolean): Next {
    if (held >= keys.length) return { kind: 'compute' };
    const there = this.#store.locate(keys, held);
    const following = keys[held + there.length];
    const isComing = following !== undefined && (this.#claims?.isElsewhere(following, id) ?? false);
    if (isComing && mayWait && there.length < WAIT_BLOCKS) return { kind: 'wait', ready: there.length };
    const blocks = this.cost.worth(held, there);
    if (blocks === 0) return { kind: 'compute' };
    return this.#isImageInUse ? { kind: 'wait', ready: 0 } : { kind: 'load', tiers: there.slice(0, blocks) };
  }

  /** Tells the other workers what job `id` is about to compute. */
  claim(id: number, keys: readonly bigint[], held: number): void {
    if (keys.length - held >= CLAIM_BLOCKS) this.#claims?.claim(id, keys.slice(held));
  }

  release(id: number): void {
    this.#claims?.release(id);
  }

  /**
   * Reads the blocks after `held` into an image that begins with the slot's own ones (`state`, null when `held` is 0).
   * Null when not one could be read. The image is valid until `done`.
   */
  async load(
    keys: readonly bigint[],
    held: number,
    tiers: PageTier[],
    state: Uint8Array | null,
  ): Promise<LoadedImage | null> {
    this.#isImageInUse = true;
    const own = state === null ? null : this.#ownRows(state, held);
    let wanted = tiers;
    while (wanted.length > 0) {
      const image = this.#layOut(held + wanted.length);
      if (own !== null) fill(pageViews(image.bytes, this.#shape, image.offsets, 0, held * BLOCK_TOKENS), own);
      const read = await this.#readAll(keys, held, wanted, image);
      if (read === 'late') break;
      if (read.length === wanted.length) return { image: image.bytes, pages: read };
      wanted = wanted.slice(0, read.length);
    }
    this.done();
    return null;
  }

  /** Pages that came from below the uppermost tier are brought up; the image may be reused from here on. */
  finish(
    loaded: LoadedImage,
    { held, blocks, isWarm }: { held: number; blocks: readonly BlockFacts[]; isWarm: boolean },
  ): void {
    const { top } = this.#store;
    for (const tier of new Set(loaded.pages.map((page) => page.tier))) {
      this.#store.used(
        tier,
        blocks.filter((_, at) => loaded.pages[at]?.tier === tier),
        isWarm,
      );
    }
    const offsets = layOutImage(this.#shape, (held + loaded.pages.length) * BLOCK_TOKENS, loaded.image);
    for (const [at, { tier }] of loaded.pages.entries()) {
      if (top === null || tier === top) continue;
      const from = (held + at) * BLOCK_TOKENS;
      const views = pageViews(loaded.image, this.#shape, offsets, from, BLOCK_TOKENS);
      this.#store.put([{ ...blocks[at]!, payload: Buffer.concat(views) }], top);
    }
    this.done();
  }

  /** Blocks of a prompt that were found in a slot: their pages are as much in use as if they had been read. */
  found(blocks: readonly BlockFacts[], isWarm: boolean): void {
    this.#store.used('gpu', blocks, isWarm);
  }

  done(): void {
    this.#isImageInUse = false;
  }

  /** Whether any of these blocks is not kept yet, so that the slot's state is worth reading. */
  lacks(blocks: readonly { key: bigint }[]): boolean {
    return blocks.some(({ key }) => !this.#store.isKept(key));
  }

  /** Writes blocks of a slot down; `first` = index of the first in the slot, `state` its state as read just now. */
  save(state: Uint8Array, first: number, blocks: readonly BlockFacts[]): void {
    const parsed = parseState(state);
    const pages: Page[] = [];
    for (const [at, block] of blocks.entries()) {
      if (this.#store.isKept(block.key)) continue;
      const payload = new Uint8Array(this.#shape.tokenBytes * BLOCK_TOKENS);
      cutRows(state, parsed, (first + at) * BLOCK_TOKENS, BLOCK_TOKENS, payload);
      pages.push({ ...block, payload });
    }
    this.#store.put(pages);
  }

  async close(): Promise<void> {
    this.#claims?.close();
    await this.#store.close();
  }

  #layOut(blocks: number): { bytes: Uint8Array; offsets: number[] } {
    const length = imageBytes(this.#shape, blocks * BLOCK_TOKENS);
    if (this.#image.length < length) this.#image = new Uint8Array(length);
    const bytes = this.#image.subarray(0, length);
    return { bytes, offsets: layOutImage(this.#shape, blocks * BLOCK_TOKENS, bytes) };
  }

  /** The slot's rows, copied: its state's memory is reused by the next call of the device. */
  #ownRows(state: Uint8Array, held: number): Uint8Array {
    const rows = new Uint8Array(this.#shape.tokenBytes * held * BLOCK_TOKENS);
    cutRows(state, parseState(state), 0, held * BLOCK_TOKENS, rows);
    return rows;
  }

  /** Leading pages read; the first that fails ends it. After `late` the image is somebody else's: a slow tier may still write to it. */
  async #readAll(
    keys: readonly bigint[],
    held: number,
    tiers: readonly PageTier[],
    image: { bytes: Uint8Array; offsets: number[] },
  ): Promise<LoadedImage['pages'] | 'late'> {
    let isLate = false;
    const pages: LoadedImage['pages'] = [];
    let next = 0;
    let end = tiers.length;
    const worker = async (): Promise<void> => {
      while (next < end) {
        const at = next++;
        const from = (held + at) * BLOCK_TOKENS;
        const views = pageViews(image.bytes, this.#shape, image.offsets, from, BLOCK_TOKENS);
        const startedAt = performance.now();
        const facts = await this.#store.read(tiers[at]!, keys[held + at]!, views);
        this.cost.read(tiers[at]!, READS_AT_ONCE, performance.now() - startedAt);
        if (facts === 'late') isLate = true;
        if (facts === null || facts === 'late') end = Math.min(end, at);
        else pages[at] = { tier: tiers[at]!, facts };
      }
    };
    await Promise.all(Array.from({ length: Math.min(READS_AT_ONCE, tiers.length) }, worker));
    if (isLate) this.#image = new Uint8Array(0);
    return isLate ? 'late' : pages.slice(0, end);
  }
}

function fill(views: readonly Uint8Array[], rows: Uint8Array): void {
  let at = 0;
  for (const view of views) {
    view.set(rows.subarray(at, at + view.length));
    at += view.length;
  }
}
