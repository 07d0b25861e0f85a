/**
 * Native array of token candidates (`llama_token_data_array`), filled from logits in JavaScript so that a bias or
 * mask needs no sampler of its own, and so that a choice nothing allows is seen before the library aborts on it.
 */
import koffi from 'koffi';
import type { Llama, Pointer } from './library.js';
import type { Penalties } from './penalties.js';

export interface Weights {
  bias: ReadonlyMap<number, number> | undefined;
  penalties: Penalties | null;
  /** Tokens that may not be chosen. */
  mask: Int32Array | undefined;
}

/** `llama_token_data`: i32 id, f32 logit, f32 p. */
const WORDS = 3;

export class Candidates {
  readonly #api: Llama;
  readonly #memory: bigint;
  readonly #ids: Int32Array;
  readonly #floats: Float32Array;
  /** u64 data, u64 size, i64 selected, bool sorted. */
  readonly #head = new BigInt64Array(4);
  readonly #headBytes = new Uint8Array(this.#head.buffer);
  readonly #vocabTokens: number;

  constructor(api: Llama, vocabTokens: number) {
    this.#api = api;
    this.#vocabTokens = vocabTokens;
    this.#memory = koffi.alloc('int32', vocabTokens * WORDS) as bigint;
    const view = koffi.view(this.#memory, vocabTokens * WORDS * 4);
    this.#ids = new Int32Array(view);
    this.#floats = new Float32Array(view);
  }

  /** All tokens with their logits, biased and penalized, the masked ones impossible. */
  fill(logits: Float32Array, { bias, penalties, mask }: Weights): void {
    for (let id = 0, at = 0; id < this.#vocabTokens; id++, at += WORDS) {
      this.#ids[at] = id;
      this.#floats[at + 1] = logits[id]!;
      this.#floats[at + 2] = 0;
    }
    for (const [id, amount] of bias ?? []) {
      if (id >= 0 && id < this.#vocabTokens) this.#floats[id * WORDS + 1]! += amount;
    }
    penalties?.weigh(this.#floats, WORDS);
    for (const id of mask ?? []) this.#floats[id * WORDS + 1] = Number.NEGATIVE_INFINITY;
    this.#setHead(this.#vocabTokens);
  }

  /** One token alone, to ask a sampler whether it would allow it. */
  fillOne(token: number): void {
    this.#ids[0] = token;
    this.#floats[1] = 1;
    this.#floats[2] = 0;
    this.#setHead(1);
  }

  apply(sampler: Pointer): void {
    this.#api.applySampler(sampler, this.#headBytes);
  }

  /** Logit of the first candidate, after `fillOne` and `apply`. */
  get firstLogit(): number {
    return this.#floats[1]!;
  }

  /** The token a sampler chose; null when it chose none or an impossible one. */
  selected(): number | null {
    const at = Number(this.#head[2]);
    if (at < 0 || at >= Number(this.#head[1])) return null;
    return this.#floats[at * WORDS + 1]! > Number.NEGATIVE_INFINITY ? this.#ids[at * WORDS]! : null;
  }

  free(): void {
    koffi.free(this.#memory);
  }

  #setHead(size: number): void {
    this.#head[0] = BigInt.asIntN(64, this.#memory);
    this.#head[1] = BigInt(size);
    this.#head[2] = -1n;
    this.#head[3] = 0n;
  }
}
