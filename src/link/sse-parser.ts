/** Incremental reader of `text/event-stream` bytes. */
import { LIMITS } from '../limits.js';

export interface SseHandler {
  /** One event: its `data` lines joined by line feeds, and its `event` name ('' when it had none). */
  onEvent(data: string, name: string): void;
  /** A line or event grew over the bound; nothing follows. */
  onOverflow(bytes: number): void;
}

const LF = 10;
const CR = 13;
const EMPTY = Buffer.alloc(0);

/**
 * Lines are cut as bytes and decoded only when whole, so a chunk may end anywhere, inside a UTF-8 character
 * too. LF and CRLF end a line; a lone CR does not, because no engine sends one and JSON never holds one raw.
 */
export class SseParser {
  readonly #handler: SseHandler;
  readonly #maxBytes: number;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #data: string[] = [];
  #dataBytes = 0;
  #name = '';
  #isFirstLine = true;
  #isOver = false;

  constructor(handler: SseHandler, maxBytes: number = LIMITS.sseLineBytes) {
    this.#handler = handler;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1 && !this.#isOver; end = chunk.indexOf(LF, start)) {
      this.#line(this.#complete(chunk.subarray(start, end)));
      start = end + 1;
    }
    if (this.#isOver || start === chunk.length) return;
    this.#rest.push(chunk.subarray(start));
    this.#restBytes += chunk.length - start;
    if (this.#restBytes > this.#maxBytes) this.#overflow(this.#restBytes);
  }

  /** The bytes ended: an event without its final empty line still counts. */
  end(): void {
    if (this.#isOver) return;
    if (this.#restBytes > 0) this.#line(this.#complete(EMPTY));
    this.#dispatch();
    this.#isOver = true;
  }

  /** Delivers nothing from now on. */
  stop(): void {
    this.#isOver = true;
    this.#rest = [];
    this.#data = [];
  }

  #complete(tail: Buffer): Buffer {
    if (this.#restBytes === 0) return tail;
    const line = Buffer.concat([...this.#rest, tail]);
    this.#rest = [];
    this.#restBytes = 0;
    return line;
  }

  #line(bytes: Buffer): void {
    if (bytes.length > this.#maxBytes) {
      this.#overflow(bytes.length);
      return;
    }
    const length = bytes.length > 0 && bytes[bytes.length - 1] === CR ? bytes.length - 1 : bytes.length;
    if (length === 0) {
      this.#isFirstLine = false;
      this.#dispatch();
      return;
    }
    let line = bytes.toString('utf8', 0, length);
    if (this.#isFirstLine && line.startsWith('\uFEFF')) line = line.slice(1);
    this.#isFirstLine = false;
    if (line === '') this.#dispatch();
    else this.#field(line, length);
  }

  #field(line: string, bytes: number): void {
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.#name = value;
    if (field !== 'data') return;
    this.#data.push(value);
    this.#dataBytes += bytes;
    if (this.#dataBytes > this.#maxBytes) this.#overflow(this.#dataBytes);
  }

  #dispatch(): void {
    const { length } = this.#data;
    const data = length === 1 ? (this.#data[0] as string) : this.#data.join('\n');
    const name = this.#name;
    this.#data = [];
    this.#dataBytes = 0;
    this.#name = '';
    if (length > 0) this.#handler.onEvent(data, name);
  }

  #overflow(bytes: number): void {
    this.stop();
    this.#handler.onOverflow(bytes);
  }
}
