/**
 * Chunks of a stream are alike but for their text. What stands around the text is learned from one chunk read whole; a
 * chunk with the same around it is read by taking the text out.
 */
import type { StreamEvent } from '../request/types.js';

const KEY = '"content":';
const QUOTE = 34;
const BACKSLASH = 92;

type TextEvent = Extract<StreamEvent, { type: 'text' }>;

export class RepeatedChunk {
  #before = '';
  #after = '';
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
    this.#before = data.slice(0, start);
    this.#after = data.slice(start + literal.length);
    this.#choice = event.choice;
  }

  /** The text of a chunk like the one learned; null for any other. */
  read(data: string): TextEvent | null {
    if (this.#choice < 0) return null;
    const start = this.#before.length;
    const end = data.length - this.#after.length;
    if (end - start < 3 || !data.startsWith(this.#before) || !data.endsWith(this.#after)) return null;
    if (data.charCodeAt(start) !== QUOTE || data.charCodeAt(end - 1) !== QUOTE) return null;
    for (let at = start + 1; at < end - 1; at++) {
      const code = data.charCodeAt(at);
      if (code === QUOTE || code === BACKSLASH || code < 32) return null;
    }
    return { type: 'text', choice: this.#choice, text: data.slice(start + 1, end - 1) };
  }
}

function isPlainText(event: StreamEvent): event is TextEvent {
  return event.type === 'text' && event.logprobs === undefined && event.tokenIds === undefined;
}
