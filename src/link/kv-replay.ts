/** Asking an engine for past event batches. */
import { Dealer } from 'zeromq';
import { LIMITS } from '../limits.js';
import { TimeSlice } from './time-slice.js';

export interface RawBatch {
  sequence: number;
  payload: Buffer;
}

/** `complete` = the end marker came; `silent` = nobody answered, or not to the end. */
export type ReplayEnd = 'complete' | 'silent';

/** Sequence number of the end marker: -1 as an unsigned 64-bit integer. */
const END = 0xffff_ffff_ffff_ffffn;

export class ReplayClient {
  readonly #endpoint: string;
  readonly #silenceMs: number;
  #socket: Dealer | undefined;
  #isClosed = false;

  constructor(endpoint: string, silenceMs: number) {
    this.#endpoint = endpoint;
    this.#silenceMs = silenceMs;
  }

  /** Calls back with each batch from `start` on that the engine still has, in order. Never rejects. */
  async replay(start: number, onBatch: (batch: RawBatch) => void): Promise<ReplayEnd> {
    if (this.#endpoint === '' || this.#isClosed) return 'silent';
    // A socket of its own for each replay: late answers to an earlier one cannot be mistaken for these.
    const timeouts = { receiveTimeout: this.#silenceMs, sendTimeout: this.#silenceMs };
    const maxMessageSize = LIMITS.eventBatchBytes;
    const socket = new Dealer({ linger: 0, receiveHighWaterMark: 0, maxMessageSize, ...timeouts });
    this.#socket = socket;
    const slice = new TimeSlice();
    try {
      socket.connect(this.#endpoint);
      await socket.send([Buffer.alloc(0), sequenceBytes(start)]);
      for (;;) {
        const batch = batchOf(await socket.receive());
        if (batch === null) continue;
        if (batch.sequence === -1) return 'complete';
        onBatch(batch);
        const rest = slice.rest();
        if (rest !== undefined) await rest;
      }
    } catch {
      return 'silent';
    } finally {
      if (!socket.closed) socket.close();
    }
  }

  close(): void {
    this.#isClosed = true;
    if (this.#socket?.closed === false) this.#socket.close();
  }
}

/**
 * The last two frames are sequence and payload in every framing: `[topic, seq, payload]` live, and replayed
 * `[empty, topic, seq, payload]` (vLLM), `[empty, seq, payload]` (SGLang, older vLLM) or without the empty frame.
 */
export function batchOf(frames: readonly Buffer[]): RawBatch | null {
  const sequence = frames.at(-2);
  const payload = frames.at(-1);
  if (sequence?.length !== 8 || payload === undefined) return null;
  const number = sequence.readBigUInt64BE();
  if (number === END) return { sequence: -1, payload };
  return number > BigInt(Number.MAX_SAFE_INTEGER) ? null : { sequence: Number(number), payload };
}

function sequenceBytes(sequence: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(sequence));
  return bytes;
}
