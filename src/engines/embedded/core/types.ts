/** Seams inside the core: the batcher decides, a device computes. A fake device stands in for libllama in tests. */
import type { CoreJob, TokenLogprobs } from '../types.js';

/** How a token's keys and values were computed; the two are valid but not bit-equal. */
export type Origin = 'prefill' | 'decode';

/** Chooses the next token of one job from the rows of the decode just finished. */
export interface Picker {
  /** Throws a DynamoError when nothing may be chosen. Only valid right after a decode that wanted a token. */
  pick(): { token: number; logprobs?: TokenLogprobs };
  /** The next token is known: grammar and penalties move on as if it had been picked. */
  take(token: number): void;
  /** Frees native memory; idempotent. */
  free(): void;
}

/** Sole owner of the native context. Calls must not overlap: await one before the next. */
export interface Device {
  /** Computes KV of `tokens` at `position…` of a slot, and the last row's logits when wanted. Rejects on failure. */
  decode(slot: number, tokens: Uint32Array, position: number, wantsToken: boolean): Promise<void>;
  /** Drops KV at and after `position`; false when the library refused. */
  trim(slot: number, position: number): boolean;
  /** Replaces the KV of `to` by a copy of that of `from`; false when nothing was copied (then `to` is empty). */
  copy(from: number, to: number): Promise<boolean>;
  /** The slot's KV as the library writes it (`state-layout.ts`); valid until the next call of `readState` or `copy`. */
  readState(slot: number): Promise<Uint8Array>;
  /** Replaces the slot's KV by a state or an image of one; false when it was refused (then the slot is empty). */
  writeState(slot: number, state: Uint8Array): Promise<boolean>;
  /** Throws a DynamoError when the job's sampling cannot be set up (a grammar that does not parse). */
  picker(job: CoreJob): Picker;
  isEndOfGeneration(token: number): boolean;
  /** Frees the context and the model. */
  free(): void;
}
