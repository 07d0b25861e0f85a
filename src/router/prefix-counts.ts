/** How many of a changing set of prompts share each prefix: a radix tree over sequence hashes. */
import { wordsOf } from './u64-table.js';

/** Blocks that the same prompts go through, a part of one prompt's sequence hashes. */
interface Piece {
  readonly words: Uint32Array;
  readonly from: number;
  to: number;
  /** Prompts through it. */
  count: number;
}

/**
 * A sequence hash names its block with all before it, so a piece is found by its first one alone, and the end of
 * what two prompts share by halving. Every operation costs a step per place where prompts of the set part, however many
 * there are and however long they are. Not copied: the hashes given must not change.
 */
export class PrefixCounts {
  readonly #pieces = new Map<bigint, Piece>();

  /** Answers how many of its blocks no other prompt has. */
  add(sequence: BigUint64Array): number {
    const words = wordsOf(sequence);
    for (let at = 0; at < sequence.length; ) {
      const piece = this.#pieces.get(sequence[at] as bigint);
      if (piece === undefined) {
        this.#pieces.set(sequence[at] as bigint, { words, from: at, to: sequence.length, count: 1 });
        return sequence.length - at;
      }
      const end = commonEnd(piece, words);
      if (end < piece.to) this.#split(piece, end);
      piece.count += 1;
      at = end;
    }
    return 0;
  }

  /** Of a prompt that was added and not removed since, so that a piece ends where it ends; answers as `add` would now. */
  remove(sequence: BigUint64Array): number {
    let own = 0;
    for (let at = 0; at < sequence.length; ) {
      const piece = this.#pieces.get(sequence[at] as bigint);
      // Only hashes that collide lead here.
      if (piece === undefined) return own;
      piece.count -= 1;
      if (piece.count === 0) {
        this.#pieces.delete(sequence[at] as bigint);
        own += piece.to - at;
      }
      at = piece.to;
    }
    return own;
  }

  /** Blocks of the longest prefix shared with any of them. */
  lookup(sequence: BigUint64Array): number {
    const words = wordsOf(sequence);
    let blocks = 0;
    while (blocks < sequence.length) {
      const piece = this.#pieces.get(sequence[blocks] as bigint);
      if (piece === undefined) break;
      blocks = commonEnd(piece, words);
      if (blocks < piece.to) break;
    }
    return blocks;
  }

  #split(piece: Piece, at: number): void {
    const { words, to, count } = piece;
    this.#pieces.set(hashAt(words, at), { words, from: at, to, count });
    piece.to = at;
  }
}

/** Where a prompt that has the piece's first block leaves it: equal sequence hashes mean equal prefixes. */
function commonEnd({ words, from, to }: Piece, other: Uint32Array): number {
  let low = from + 1;
  let high = Math.min(to, other.length >> 1);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const at = (middle - 1) * 2;
    if (words[at] === other[at] && words[at + 1] === other[at + 1]) low = middle;
    else high = middle - 1;
  }
  return low;
}

function hashAt(words: Uint32Array, at: number): bigint {
  return (BigInt(words[at * 2 + 1] as number) << 32n) | BigInt(words[at * 2] as number);
}
