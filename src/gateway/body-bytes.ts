/** A body as it came: pieces that are only put together where somebody needs them in one. */

/** Pieces in order, none empty. What is asked for must lie within `length`. */
export class BodyBytes {
  readonly length: number;
  readonly #pieces: readonly Buffer[];
  /** Offset of each piece. */
  readonly #starts: number[] = [];

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
    let length = 0;
    for (const piece of pieces) {
      this.#starts.push(length);
      length += piece.length;
    }
    this.length = length;
  }

  /** All of it; a copy where it came in pieces. */
  whole(): Buffer {
    return this.withRoom(1).subarray(0, this.length);
  }

  /** The same at the front of a buffer so many times as long, unless one piece is all of it. */
  withRoom(times: number): Buffer {
    if (this.#pieces.length === 1) return this.#pieces[0] as Buffer;
    const buffer = Buffer.allocUnsafeSlow(Math.ceil(this.length * times));
    this.copyTo(buffer, 0, 0, this.length);
    return buffer;
  }

  /** Copies what lies between into `target`, from `at` on. */
  copyTo(target: Buffer, at: number, start: number, end: number): void {
    this.#each(start, end, (piece, from, to, offset) => {
      piece.copy(target, at + offset - start, from, to);
      return true;
    });
  }

  /** Four bytes as a number; null where there are none any more. */
  wordAt(at: number): number | null {
    if (at + 4 > this.length) return null;
    const index = this.#pieceAt(at);
    const piece = this.#pieces[index] as Buffer;
    const from = at - (this.#starts[index] as number);
    if (from + 4 <= piece.length) return piece.readInt32LE(from);
    const word = Buffer.allocUnsafe(4);
    this.copyTo(word, 0, at, at + 4);
    return word.readInt32LE(0);
  }

  /** Whether what lies between is what `other` has from `at` on. */
  isSame(start: number, end: number, other: Buffer, at: number): boolean {
    if (end > this.length || at + end - start > other.length) return false;
    return this.#each(start, end, (piece, from, to, offset) => {
      const begin = at + offset - start;
      return other.compare(piece, from, to, begin, begin + to - from) === 0;
    });
  }

  /** Stops, and answers false, where `look` does; `offset` is where the part looked at begins. */
  #each(
    start: number,
    end: number,
    look: (piece: Buffer, from: number, to: number, offset: number) => boolean,
  ): boolean {
    let index = this.#pieceAt(start);
    for (let offset = start; offset < end; index++) {
      const piece = this.#pieces[index] as Buffer;
      const from = offset - (this.#starts[index] as number);
      const to = Math.min(piece.length, from + end - offset);
      if (!look(piece, from, to, offset)) return false;
      offset += to - from;
    }
    return true;
  }

  #pieceAt(offset: number): number {
    let index = 0;
    while (index + 1 < this.#starts.length && (this.#starts[index + 1] as number) <= offset) index += 1;
    return index;
  }
}
