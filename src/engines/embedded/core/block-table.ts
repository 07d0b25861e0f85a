/**
 * Which blocks the slots hold, and the events that tell it. A block is stored when its first holder has computed
 * it and removed when its last holder lets go; holders in between are silent. Events come in the order they
 * happened, runs of a chain as one event.
 */
import type { CoreKvEvent } from '../types.js';
import { BLOCK_TOKENS } from './block-hash.js';

export interface StoredBlock {
  hash: bigint;
  /** Null for the first block of a chain. */
  parent: bigint | null;
  tokens: Uint32Array;
  salt: string;
}

type Pending =
  | { type: 'stored'; blocks: StoredBlock[] }
  | { type: 'removed'; hashes: bigint[] }
  | { type: 'cleared' };

export class BlockTable {
  readonly #holders = new Map<bigint, number>();
  #pending: Pending[] = [];

  /** Distinct blocks held. */
  get size(): number {
    return this.#holders.size;
  }

  hashes(): bigint[] {
    return [...this.#holders.keys()];
  }

  holders(hash: bigint): number {
    return this.#holders.get(hash) ?? 0;
  }

  /** One more slot holds the block. */
  acquire(block: StoredBlock): void {
    const holders = this.holders(block.hash);
    this.#holders.set(block.hash, holders + 1);
    if (holders === 0) this.#stored(block);
  }

  /** One slot less holds each of these; give them leaf first, so that a parent never goes before its child. */
  release(hashes: Iterable<bigint>): void {
    for (const hash of hashes) {
      const holders = this.holders(hash);
      if (holders === 0) throw new Error(`block ${hash} is released but not held`);
      if (holders > 1) {
        this.#holders.set(hash, holders - 1);
        continue;
      }
      this.#holders.delete(hash);
      this.#removed(hash);
    }
  }

  /** All blocks at once, when no slot holds any; the caller's slots must be empty. */
  clear(): void {
    this.#holders.clear();
    this.#pending.push({ type: 'cleared' });
  }

  /** Events since the last call. */
  takeEvents(): CoreKvEvent[] {
    const pending = this.#pending;
    if (pending.length === 0) return [];
    this.#pending = [];
    return pending.map(toEvent);
  }

  #stored(block: StoredBlock): void {
    const last = this.#pending.at(-1);
    const continues = last?.type === 'stored' && last.blocks.at(-1)?.hash === block.parent;
    if (continues) last.blocks.push(block);
    else this.#pending.push({ type: 'stored', blocks: [block] });
  }

  #removed(hash: bigint): void {
    const last = this.#pending.at(-1);
    if (last?.type === 'removed') last.hashes.push(hash);
    else this.#pending.push({ type: 'removed', hashes: [hash] });
  }
}

function toEvent(pending: Pending): CoreKvEvent {
  if (pending.type === 'cleared') return { type: 'cleared' };
  if (pending.type === 'removed') return { type: 'removed', hashes: pending.hashes, medium: 'GPU' };
  const tokens = new Uint32Array(pending.blocks.length * BLOCK_TOKENS);
  pending.blocks.forEach((block, at) => {
    tokens.set(block.tokens, at * BLOCK_TOKENS);
  });
  const first = pending.blocks[0]!;
  return {
    type: 'stored',
    hashes: pending.blocks.map(({ hash }) => hash),
    parent: first.parent,
    tokens,
    blockTokens: BLOCK_TOKENS,
    salt: first.salt,
    medium: 'GPU',
  };
}
