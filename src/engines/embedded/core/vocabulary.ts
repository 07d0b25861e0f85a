/** Text ↔ tokens of the loaded model. Reads only the vocabulary, so it may be used while a decode is in flight. */
import type { Llama, Pointer } from './library.js';

const PIECE_BYTES = 256;

export class Vocabulary {
  readonly size: number;
  readonly #api: Llama;
  readonly #vocab: Pointer;
  #endTokens: Int32Array | null = null;
  #piece = new Uint8Array(PIECE_BYTES);

  constructor(api: Llama, vocab: Pointer) {
    this.#api = api;
    this.#vocab = vocab;
    this.size = api.vocabSize(vocab);
  }

  /** Native address, for samplers that need it. */
  get pointer(): Pointer {
    return this.#vocab;
  }

  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Uint32Array {
    // One spare byte, so that empty text still has an address.
    const bytes = Buffer.from(`${text}\0`);
    const size = bytes.length - 1;
    const call = (tokens: Int32Array): number =>
      this.#api.tokenize(
        this.#vocab,
        bytes,
        size,
        tokens,
        tokens.length,
        options.addSpecial,
        options.parseSpecial,
      );
    let tokens = new Int32Array(Math.ceil(size / 2) + 8);
    let count = call(tokens);
    if (count < 0) {
      tokens = new Int32Array(-count);
      count = call(tokens);
    }
    if (count < 0) throw new Error(`the library wants ${-count} tokens for ${size} bytes of text`);
    return Uint32Array.from(tokens.subarray(0, count));
  }

  /** Bytes of one token; empty for a control token when `special` is false, and for ids outside the vocabulary. */
  piece(token: number, options: { special: boolean }): Uint8Array {
    // The library throws a C++ exception for an id it does not have, which would end the process.
    if (!this.has(token)) return new Uint8Array(0);
    const call = (): number =>
      this.#api.tokenToPiece(this.#vocab, token, this.#piece, this.#piece.length, 0, options.special);
    let size = call();
    if (size < 0) {
      this.#piece = new Uint8Array(-size);
      size = call();
    }
    return this.#piece.slice(0, Math.max(size, 0));
  }

  has(token: number): boolean {
    return Number.isInteger(token) && token >= 0 && token < this.size;
  }

  isEndOfGeneration(token: number): boolean {
    return this.has(token) && this.#api.isEndOfGeneration(this.#vocab, token);
  }

  /** All end-of-generation tokens; found by asking for each, once, when first needed. */
  endTokens(): Int32Array {
    this.#endTokens ??= Int32Array.from(
      Array.from({ length: this.size }, (_, token) => token).filter((token) => this.isEndOfGeneration(token)),
    );
    return this.#endTokens;
  }
}
