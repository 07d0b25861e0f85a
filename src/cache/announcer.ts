/**
 * Tells the router's index what lies in the tiers, parents first. Pages are written side by side and by several workers, so a
 * page is often reported before the one above it; the index could not place such a page and would drop it and all below it.
 */
import { keyText } from './page-format.js';
import type { PageFacts, PageTier } from './types.js';

/** The router's index, as the catalogue feeds it: what lies in a shared tier, every worker can read. */
export interface TierIndex {
  stored(tier: PageTier, parent: bigint | null, keys: BigUint64Array, localHashes: BigUint64Array): void;
  removed(tier: PageTier, keys: BigUint64Array): void;
}

export interface ShelvedPage {
  tier: PageTier;
  page: PageFacts;
}

export class Announcer {
  readonly #index: TierIndex;
  /** Tiers in which a page is told, by its key. */
  readonly #told = new Map<string, Set<PageTier>>();
  /** Pages not told yet, by the key of the page above. */
  readonly #waiting = new Map<string, ShelvedPage[]>();

  constructor(index: TierIndex) {
    this.#index = index;
  }

  stored(pages: Iterable<ShelvedPage>): void {
    const ready: ShelvedPage[] = [];
    for (const entry of pages) {
      if (this.#isReady(entry.page)) this.#take(entry, ready);
      else this.#wait(entry);
    }
    this.#tell(ready);
  }

  /** A page left a tier. What was told below it stays: the index allows holes, and the page may come back. */
  removed(tier: PageTier, page: PageFacts): void {
    const key = keyText(page.key);
    const tiers = this.#told.get(key);
    if (tiers?.delete(tier) === true) {
      if (tiers.size === 0) this.#told.delete(key);
      this.#index.removed(tier, BigUint64Array.of(page.key));
      return;
    }
    const parent = parentText(page);
    const rest = this.#waiting
      .get(parent)
      ?.filter((entry) => entry.tier !== tier || entry.page.key !== page.key);
    if (rest === undefined) return;
    if (rest.length === 0) this.#waiting.delete(parent);
    else this.#waiting.set(parent, rest);
  }

  /** The index knows nothing any more. */
  reset(): void {
    this.#told.clear();
    this.#waiting.clear();
  }

  #isReady({ parent }: PageFacts): boolean {
    return parent === null || this.#told.has(keyText(parent));
  }

  #wait(entry: ShelvedPage): void {
    const parent = parentText(entry.page);
    const siblings = this.#waiting.get(parent);
    if (siblings === undefined) this.#waiting.set(parent, [entry]);
    else siblings.push(entry);
  }

  /** The page, and what waited for it. */
  #take(first: ShelvedPage, ready: ShelvedPage[]): void {
    const open = [first];
    for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
      const key = keyText(entry.page.key);
      const tiers = this.#told.get(key);
      if (tiers === undefined) this.#told.set(key, new Set([entry.tier]));
      else tiers.add(entry.tier);
      ready.push(entry);
      const waiting = this.#waiting.get(key);
      if (waiting === undefined) continue;
      this.#waiting.delete(key);
      open.push(...waiting);
    }
  }

  /** Runs of a chain as one call. */
  #tell(entries: readonly ShelvedPage[]): void {
    for (let at = 0; at < entries.length; ) {
      const { tier, page } = entries[at]!;
      let end = at + 1;
      while (end < entries.length && isNext(entries[end - 1]!, entries[end]!)) end++;
      const run = entries.slice(at, end).map((entry) => entry.page);
      this.#index.stored(
        tier,
        page.parent,
        BigUint64Array.from(run, ({ key }) => key),
        BigUint64Array.from(run, ({ localHash }) => localHash),
      );
      at = end;
    }
  }
}

const parentText = ({ parent }: PageFacts): string => keyText(parent ?? 0n);

const isNext = (above: ShelvedPage, below: ShelvedPage): boolean =>
  above.tier === below.tier && below.page.parent === above.page.key;
