/**
 * gpt-oss's harmony: messages of channels. `analysis` is reasoning, `final` and anything else text, `commentary` addressed
 * `to=functions.NAME` a call:
 * `<|channel|>commentary to=functions.f <|constrain|>json<|message|>{…}<|call|>`.
 */
import { LIMITS } from '../../limits.js';
import { objectText } from './argument-values.js';
import { findMarker, heldBack } from './marker-search.js';
import { textTo } from './tagged-parser.js';
import type { DeclaredTools, OutputParser, Parsed } from './types.js';

const MESSAGE = '<|message|>';
const HEADS = ['<|start|>', '<|channel|>'];
const ENDS = ['<|end|>', '<|return|>', '<|call|>', ...HEADS];
/** A header is short; more is no header. */
const HEAD_CHARS_MAX = 512;

type State =
  | { kind: 'between' }
  | { kind: 'head' }
  | { kind: 'body'; as: 'text' | 'thinking' }
  | { kind: 'call'; head: string; name: string };

export class HarmonyParser implements OutputParser {
  readonly #tools: DeclaredTools;
  #pending = '';
  #state: State = { kind: 'between' };

  constructor(tools: DeclaredTools) {
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
    const state = this.#state;
    // Cut off before its arguments, it is no call.
    if (state.kind === 'call' && this.#pending === '') textTo(out, state.head);
    else if (state.kind === 'call') this.#endCall(out, state, this.#pending, '');
    else textTo(out, this.#pending, state.kind === 'body' ? state.as : 'text');
    this.#pending = '';
    this.#state = { kind: 'between' };
    return out;
  }

  #step(out: Parsed[]): boolean {
    const state = this.#state;
    if (state.kind === 'between') return this.#between(out);
    if (state.kind === 'head') return this.#head(out);
    return state.kind === 'body' ? this.#body(out, state.as) : this.#call(out, state);
  }

  /** Text that no header leads is text. */
  #between(out: Parsed[]): boolean {
    const found = findMarker(this.#pending, HEADS);
    const upTo = found?.at ?? this.#pending.length - heldBack(this.#pending, HEADS);
    textTo(out, this.#pending.slice(0, upTo));
    this.#pending = this.#pending.slice(upTo);
    if (found === null) return false;
    this.#state = { kind: 'head' };
    return true;
  }

  /** `#pending` begins with the header's first marker. */
  #head(out: Parsed[]): boolean {
    const at = this.#pending.indexOf(MESSAGE);
    if (at < 0 || at > HEAD_CHARS_MAX) {
      if (at < 0 && this.#pending.length <= HEAD_CHARS_MAX) return false;
      // No header after all: its first marker is text, and what follows is looked at again.
      const marker = HEADS.find((head) => this.#pending.startsWith(head)) ?? '';
      textTo(out, marker);
      this.#pending = this.#pending.slice(marker.length);
      this.#state = { kind: 'between' };
      return true;
    }
    const head = this.#pending.slice(0, at + MESSAGE.length);
    this.#pending = this.#pending.slice(head.length);
    const name = /\bto=functions\.([\w.-]{1,128})/.exec(head)?.[1];
    const isReasoning = /<\|channel\|>\s*analysis\b/.test(head) && name === undefined;
    this.#state =
      name === undefined
        ? { kind: 'body', as: isReasoning ? 'thinking' : 'text' }
        : { kind: 'call', head, name };
    return true;
  }

  #body(out: Parsed[], as: 'text' | 'thinking'): boolean {
    const found = findMarker(this.#pending, ENDS);
    const upTo = found?.at ?? this.#pending.length - heldBack(this.#pending, ENDS);
    textTo(out, this.#pending.slice(0, upTo), as);
    this.#pending = this.#pending.slice(upTo);
    if (found === null) return false;
    this.#leave(found.marker);
    return true;
  }

  #call(out: Parsed[], state: Extract<State, { kind: 'call' }>): boolean {
    const found = findMarker(this.#pending, ENDS);
    if (found === null) {
      if (this.#pending.length <= LIMITS.toolCallChars) return false;
      this.#endCall(out, state, this.#pending, '');
      this.#pending = '';
      this.#state = { kind: 'between' };
      return true;
    }
    const body = this.#pending.slice(0, found.at);
    const isHead = HEADS.includes(found.marker);
    this.#endCall(out, state, body, isHead ? '' : found.marker);
    this.#pending = this.#pending.slice(found.at);
    this.#leave(found.marker);
    return true;
  }

  #endCall(
    out: Parsed[],
    { head, name }: { head: string; name: string },
    body: string,
    marker: string,
  ): void {
    const json = body.trim() === '' ? '{}' : objectText(body);
    if (json !== null && this.#tools.has(name)) out.push({ kind: 'call', call: { name, arguments: json } });
    else textTo(out, head + body + marker);
  }

  /** An end is dropped; the beginning of another message is not ours to drop. */
  #leave(marker: string): void {
    if (HEADS.includes(marker)) {
      this.#state = { kind: 'head' };
      return;
    }
    this.#pending = this.#pending.slice(marker.length);
    this.#state = { kind: 'between' };
  }
}
