/**
 * A conversation as JSON bytes that grow at their end: the lead (tools and template variables), a line feed, then the
 * messages separated by commas. A next turn writes only its new messages; what was written never changes, so any
 * number of conversations and running requests may look at one buffer.
 */
import type { EngineMessage } from '../request/engine-body.js';
import type { Pace } from './pace.js';

interface Store {
  buffer: Buffer;
  /** Bytes written by anybody. */
  used: number;
}

export interface ChatBytes {
  readonly store: Store;
  /** Bytes of this conversation, from 0. */
  readonly length: number;
  readonly leadBytes: number;
  /** Offset after each message. */
  readonly ends: readonly number[];
}

/** Room for later turns in a new buffer. */
const GROWTH = 1.25;

/** JSON of the messages from `common` on, others having their turn in between. */
export async function messageTexts(
  messages: readonly EngineMessage[],
  common: number,
  pace: Pace,
): Promise<string[]> {
  const texts: string[] = [];
  for (let at = common; at < messages.length; at++) {
    texts.push(JSON.stringify(messages[at]));
    if (pace.isTired) await pace.rest();
  }
  return texts;
}

/**
 * The bytes of `messages`, taken from `base` as far as its first `common` messages, which must be the same. `written` =
 * JSON of those after them, where it is made already.
 */
export function chatBytes(
  lead: string,
  messages: readonly EngineMessage[],
  base: { bytes: ChatBytes; common: number } | null,
  written?: readonly string[],
): ChatBytes {
  const common = base?.common ?? 0;
  if (base !== null && common > 0 && common === messages.length) return startOf(base.bytes, common);
  const texts = written ?? messages.slice(common).map((message) => JSON.stringify(message));
  const sizes = texts.map((text) => Buffer.byteLength(text));
  const start = base !== null && common > 0 ? (base.bytes.ends[common - 1] as number) : null;
  const leadBytes = base !== null && start !== null ? base.bytes.leadBytes : Buffer.byteLength(lead) + 1;
  const length = sizes.reduce((sum, size) => sum + size + 1, start ?? leadBytes - 1);
  const store = storeFor(base?.bytes ?? null, start, length);
  let at = start ?? writeLead(store.buffer, lead);
  const ends = base === null ? [] : base.bytes.ends.slice(0, common);
  for (const [index, text] of texts.entries()) {
    if (ends.length > 0) at += store.buffer.write(',', at, 'latin1');
    at += write(store.buffer, text, at, sizes[index] as number);
    ends.push(at);
  }
  store.used = Math.max(store.used, at);
  return { store, length: at, leadBytes, ends };
}

/** The same buffer up to a message. */
function startOf(bytes: ChatBytes, messages: number): ChatBytes {
  if (messages === bytes.ends.length) return bytes;
  return { ...bytes, length: bytes.ends[messages - 1] as number, ends: bytes.ends.slice(0, messages) };
}

/** Bytes of each message. */
export function messageSizes({ ends, leadBytes }: ChatBytes): number[] {
  return ends.map((end, index) => end - (index === 0 ? leadBytes : (ends[index - 1] as number) + 1));
}

/** Bytes of the messages alone. */
export function messageBytes({ store, length, leadBytes }: ChatBytes): Buffer {
  return store.buffer.subarray(leadBytes, length);
}

/**
 * Four bytes stand for one token. A trailing part of four bytes is left out: padded it would differ from what a
 * longer prompt has there.
 */
export function bytesAsTokens({ store, length }: Pick<ChatBytes, 'store' | 'length'>): Uint32Array {
  return new Uint32Array(store.buffer.buffer, store.buffer.byteOffset, length >> 2);
}

/** The buffer itself while nobody else wrote after `start`, else a new one with what comes before it. */
function storeFor(base: ChatBytes | null, start: number | null, length: number): Store {
  if (base !== null && start !== null) {
    const { store } = base;
    if (store.used === start && length <= store.buffer.length) return store;
  }
  // Not from the shared pool: token views need aligned bytes, and pooled memory would stay as long as its neighbours.
  const buffer = Buffer.allocUnsafeSlow(Math.ceil(length * GROWTH));
  if (base !== null && start !== null) base.store.buffer.copy(buffer, 0, 0, start);
  return { buffer, used: start ?? 0 };
}

function writeLead(buffer: Buffer, lead: string): number {
  const at = buffer.write(lead, 0, 'utf8');
  return at + buffer.write('\n', at, 'latin1');
}

/** Text of one byte per character is copied; only other text has to be encoded. */
function write(buffer: Buffer, text: string, at: number, size: number): number {
  return buffer.write(text, at, size === text.length ? 'latin1' : 'utf8');
}
