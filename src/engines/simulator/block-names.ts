/**
 * Blocks by what they hold: the scheduler knows small numbers, the router hashes and tokens. A number is used again
 * once its block is gone and no request names it.
 */
import { blockHash, chainRoot } from '../embedded/core/block-hash.js';
import type { CoreKvEvent } from '../embedded/types.js';
import type { SimSink } from './types.js';

interface NamedBlock {
  hash: bigint;
  salt: string;
  /** Of a request that names it; empty when none does. */
  tokens: Uint32Array;
  /** Requests inside that name it. */
  users: number;
  isHeld: boolean;
}

const NO_TOKENS = new Uint32Array();
const FACTS = { modelSha256: '', libraryVersion: 'simulator', kvType: '', rope: '' };

export class BlockNames implements SimSink {
  readonly #blockTokens: number;
  readonly #numbers = new Map<bigint, number>();
  readonly #blocks: (NamedBlock | undefined)[] = [];
  readonly #unused: number[] = [];
  #events: CoreKvEvent[] = [];

  constructor(blockTokens: number) {
    this.#blockTokens = blockTokens;
  }

  /** Blocks that are named at the moment. */
  get size(): number {
    return this.#numbers.size;
  }

  /** Numbers of the full blocks of a sequence, until they are given back with `release`. */
  take(tokens: Uint32Array, salt: string): Int32Array {
    const numbers = new Int32Array(Math.floor(tokens.length / this.#blockTokens));
    let hash = chainRoot(FACTS, salt);
    for (let at = 0; at < numbers.length; at++) {
      const own = tokens.subarray(at * this.#blockTokens, (at + 1) * this.#blockTokens);
      hash = blockHash(hash, own);
      numbers[at] = this.#take(hash, salt, own);
    }
    return numbers;
  }

  release(numbers: Int32Array): void {
    for (const number of numbers) {
      const block = this.#blocks[number] as NamedBlock;
      block.users -= 1;
      if (block.users > 0) continue;
      block.tokens = NO_TOKENS;
      this.#forgetUnused(number, block);
    }
  }

  stored(parent: number, numbers: Int32Array): void {
    const blocks = Array.from(numbers, (number) => this.#blocks[number] as NamedBlock);
    const tokens = new Uint32Array(blocks.length * this.#blockTokens);
    for (const [at, block] of blocks.entries()) {
      block.isHeld = true;
      tokens.set(block.tokens, at * this.#blockTokens);
    }
    this.#events.push({
      type: 'stored',
      hashes: blocks.map(({ hash }) => hash),
      parent: parent === -1 ? null : (this.#blocks[parent] as NamedBlock).hash,
      tokens,
      blockTokens: this.#blockTokens,
      salt: blocks[0]?.salt ?? '',
      medium: 'GPU',
    });
  }

  removed(number: number): void {
    const block = this.#blocks[number] as NamedBlock;
    block.isHeld = false;
    const last = this.#events.at(-1);
    if (last?.type === 'removed') last.hashes.push(block.hash);
    else this.#events.push({ type: 'removed', hashes: [block.hash], medium: 'GPU' });
    this.#forgetUnused(number, block);
  }

  /** What happened since the last call, in order. */
  drain(): CoreKvEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #take(hash: bigint, salt: string, tokens: Uint32Array): number {
    const known = this.#numbers.get(hash);
    if (known !== undefined) {
      const block = this.#blocks[known] as NamedBlock;
      block.users += 1;
      block.tokens = tokens;
      return known;
    }
    const number = this.#unused.pop() ?? this.#blocks.length;
    this.#numbers.set(hash, number);
    this.#blocks[number] = { hash, salt, tokens, users: 1, isHeld: false };
    return number;
  }

  #forgetUnused(number: number, block: NamedBlock): void {
    if (block.users > 0 || block.isHeld) return;
    this.#numbers.delete(block.hash);
    this.#blocks[number] = undefined;
    this.#unused.push(number);
  }
}
