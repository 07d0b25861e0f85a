/** Calls between markers, in a stream of text. */
import { LIMITS } from '../../limits.js';
import { findMarker, heldBack } from './marker-search.js';
import type { DeclaredTools, OutputParser, Parsed, TaggedFormat } from './types.js';

export class TaggedParser implements OutputParser {
  readonly #format: TaggedFormat;
  readonly #tools: DeclaredTools;
  #pending = '';
  /** The marker that is open; null outside. */
  #open: string | null = null;
  /** Where the next closing marker is looked for, so that a long call is not searched again with each piece. */
  #searchFrom = 0;

  constructor(format: TaggedFormat, tools: DeclaredTools) {
    this.#format = format;
    this.#tools = tools;
  }

  push(text: string): Parsed[] {
    this.#pending += text;
    const out: Parsed[] = [];
    while (this.#step(out));
    return out;
  }

  finish(): Parsed[] {
    const out: Parsed[] = [];
    if (this.#open !== null) {
      const body = this.#format.read(this.#pending, this.#tools, this.#open, true);
      if (Array.isArray(body)) for (const call of body) out.push({ kind: 'call', call });
      else textTo(out, this.#open + this.#pending);
    } else textTo(out, this.#pending);
    this.#pending = '';
    this.#open = null;
    return out;
  }

  /** False when more text is needed. */
  #step(out: Parsed[]): boolean {
    return this.#open === null ? this.#outside(out) : this.#inside(out, this.#open);
  }

  #outside(out: Parsed[]): boolean {
    const { open } = this.#format;
    const found = findMarker(this.#pending, open);
    if (found === null) {
      const held = heldBack(this.#pending, open);
      textTo(out, this.#pending.slice(0, this.#pending.length - held));
      this.#pending = this.#pending.slice(this.#pending.length - held);
      return false;
    }
    textTo(out, this.#pending.slice(0, found.at));
    this.#pending = this.#pending.slice(found.at + found.marker.length);
    this.#open = found.marker;
    this.#searchFrom = 0;
    return true;
  }

  #inside(out: Parsed[], open: string): boolean {
    const close = this.#format.close(open);
    const at = this.#pending.indexOf(close, this.#searchFrom);
    if (at < 0) {
      this.#searchFrom = Math.max(0, this.#pending.length - close.length + 1);
      if (this.#pending.length <= LIMITS.toolCallChars) return false;
      return this.#giveUp(out, open, '');
    }
    const body = this.#format.read(this.#pending.slice(0, at), this.#tools, open, false);
    if (body === 'incomplete') {
      this.#searchFrom = at + close.length;
      return true;
    }
    if (body === 'text') return this.#giveUp(out, open, '');
    for (const call of body) out.push({ kind: 'call', call });
    this.#pending = this.#pending.slice(at + close.length);
    this.#open = null;
    return true;
  }

  /** The opening marker was text; what follows it may still hold a call. */
  #giveUp(out: Parsed[], open: string, before: string): boolean {
    textTo(out, before + open);
    this.#open = null;
    return true;
  }
}

/** Adjacent text becomes one piece, so that the same output gives the same pieces however it was cut. */
export function textTo(out: Parsed[], text: string, kind: 'text' | 'thinking' = 'text'): void {
  if (text === '') return;
  const last = out.at(-1);
  if (last?.kind === kind) last.text += text;
  else out.push({ kind, text });
}
