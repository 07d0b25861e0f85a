/** An engine's stored blocks as places in our index: tier and local hashes. */
import { LIMITS } from '../limits.js';
import { blockSeed, hashBlocks } from '../prompt/hash/block-hash.js';
import type { Tier } from '../router/types.js';
import type { EngineHash, RemovedEvent, StoredEvent } from './kv-event.js';

export interface SeedFacts {
  loraName?: string;
  cacheSalt?: string;
}

export interface StoredBlocks {
  tier: Tier;
  parent: EngineHash | null;
  engineHashes: BigUint64Array;
  localHashes: BigUint64Array;
}

/** Blocks we can place, or why we cannot: a code and a sentence for a person. */
export type Mapped<T> = { ok: true; blocks: T } | { ok: false; code: string; message: string };

const TIER_OF: Record<string, Tier> = {
  gpu: 'gpu',
  cpu: 'cpu',
  cpu_pinned: 'cpu',
  disk: 'disk',
  storage: 'disk',
  remote: 'remote',
  external: 'remote',
};

/** One per worker: it remembers which group is the full-attention one and which blocks were salted. */
export class BlockMapper {
  readonly #blockTokens: number;
  readonly #seedOf: (facts: SeedFacts) => bigint;
  #group = 0;
  /**
   * Salt of salted blocks by engine hash, oldest first. vLLM tells the salt in the first block of a prefix
   * only, but our hash mixes it into each block, so a continuation needs its parent's.
   */
  readonly #salts = new Map<EngineHash, string>();

  constructor(blockTokens: number, seedOf: (facts: SeedFacts) => bigint = blockSeed) {
    this.#blockTokens = blockTokens;
    this.#seedOf = seedOf;
  }

  stored(event: StoredEvent): Mapped<StoredBlocks> {
    const tier = tierOf(event.medium);
    if (tier === undefined)
      return refuse('kv_medium', `blocks on the unknown medium ${event.medium} are not counted`);
    if (!this.#isFullAttention(event))
      return refuse('kv_group', `blocks of kind ${event.kind} are not counted`);
    if (event.blockTokens !== this.#blockTokens) {
      const sizes = `${event.blockTokens} tokens, the worker was planned with ${this.#blockTokens}`;
      return refuse('kv_block_size', `blocks of ${sizes}; they are not counted`);
    }
    const count = textBlocks(event);
    if (event.tokens.length === 0 || count === 0) {
      return refuse('kv_no_tokens', `blocks on ${tier} come without token ids; they are not counted`);
    }
    return { ok: true, blocks: this.#place(event, tier, count) };
  }

  removed(event: RemovedEvent): Mapped<{ tier: Tier; engineHashes: BigUint64Array }> {
    const tier = tierOf(event.medium);
    if (tier === undefined || (event.group ?? this.#group) !== this.#group) {
      return refuse('kv_group', `removals on ${event.medium} of group ${event.group} are not counted`);
    }
    if (this.#salts.size > 0) for (const hash of event.hashes) this.#salts.delete(hash);
    return { ok: true, blocks: { tier, engineHashes: event.hashes } };
  }

  forget(): void {
    this.#salts.clear();
  }

  #place(event: StoredEvent, tier: Tier, count: number): StoredBlocks {
    const hashes = event.hashes.subarray(0, count);
    const cacheSalt = this.#saltOf(event);
    if (cacheSalt !== undefined) this.#remember(hashes, cacheSalt);
    const facts = {
      ...(event.loraName === null ? {} : { loraName: event.loraName }),
      ...(cacheSalt === undefined ? {} : { cacheSalt }),
    };
    const tokens = event.tokens.subarray(0, count * this.#blockTokens);
    return {
      tier,
      parent: event.parent,
      engineHashes: hashes,
      localHashes: hashBlocks(tokens, this.#blockTokens, this.#seedOf(facts)),
    };
  }

  /** The first full-attention group seen is ours; hybrid models publish others with other block sizes. */
  #isFullAttention(event: StoredEvent): boolean {
    if (event.kind === null) return (event.group ?? 0) === this.#group;
    if (!/full|mla/i.test(event.kind)) return false;
    if (event.group !== null) this.#group = event.group;
    return true;
  }

  #saltOf(event: StoredEvent): string | undefined {
    if (event.cacheSalt !== null) return event.cacheSalt;
    if (event.parent !== null) return this.#salts.get(event.parent);
    const keys = (event.extraKeys[0] ?? []).filter(
      (key) => typeof key === 'string' && key !== event.loraName,
    );
    return keys.at(-1) as string | undefined;
  }

  #remember(hashes: BigUint64Array, salt: string): void {
    for (const hash of hashes) this.#salts.set(hash, salt);
    for (const hash of this.#salts.keys()) {
      if (this.#salts.size <= LIMITS.saltedBlocksKept) break;
      this.#salts.delete(hash);
    }
  }
}

function tierOf(medium: string | null): Tier | undefined {
  return medium === null ? 'gpu' : TIER_OF[medium.toLowerCase()];
}

/**
 * Blocks before the first one with image parts: its token ids are placeholders, equal for unlike images.
 * vLLM tells an image as a (identifier, offset) pair or, past the first block, as a plain string.
 */
function textBlocks(event: StoredEvent): number {
  const at = event.extraKeys.findIndex((keys, block) =>
    (keys ?? []).some((key) => typeof key !== 'string' || (block > 0 && isImage(key, event))),
  );
  return at === -1 ? event.hashes.length : at;
}

function isImage(key: string, event: StoredEvent): boolean {
  const first = event.extraKeys[0] ?? [];
  return key !== event.loraName && key !== event.cacheSalt && !first.includes(key);
}

function refuse(code: string, message: string): { ok: false; code: string; message: string } {
  return { ok: false, code, message };
}
