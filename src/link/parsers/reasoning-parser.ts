/** Reasoning between `<think>` and `</think>`, at the beginning of an output; what follows goes to the next parser. */
import { heldBack } from './marker-search.js';
import { textTo } from './tagged-parser.js';
import type { OutputParser, Parsed, ReasoningForm } from './types.js';

const OPEN = '<think>';
const CLOSE = '</think>';

export class ReasoningParser implements OutputParser {
  readonly #rest: OutputParser;
  #pending = '';
  #state: 'start' | 'thinking' | 'after' | 'rest';

  constructor(form: ReasoningForm, rest: OutputParser) {
    this.#rest = rest;
    this.#state = form === 'none' ? 'rest' : form === 'opened' ? 'thinking' : 'start';
  }

  push(text: string): Parsed[] {
    this.#pending += text;
    const out: Parsed[] = [];
    while (this.#step(out));
    return out;
  }

  finish(): Parsed[] {
    const out: Parsed[] = [];
    // Without its end tag all of it was reasoning.
    if (this.#state === 'thinking') textTo(out, this.#pending, 'thinking');
    else if (this.#state !== 'after') out.push(...this.#rest.push(this.#pending));
    this.#pending = '';
    return merged([...out, ...this.#rest.finish()]);
  }

  #step(out: Parsed[]): boolean {
    switch (this.#state) {
      case 'start':
        return this.#start();
      case 'thinking':
        return this.#thinking(out);
      case 'after':
        return this.#after();
      default: {
        for (const piece of this.#rest.push(this.#pending)) add(out, piece);
        this.#pending = '';
        return false;
      }
    }
  }

  #start(): boolean {
    const start = this.#pending.trimStart();
    if (start.length < OPEN.length && OPEN.startsWith(start)) return false;
    const isOpen = start.startsWith(OPEN);
    if (isOpen) this.#pending = start.slice(OPEN.length);
    this.#state = isOpen ? 'thinking' : 'rest';
    return true;
  }

  #thinking(out: Parsed[]): boolean {
    const at = this.#pending.indexOf(CLOSE);
    const upTo = at >= 0 ? at : this.#pending.length - heldBack(this.#pending, [CLOSE]);
    textTo(out, this.#pending.slice(0, upTo), 'thinking');
    this.#pending = this.#pending.slice(at >= 0 ? at + CLOSE.length : upTo);
    if (at >= 0) this.#state = 'after';
    return at >= 0;
  }

  /** Line breaks after the end tag belong to it. */
  #after(): boolean {
    this.#pending = this.#pending.replace(/^\n+/, '');
    if (this.#pending === '') return false;
    this.#state = 'rest';
    return true;
  }
}

function add(out: Parsed[], piece: Parsed): void {
  if (piece.kind === 'call') out.push(piece);
  else textTo(out, piece.text, piece.kind);
}

function merged(pieces: readonly Parsed[]): Parsed[] {
  const out: Parsed[] = [];
  for (const piece of pieces) add(out, piece);
  return out;
}
