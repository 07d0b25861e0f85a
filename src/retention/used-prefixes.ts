/**
 * What conversations begin with: system prompts and tools that many share. Found by comparing the first prompts of conversations block
 * by block, which needs neither a template nor regions. A prefix shrinks to what its conversations have in common.
 */

export interface UsedPrefix {
  tokens: Uint32Array;
  /** Conversations that began with it. */
  uses: number;
  salt?: string;
}

interface Family extends UsedPrefix {
  hashes: BigUint64Array;
  blockTokens: number;
}

export interface FirstPrompt {
  tokens: Uint32Array;
  localHashes: BigUint64Array;
  blockTokens: number;
  salt?: string;
}

/** Shorter ones are computed in no time. */
const BLOCKS_MIN = 8;
/** Two prompts with less in common than this share of the known prefix begin differently. */
const COMMON_SHARE = 0.5;

/** Bounded in number and tokens: the least used is forgotten. */
export class UsedPrefixes {
  readonly #families: Family[] = [];
  readonly #bounds: { countMax: number; tokensMax: number };

  constructor(bounds: { countMax: number; tokensMax: number }) {
    this.#bounds = bounds;
  }

  /** A conversation began with this prompt. */
  began(prompt: FirstPrompt): void {
    const blocks = Math.min(
      prompt.localHashes.length,
      Math.floor(this.#bounds.tokensMax / prompt.blockTokens),
    );
    if (blocks < BLOCKS_MIN) return;
    const hashes = prompt.localHashes.subarray(0, blocks);
    let best: { family: Family; common: number } | null = null;
    for (const family of this.#families) {
      const common = commonBlocks(family.hashes, hashes);
      if (common >= BLOCKS_MIN && common > (best?.common ?? 0)) best = { family, common };
    }
    if (best !== null && best.common >= COMMON_SHARE * best.family.hashes.length) {
      shorten(best.family, best.common);
      best.family.uses += 1;
    } else this.#add(prompt, hashes);
  }

  /** The most used first. */
  top(count: number): UsedPrefix[] {
    return [...this.#families]
      .sort((a, b) => b.uses - a.uses)
      .slice(0, count)
      .map(({ tokens, uses, salt }) => ({ tokens, uses, ...(salt === undefined ? {} : { salt }) }));
  }

  #add({ tokens, blockTokens, salt }: FirstPrompt, hashes: BigUint64Array): void {
    if (this.#families.length >= this.#bounds.countMax) {
      const least = this.#families.reduce((a, b) => (b.uses < a.uses ? b : a));
      this.#families.splice(this.#families.indexOf(least), 1);
    }
    this.#families.push({
      // Copies: a whole conversation's memory must not hang on its beginning.
      tokens: tokens.slice(0, hashes.length * blockTokens),
      hashes: hashes.slice(),
      blockTokens,
      uses: 1,
      ...(salt === undefined ? {} : { salt }),
    });
  }
}

function shorten(family: Family, blocks: number): void {
  if (blocks >= family.hashes.length) return;
  family.hashes = family.hashes.slice(0, blocks);
  family.tokens = family.tokens.slice(0, blocks * family.blockTokens);
}

function commonBlocks(a: BigUint64Array, b: BigUint64Array): number {
  const length = Math.min(a.length, b.length);
  let common = 0;
  while (common < length && a[common] === b[common]) common += 1;
  return common;
}
