/**
 * Puts lines on the alternate screen and writes only those that changed. ink would lay out and measure every cell of every
 * frame (two to three times the CPU, 5-15 kB a frame); it is left the keyboard.
 */

/** Terminals that know it show all of an update at once; the others ignore it. */
const BEGIN = '\u001b[?2026h';
const END = '\u001b[?2026l';

export class LineWriter {
  readonly #stream: { write(text: string): unknown };
  #shown: string[] = [];

  constructor(stream: { write(text: string): unknown }) {
    this.#stream = stream;
  }

  /** The screen is empty: everything has to be written. */
  reset(): void {
    this.#shown = [];
  }

  /** Lines from the top; none may be wider than the terminal, nor may there be more of them than it has. */
  draw(lines: readonly string[]): void {
    const count = Math.max(lines.length, this.#shown.length);
    let changes = '';
    for (let row = 0; row < count; row += 1) {
      const line = lines[row] ?? '';
      // Erased first: at the right edge an erasure afterwards would take the last character.
      if (line !== (this.#shown[row] ?? '')) changes += `\u001b[${row + 1};1H\u001b[2K${line}`;
    }
    this.#shown = [...lines];
    if (changes !== '') this.#stream.write(BEGIN + changes + END);
  }
}
