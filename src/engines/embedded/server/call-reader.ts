/** Reads `{"name": …, "arguments": {…}}` as it is generated: the name at once, the arguments piece by piece. */

export type CallPiece = { kind: 'start'; name: string } | { kind: 'arguments'; text: string };

const HEAD = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*/;

export class CallReader {
  #head: string | null = '';
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #isOver = false;

  push(text: string): CallPiece[] {
    if (this.#head === null) return this.#arguments(text);
    this.#head += text;
    const match = HEAD.exec(this.#head);
    if (match === null) return [];
    const rest = this.#head.slice(match[0].length);
    this.#head = null;
    return [{ kind: 'start', name: JSON.parse(match[1] ?? '""') as string }, ...this.#arguments(rest)];
  }

  /** Passes text on up to the brace that closes the arguments; the outer object's own end is not theirs. */
  #arguments(given: string): CallPiece[] {
    if (this.#isOver) return [];
    // Blanks before the first brace are the outer object's.
    const text = this.#depth === 0 ? given.trimStart() : given;
    let end = 0;
    while (end < text.length && !this.#isOver) {
      this.#step(text[end] as string);
      end += 1;
    }
    return end === 0 ? [] : [{ kind: 'arguments', text: text.slice(0, end) }];
  }

  #step(char: string): void {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (char === '\\') this.#isEscaped = true;
      else if (char === '"') this.#isInString = false;
      return;
    }
    if (char === '"') this.#isInString = true;
    else if (char === '{' || char === '[') this.#depth += 1;
    else if (char === '}' || char === ']') {
      this.#depth -= 1;
      this.#isOver = this.#depth === 0;
    }
  }
}
