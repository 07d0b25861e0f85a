/** The text of a freeform call while its arguments, `{"input": "…"}`, are still being written. */
import { FREEFORM_ARGUMENT, freeformText } from '../tools.js';

const HEAD = new RegExp(`^\\s*\\{\\s*"${FREEFORM_ARGUMENT}"\\s*:\\s*"`);
/** Arguments that do not begin so by then are of another shape. */
const HEAD_CHARS = 64;
const ESCAPED: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/**
 * Lenient where models are: text with bare line breaks or an unescaped quote comes out whole. Arguments of another
 * shape are given at the end, as `freeformText` reads them. What `push` and `finish` answer makes up `text`.
 */
export class FreeformReader {
  /** All text so far. */
  text = '';
  /** Not read yet: a head or an escape that is not whole, or what follows the closing quote. */
  #rest = '';
  #state: 'head' | 'text' | 'end' | 'other' = 'head';

  /** More text in this piece of the arguments. */
  push(piece: string): string {
    if (this.#state === 'other') return '';
    this.#rest += piece;
    if (this.#state === 'head') this.#readHead();
    return this.#state === 'text' ? this.#add(this.#readText()) : '';
  }

  /** The last of the text; `args` is everything that was pushed. */
  finish(args: string): string {
    if (this.#state === 'head' || this.#state === 'other') return this.#add(freeformText(args));
    if (this.#state === 'text') return this.#add(this.#rest);
    const isAll = /^\s*\}?\s*$/.test(this.#rest) || isJson(args);
    return isAll ? '' : this.#add(`"${this.#rest}`);
  }

  #readHead(): void {
    const head = HEAD.exec(this.#rest);
    if (head !== null) {
      this.#rest = this.#rest.slice(head[0].length);
      this.#state = 'text';
    } else if (this.#rest.length > HEAD_CHARS) this.#state = 'other';
  }

  #readText(): string {
    const rest = this.#rest;
    let out = '';
    let at = 0;
    while (at < rest.length) {
      const stop = nextStop(rest, at);
      out += rest.slice(at, stop);
      at = stop;
      if (rest[at] === '"') {
        this.#state = 'end';
        at += 1;
        break;
      }
      const sequence = rest.slice(at, at + 6);
      if (sequence === '' || !isWholeEscape(sequence)) break;
      const code = /^\\u([0-9a-fA-F]{4})/.exec(sequence)?.[1];
      const letter = sequence[1] ?? '';
      out +=
        code === undefined ? (ESCAPED[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16));
      at += code === undefined ? 2 : 6;
    }
    this.#rest = rest.slice(at);
    return out;
  }

  #add(text: string): string {
    this.text += text;
    return text;
  }
}

/** Place of the next quote or backslash; the length when there is none. */
function nextStop(text: string, from: number): number {
  const quote = text.indexOf('"', from);
  const backslash = text.indexOf('\\', from);
  return Math.min(quote < 0 ? text.length : quote, backslash < 0 ? text.length : backslash);
}

function isWholeEscape(sequence: string): boolean {
  return sequence[1] === 'u' ? sequence.length === 6 : sequence.length >= 2;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
