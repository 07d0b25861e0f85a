/**
 * Chunks of a stream are alike but for their text and, where the engine tells it, the id of its token. What stands around
 * the two is learned from one chunk read whole; a chunk with the same around them is read by taking them out.
 */
import type { StreamEvent } from '../request/types.js';

const KEY = '"content":';
const IDS_KEY = '"token_ids":[';
const QUOTE = 34;
const BACKSLASH = 92;
const ZERO = 48;
const NINE = 57;
/** Digits of the largest id. */
const DIGITS_MAX = 10;

type TextEvent = Extract<StreamEvent, { type: 'text' }>;

export class RepeatedChunk {
  #before = '';
  /** From the text to the end, or to the id. */
  #after = '';
  /** From the id to the end; null where there is no id. */
  #tail: string | null = null;
  #choice = -1;

  /** `events` is what the whole chunk was read as. */
  learn(data: string, events: readonly StreamEvent[]): void {
    const [event] = events;
    this.#choice = -1;
    if (events.length !== 1 || event === undefined || !isPlainText(event)) return;
    const start = data.indexOf(KEY) + KEY.length;
    // The key twice: which one was read is not worth finding out.
    if (start < KEY.length || data.indexOf(KEY, start) !== -1) return;
    const literal = JSON.stringify(event.text);
    if (!data.startsWith(literal, start)) return;
    const rest = data.slice(start + literal.length);
    const ids = event.tokenIds;
    const idAt = ids === undefined ? -1 : rest.indexOf(IDS_KEY) + IDS_KEY.length;
    if (ids !== undefined && (idAt < IDS_KEY.length || !rest.startsWith(`${ids[0]}]`, idAt))) return;
    this.#before = data.slice(0, start);
    this.#after = idAt === -1 ? rest : rest.slice(0, idAt);
    this.#tail = idAt === -1 ? null : rest.slice(rest.indexOf(']', idAt));
    this.#choice = event.choice;
  }

  /** The text of a chunk like the one learned; null for any other. */
  read(data: string): TextEvent | null {
    if (this.#choice < 0 || !data.startsWith(this.#before)) return null;
    if (this.#tail === null) return this.#text(data, data.length);
    if (!data.endsWith(this.#tail)) return null;
    const end = data.length - this.#tail.length;
    let start = end;
    let id = 0;
    for (let unit = 1; start > 0 && end - start < DIGITS_MAX; unit *= 10) {
      const code = data.charCodeAt(start - 1);
      if (code < ZERO || code > NINE) break;
      id += (code - ZERO) * unit;
      start -= 1;
    }
    if (start === end) return null;
    const event = this.#text(data, start);
    if (event !== null) event.tokenIds = [id];
    return event;
  }

  /** The text that `#before` and `#after` stand around in what comes before `end`. */
  #text(data: string, end: number): TextEvent | null {
    const start = this.#before.length;
    const to = end - this.#after.length;
    if (to - start < 3 || !data.startsWith(this.#after, to)) return null;
    if (data.charCodeAt(start) !== QUOTE || data.charCodeAt(to - 1) !== QUOTE) return null;
    for (let at = start + 1; at < to - 1; at++) {
      const code = data.charCodeAt(at);
      if (code === QUOTE || code === BACKSLASH || code < 32) return null;
    }
    return { type: 'text', choice: this.#choice, text: data.slice(start + 1, to - 1) };
  }
}

/** With one id or none. */
function isPlainText(event: StreamEvent): event is TextEvent {
  return event.type === 'text' && event.logprobs === undefined && (event.tokenIds?.length ?? 1) === 1;
}
