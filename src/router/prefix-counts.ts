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

  add(sequence: BigUint64Array): void {
    const words = wordsOf(sequence);
    for (let at = 0; at < sequence.length; ) {
      const piece = this.#pieces.get(sequence[at] as bigint);
      if (piece === undefined) {
        this.#pieces.set(sequence[at] as bigint, { words, from: at, to: sequence.length, count: 1 });
        return;
      }
      const end = commonEnd(piece, words);
      if (end < piece.to) this.#split(piece, end);
      piece.count += 1;
      at = end;
    }
  }

  /** Of a prompt that was added and not removed since, so that a piece ends where it ends. */
  remove(sequence: BigUint64Array): void {
    for (let at = 0; at < sequence.length; ) {
      const piece = this.#pieces.get(sequence[at] as bigint);
      // Only hashes that collide lead here.
      if (piece === undefined) return;
      piece.count -= 1;
      if (piece.count === 0) this.#pieces.delete(sequence[at] as bigint);
      at = piece.to;
    }
  }

  /** `blocks` = the longest prefix shared with any of them; `shared` = what each of them shares with it, added up. */
  lookup(sequence: BigUint64Array): { blocks: number; shared: number } {
    const words = wordsOf(sequence);
    const found = { blocks: 0, shared: 0 };
    while (found.blocks < sequence.length) {
      const piece = this.#pieces.get(sequence[found.blocks] as bigint);
      if (piece === undefined) break;
      const end = commonEnd(piece, words);
      found.shared += (end - found.blocks) * piece.count;
      found.blocks = end;
      if (end < piece.to) break;
    }
    return found;
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
