/**
 * Bookkeeping of the slots: which tokens each holds KV for, which blocks they make, who uses it. No native call
 * here; the batcher carries out on the device what `place` decides, in the same step.
 */
import type { CoreKvEvent } from '../types.js';
import { BLOCK_TOKENS, blockHash, type ChainFacts, chainRoot } from './block-hash.js';
import { BlockTable } from './block-table.js';
import { reusableBlocks } from './chunk-plan.js';
import { chooseSlot, type SlotView } from './slot-choice.js';
import type { Origin } from './types.js';

interface Slot {
  id: number;
  isBusy: boolean;
  lastUsed: number;
  kept: Kept;
  salt: string;
  tokens: Uint32Array;
  length: number;
  blocks: { hash: bigint; origin: Origin }[];
}

/** How long what a slot holds is worth keeping. */
export interface Kept {
  priority: number;
  /** Unix milliseconds until which it is promised; 0 = no promise. */
  expiresAt: number;
}

const UNKEPT: Kept = { priority: 0, expiresAt: 0 };

export interface Placed {
  slot: number;
  /** Slot to copy KV from before trimming; null when the slot's own prefix is used. */
  copyFrom: number | null;
  /** Tokens of the prompt found in the cache; the slot is to be trimmed to this length. */
  cachedTokens: number;
}

export class SlotCache {
  readonly #slots: Slot[];
  readonly #table = new BlockTable();
  readonly #facts: ChainFacts;
  readonly #roots = new Map<string, bigint>();
  #clock = 0;

  constructor(options: { slots: number; contextTokens: number; facts: ChainFacts }) {
    this.#facts = options.facts;
    this.#slots = Array.from({ length: options.slots }, (_, id) => ({
      id,
      isBusy: false,
      lastUsed: 0,
      kept: UNKEPT,
      salt: '',
      tokens: new Uint32Array(options.contextTokens),
      length: 0,
      blocks: [],
    }));
  }

  /** Distinct blocks in the cache. */
  get blocksUsed(): number {
    return this.#table.size;
  }

  hashes(): bigint[] {
    return this.#table.hashes();
  }

  hasIdleSlot(): boolean {
    return this.#slots.some(({ isBusy }) => !isBusy);
  }

  length(slot: number): number {
    return this.#slots[slot]!.length;
  }

  /** Hash of each block of a prompt that a cache may give, first to last. */
  keysOf(prompt: Uint32Array, salt: string): bigint[] {
    const keys: bigint[] = [];
    let parent = this.#root(salt);
    for (let at = 0; at < reusableBlocks(prompt.length); at++) {
      parent = blockHash(parent, prompt.subarray(at * BLOCK_TOKENS, (at + 1) * BLOCK_TOKENS));
      keys.push(parent);
    }
    return keys;
  }

  /** Full blocks of a slot from `first` on, with their tokens. */
  blocksOf(
    id: number,
    first: number,
  ): { key: bigint; parent: bigint | null; tokens: Uint32Array; origin: Origin }[] {
    const slot = this.#slots[id]!;
    return slot.blocks.slice(first).map(({ hash, origin }, index) => {
      const at = first + index;
      const tokens = slot.tokens.slice(at * BLOCK_TOKENS, (at + 1) * BLOCK_TOKENS);
      return { key: hash, parent: slot.blocks[at - 1]?.hash ?? null, tokens, origin };
    });
  }

  saltOf(id: number): string {
    return this.#slots[id]!.salt;
  }

  /** Takes a slot for a prompt and books its prefix; null when every slot is busy. */
  place(prompt: Uint32Array, salt: string, now: number = Date.now()): Placed | null {
    const choice = chooseSlot(this.#slots.map((slot) => this.#view(slot, prompt, { salt, now })));
    if (choice === null) return null;
    const target = this.#slots[choice.slot]!;
    if (choice.copyFrom === null) this.#shorten(target, choice.blocks * BLOCK_TOKENS);
    else this.#adopt(target, this.#slots[choice.copyFrom]!, choice.blocks);
    // Another conversation's promise does not pass to this one.
    if (choice.copyFrom !== null || choice.blocks === 0) target.kept = UNKEPT;
    target.salt = salt;
    target.isBusy = true;
    target.lastUsed = ++this.#clock;
    return { slot: choice.slot, copyFrom: choice.copyFrom, cachedTokens: choice.blocks * BLOCK_TOKENS };
  }

  /** KV of these tokens was computed at the end of the slot. */
  append(id: number, tokens: Uint32Array, origin: Origin): void {
    const slot = this.#slots[id]!;
    slot.tokens.set(tokens, slot.length);
    slot.length += tokens.length;
    while ((slot.blocks.length + 1) * BLOCK_TOKENS <= slot.length) this.#complete(slot, origin);
  }

  /** Drops KV at and after `length` tokens. */
  truncate(id: number, length: number): void {
    this.#shorten(this.#slots[id]!, length);
  }

  /**
   * The slot's request is over; what it holds stays as cache, as long as it is worth more than others. What was computed ahead
   * (`isWarm`) takes nothing from what was promised to a request before.
   */
  release(id: number, kept: Kept = UNKEPT, isWarm = false): void {
    const slot = this.#slots[id]!;
    slot.isBusy = false;
    const { priority, expiresAt } = isWarm ? slot.kept : UNKEPT;
    slot.kept = {
      priority: Math.max(priority, kept.priority),
      expiresAt: Math.max(expiresAt, kept.expiresAt),
    };
    slot.lastUsed = ++this.#clock;
  }

  /** Empties every idle slot; returns their ids. */
  clearIdle(): number[] {
    const idle = this.#slots.filter((slot) => !slot.isBusy && slot.length > 0);
    const isAll = this.#slots.every((slot) => slot.length === 0 || !slot.isBusy);
    for (const slot of idle) {
      if (!isAll) this.#shorten(slot, 0);
      slot.blocks = [];
      slot.length = 0;
    }
    if (isAll) this.#table.clear();
    return idle.map(({ id }) => id);
  }

  takeEvents(): CoreKvEvent[] {
    return this.#table.takeEvents();
  }

  #view(slot: Slot, prompt: Uint32Array, { salt, now }: { salt: string; now: number }): SlotView {
    const matchedBlocks = this.#match(slot, prompt, salt);
    const isUnique = ({ hash }: { hash: bigint }): boolean => this.#table.holders(hash) === 1;
    const lost = slot.blocks.slice(matchedBlocks).filter(isUnique);
    return {
      id: slot.id,
      isBusy: slot.isBusy,
      priority: slot.kept.priority,
      isPromised: slot.kept.expiresAt > now,
      lastUsed: slot.lastUsed,
      heldTokens: slot.length,
      matchedBlocks,
      lostBlocks: lost.length,
      lostPrefilledBlocks: lost.filter(({ origin }) => origin === 'prefill').length,
      uniqueBlocks: slot.blocks.filter(isUnique).length,
    };
  }

  /** Full blocks the prompt shares, compared by tokens: a hash collision can cost an event, never an answer. */
  #match(slot: Slot, prompt: Uint32Array, salt: string): number {
    if (slot.salt !== salt) return 0;
    const tokensMax = Math.min(slot.blocks.length, reusableBlocks(prompt.length)) * BLOCK_TOKENS;
    let same = 0;
    while (same < tokensMax && slot.tokens[same] === prompt[same]) same++;
    return Math.floor(same / BLOCK_TOKENS);
  }

  /** The target now holds the source's first blocks; the target's old ones go after the new ones came. */
  #adopt(target: Slot, source: Slot, blocks: number): void {
    const old = target.blocks.map(({ hash }) => hash).reverse();
    target.blocks = source.blocks.slice(0, blocks);
    target.length = blocks * BLOCK_TOKENS;
    target.tokens.set(source.tokens.subarray(0, target.length));
    target.blocks.forEach((block, at) => {
      this.#table.acquire(this.#stored(target, source.salt, block.hash, at));
    });
    this.#table.release(old);
  }

  #shorten(slot: Slot, length: number): void {
    if (length > slot.length) throw new Error(`slot ${slot.id} has ${slot.length} tokens, not ${length}`);
    const dropped = slot.blocks.splice(Math.floor(length / BLOCK_TOKENS));
    slot.length = length;
    this.#table.release(dropped.map(({ hash }) => hash).reverse());
  }

  #complete(slot: Slot, origin: Origin): void {
    const at = slot.blocks.length;
    const parent = slot.blocks.at(-1)?.hash ?? this.#root(slot.salt);
    const hash = blockHash(parent, slot.tokens.subarray(at * BLOCK_TOKENS, (at + 1) * BLOCK_TOKENS));
    slot.blocks.push({ hash, origin });
    this.#table.acquire(this.#stored(slot, slot.salt, hash, at));
  }

  #stored(slot: Slot, salt: string, hash: bigint, at: number) {
    const tokens = slot.tokens.slice(at * BLOCK_TOKENS, (at + 1) * BLOCK_TOKENS);
    return { hash, parent: slot.blocks[at - 1]?.hash ?? null, tokens, salt };
  }

  /** Salts come from clients, so only those in use are remembered. */
  #root(salt: string): bigint {
    const known = this.#roots.get(salt);
    if (known !== undefined) return known;
    if (this.#roots.size > this.#slots.length) this.#roots.clear();
    const root = chainRoot(this.#facts, salt);
    this.#roots.set(salt, root);
    return root;
  }
}
