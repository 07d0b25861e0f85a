/** Token ids of words met before: open addressing over the words' bytes, no string is made to look one up. */

const SLOTS = 1 << 18;
/** Words kept; then all are forgotten, which costs a few milliseconds of encoding them again. */
const WORDS_MAX = 120_000;
const FIRST_BYTES = 1 << 20;
const FIRST_TOKENS = 1 << 18;
/** Longer words hardly ever come again. */
export const WORD_BYTES_MAX = 96;

export class WordTable {
  readonly #encode: (word: Uint8Array) => number[];
  readonly #slots = new Int32Array(SLOTS);
  readonly #starts = new Uint32Array(WORDS_MAX + 2);
  readonly #tokenStarts = new Uint32Array(WORDS_MAX + 2);
  readonly #hashes = new Int32Array(WORDS_MAX + 2);
  #bytes = new Uint8Array(FIRST_BYTES);
  #tokens = new Uint32Array(FIRST_TOKENS);
  #count = 0;

  /** `encode` is asked for words that are not known. */
  constructor(encode: (word: Uint8Array) => number[]) {
    this.#encode = encode;
  }

  /** Appends the ids of `text[at, end)` to `out` at `length`; answers the new length. `out` must have room. */
  write(text: Uint8Array, at: number, end: number, out: Uint32Array, length: number): number {
    if (end - at > WORD_BYTES_MAX) return append(this.#encode(text.subarray(at, end)), out, length);
    let hash = end - at;
    for (let index = at; index < end; index++) hash = Math.imul(hash ^ (text[index] as number), 0x01000193);
    hash ^= hash >>> 15;
    const word = this.#find(text, at, end, hash);
    let next = length;
    const tokensEnd = this.#tokenStarts[word + 1] as number;
    for (let token = this.#tokenStarts[word] as number; token < tokensEnd; token++)
      out[next++] = this.#tokens[token] as number;
    return next;
  }

  #find(text: Uint8Array, at: number, end: number, hash: number): number {
    let slot = hash & (SLOTS - 1);
    for (;;) {
      const word = (this.#slots[slot] as number) - 1;
      if (word < 0) return this.#add(text, at, end, hash, slot);
      if (this.#hashes[word] === hash && this.#isWord(word, text, at, end)) return word;
      slot = (slot + 1) & (SLOTS - 1);
    }
  }

  #isWord(word: number, text: Uint8Array, at: number, end: number): boolean {
    const start = this.#starts[word] as number;
    if ((this.#starts[word + 1] as number) - start !== end - at) return false;
    for (let index = 0; index < end - at; index++)
      if (this.#bytes[start + index] !== text[at + index]) return false;
    return true;
  }

  #add(text: Uint8Array, at: number, end: number, hash: number, slot: number): number {
    const ids = this.#encode(text.subarray(at, end));
    let place = slot;
    if (this.#count >= WORDS_MAX) {
      this.#slots.fill(0);
      this.#count = 0;
      place = hash & (SLOTS - 1);
    }
    const word = this.#count++;
    const start = this.#starts[word] as number;
    const tokenStart = this.#tokenStarts[word] as number;
    this.#bytes = withRoom(this.#bytes, start + end - at);
    this.#bytes.set(text.subarray(at, end), start);
    this.#tokens = withRoom(this.#tokens, tokenStart + ids.length);
    this.#tokens.set(ids, tokenStart);
    this.#starts[word + 1] = start + end - at;
    this.#tokenStarts[word + 1] = tokenStart + ids.length;
    this.#hashes[word] = hash;
    this.#slots[place] = word + 1;
    return word;
  }
}

function append(ids: readonly number[], out: Uint32Array, length: number): number {
  out.set(ids, length);
  return length + ids.length;
}

function withRoom<T extends Uint8Array | Uint32Array>(array: T, length: number): T {
  if (length <= array.length) return array;
  const grown = new (array.constructor as { new (length: number): T })(Math.max(length, array.length * 2));
  grown.set(array);
  return grown;
}
