/** Byte-pair merges as a table of pairs of token ids. */

/** Vocabulary of a byte-level BPE model. */
export interface BpeVocabulary {
  /** Id of a token's text, in GPT-2's byte alphabet. */
  idOf(text: string): number | undefined;
  /** Pairs in order of their rank. */
  merges: readonly (readonly [string, string])[];
  /** What has no token becomes the unknown token. */
  hasUnknown: boolean;
  /** A word that is a token is that token, whatever its merges say. */
  ignoreMerges: boolean;
}

const NONE = -1;
/** A byte without a token: it leaves nothing behind, as in the reference. */
const DROPPED = -2;

/** Pairs of ids → rank and merged id; a Map of string pairs takes ten times as long. */
export class MergeTable {
  readonly #mask: number;
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #rank: Int32Array;
  readonly #merged: Int32Array;
  readonly #byteIds = new Int32Array(256);
  readonly #vocabulary: BpeVocabulary;

  private constructor(vocabulary: BpeVocabulary, slots: number) {
    this.#vocabulary = vocabulary;
    this.#mask = slots - 1;
    this.#left = new Int32Array(slots).fill(NONE);
    this.#right = new Int32Array(slots);
    this.#rank = new Int32Array(slots);
    this.#merged = new Int32Array(slots);
  }

  /** Null when a merge has no token, or a byte has none and stands for the unknown one. */
  static create(vocabulary: BpeVocabulary): MergeTable | null {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(16, vocabulary.merges.length * 2)));
    const table = new MergeTable(vocabulary, slots);
    for (let byte = 0; byte < 256; byte++) {
      const id = vocabulary.idOf(BYTE_CHARS[byte] as string);
      if (id === undefined && vocabulary.hasUnknown) return null;
      table.#byteIds[byte] = id ?? DROPPED;
    }
    for (const [rank, [left, right]] of vocabulary.merges.entries()) {
      const merged = vocabulary.idOf(left + right);
      const leftId = vocabulary.idOf(left);
      const rightId = vocabulary.idOf(right);
      if (merged === undefined || leftId === undefined || rightId === undefined) return null;
      table.#add(leftId, rightId, rank, merged);
    }
    return table;
  }

  /** Ids of one word. */
  encode(word: Uint8Array): number[] {
    if (this.#vocabulary.ignoreMerges) {
      const id = this.#vocabulary.idOf(textOf(word));
      if (id !== undefined) return [id];
    }
    const ids = Array.from(word, (byte) => this.#byteIds[byte] as number);
    const merged = ids.length > LONG_WORD ? this.#mergeLong(ids) : this.#merge(ids);
    return merged.includes(DROPPED) ? merged.filter((id) => id !== DROPPED) : merged;
  }

  #merge(ids: number[]): number[] {
    for (;;) {
      let best = -1;
      let bestRank = Number.POSITIVE_INFINITY;
      let bestSlot = 0;
      for (let at = 0; at + 1 < ids.length; at++) {
        const slot = this.#slotOf(ids[at] as number, ids[at + 1] as number);
        if (this.#left[slot] === NONE || (this.#rank[slot] as number) >= bestRank) continue;
        best = at;
        bestRank = this.#rank[slot] as number;
        bestSlot = slot;
      }
      if (best < 0) return ids;
      ids.splice(best, 2, this.#merged[bestSlot] as number);
    }
  }

  /** The lowest rank is merged everywhere in one pass: a run of a thousand dashes must not take a million steps. */
  #mergeLong(ids: number[]): number[] {
    let current = ids;
    for (;;) {
      let bestRank = Number.POSITIVE_INFINITY;
      for (let at = 0; at + 1 < current.length; at++) {
        const slot = this.#slotOf(current[at] as number, current[at + 1] as number);
        if (this.#left[slot] !== NONE) bestRank = Math.min(bestRank, this.#rank[slot] as number);
      }
      if (bestRank === Number.POSITIVE_INFINITY) return current;
      const next: number[] = [];
      for (let at = 0; at < current.length; at++) {
        const slot =
          at + 1 < current.length ? this.#slotOf(current[at] as number, current[at + 1] as number) : -1;
        const isBest = slot >= 0 && this.#left[slot] !== NONE && this.#rank[slot] === bestRank;
        next.push(isBest ? (this.#merged[slot] as number) : (current[at] as number));
        if (isBest) at += 1;
      }
      current = next;
    }
  }

  #add(left: number, right: number, rank: number, merged: number): void {
    const slot = this.#slotOf(left, right);
    // Of a pair listed twice the later rank counts, as in the reference.
    this.#left[slot] = left;
    this.#right[slot] = right;
    this.#rank[slot] = rank;
    this.#merged[slot] = merged;
  }

  #slotOf(left: number, right: number): number {
    let slot = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    slot = (slot ^ (slot >>> 15)) & this.#mask;
    while (this.#left[slot] !== NONE && (this.#left[slot] !== left || this.#right[slot] !== right))
      slot = (slot + 1) & this.#mask;
    return slot;
  }
}

/** Bytes of a word above which merging pass by pass is quicker than pair by pair. */
const LONG_WORD = 64;

/** GPT-2's alphabet: printable bytes stand for themselves, the others for characters from U+0100 on. */
const BYTE_CHARS: readonly string[] = (() => {
  let other = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(isPrintable ? byte : other++);
  });
})();

function textOf(word: Uint8Array): string {
  let text = '';
  for (const byte of word) text += BYTE_CHARS[byte];
  return text;
}
