/** One line of progress on a terminal; nothing where stderr is none. */

const WIDTH = 30;

export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  readonly #label: string;
  #shown = -1;

  constructor(label: string, stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#label = label;
  }

  update(done: number, of: number): void {
    if (!this.#stream.isTTY) return;
    const percent = of === 0 ? 100 : Math.floor((done / of) * 100);
    if (percent === this.#shown) return;
    this.#shown = percent;
    const filled = Math.round((percent / 100) * WIDTH);
    this.#stream.write(`\r${this.#label} ${'━'.repeat(filled)}${'─'.repeat(WIDTH - filled)} ${percent} %`);
  }

  /** Leaves an empty line behind. */
  clear(): void {
    if (this.#shown !== -1) this.#stream.write('\r\u001b[K');
    this.#shown = -1;
  }
}
