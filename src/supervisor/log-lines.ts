/** A worker's output as lines: split, kept as a tail, and the few that explain a failure. */
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { LIMITS } from '../limits.js';

/**
 * Turns chunks of bytes into lines. Carriage returns end lines too (progress bars), escape codes and blank lines are
 * dropped, and a line beyond the bound is cut.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split(/[\r\n]+/);
    // A program that never ends a line must not fill the memory.
    this.#rest = (lines.pop() ?? '').slice(0, LIMITS.logLineChars);
    for (const line of lines) this.#emit(line);
  }

  /** The unfinished last line, when the stream has ended. */
  end(): void {
    this.#emit(this.#rest + this.#decoder.end());
    this.#rest = '';
  }

  #emit(line: string): void {
    const plain = stripVTControlCharacters(line.slice(0, LIMITS.logLineChars)).trimEnd();
    if (plain !== '') this.#onLine(plain);
  }
}

/** The last lines, bounded. */
export class LogTail {
  #lines: string[] = [];

  add(line: string): void {
    this.#lines.push(line);
    // Cut in batches: shifting an array for every line is quadratic in effect.
    if (this.#lines.length > 2 * LIMITS.logTailLines) this.#lines = this.#lines.slice(-LIMITS.logTailLines);
  }

  lines(): string[] {
    return this.#lines.slice(-LIMITS.logTailLines);
  }
}

const TELLING =
  /error|exception|traceback|fatal|panic|abort|cannot|failed|unable|not found|no such|killed|denied/i;
const TELLING_MAX = 6;
const LAST_MAX = 6;

/** Lines a person needs to see: the last ones that name a fault, and the very last ones; in order, each once. */
export function tellingLines(all: string[]): string[] {
  // A worker that died five times said the same five times; the last time counts.
  const lines = [...new Set([...all].reverse())].reverse();
  const faults = [...lines.keys()].filter((index) => TELLING.test(lines[index]!)).slice(-TELLING_MAX);
  const last = [...lines.keys()].slice(-LAST_MAX);
  const chosen = [...new Set([...faults, ...last])].sort((a, b) => a - b);
  return chosen.map((index) => lines[index]!);
}
