/** One streamed request to a worker: undici's callbacks in, stream events out. */
import type { Dispatcher } from 'undici';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { StreamEvent } from '../request/types.js';
import { ChunkDecoder } from './chunk-decoder.js';
import { engineError } from './engine-error.js';
import { linkFailure } from './link-failure.js';
import { SseParser } from './sse-parser.js';
import type { StreamControl, StreamSink } from './types.js';

const ERROR_BODY_BYTES = 64 * 1024;

export interface EngineStreamOptions {
  worker: string;
  sink: StreamSink;
  silenceMs: number;
  /** Told the data of every SSE event as it came, for recordings. */
  emitRaw?: (data: string) => void;
}

interface WholeBody {
  status: number;
  isJson: boolean;
  retryAfter: string | undefined;
  chunks: Buffer[];
  bytes: number;
}

type Headers = Record<string, string | string[] | undefined>;

/** Delivers in order, nothing after `done` or `error`, nothing after `cancel`; never throws. */
export class EngineStream implements Dispatcher.DispatchHandler, StreamControl {
  readonly #options: EngineStreamOptions;
  readonly #decoder: ChunkDecoder;
  readonly #parser: SseParser;
  #controller: Dispatcher.DispatchController | undefined;
  #isPaused = false;
  #isOver = false;
  /** Set when the answer is one body instead of a stream: an error, or a whole answer. */
  #body: WholeBody | undefined;

  constructor(options: EngineStreamOptions) {
    this.#options = options;
    this.#decoder = new ChunkDecoder(options.worker);
    this.#parser = new SseParser({
      onEvent: (data) => {
        options.emitRaw?.(data);
        this.#deliver(this.#decoder.push(data));
      },
      onOverflow: (bytes) => this.#failAndAbort(`it sent a line of ${bytes} bytes`),
    });
  }

  pause(): void {
    if (this.#isOver) return;
    this.#isPaused = true;
    this.#controller?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#controller?.resume();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parser.stop();
    this.#controller?.abort(new Error('cancelled'));
  }

  /** The request failed before it was sent, or the connection broke. */
  fail(error: unknown): void {
    this.#deliver([
      { type: 'error', error: linkFailure(error, this.#options.worker, this.#options.silenceMs) },
    ]);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error('cancelled'));
    else if (this.#isPaused) controller.pause();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return;
    const type = String(headers['content-type'] ?? '');
    if (status === 200 && type.includes('text/event-stream')) return;
    const retryAfter = headers['retry-after'];
    this.#body = {
      status,
      isJson: type.includes('application/json'),
      retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
      chunks: [],
      bytes: 0,
    };
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    const body = this.#body;
    if (body === undefined) {
      this.#parser.push(chunk);
      return;
    }
    const bytesMax = body.status === 200 ? LIMITS.exchangeBytes : ERROR_BODY_BYTES;
    if (body.bytes < bytesMax) body.chunks.push(chunk);
    body.bytes += chunk.length;
    if (body.status === 200 && body.bytes > bytesMax)
      this.#failAndAbort(`it sent an answer of ${body.bytes} bytes`);
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    if (this.#body !== undefined) {
      this.#wholeBody(this.#body);
      return;
    }
    this.#parser.end();
    this.#deliver(this.#decoder.end());
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  #wholeBody({ status, isJson, retryAfter, chunks }: WholeBody): void {
    const raw = Buffer.concat(chunks).toString('utf8');
    // Some engines answer whole although a stream was asked for.
    if (status === 200 && (isJson || this.#options.sink.isWhole === true)) {
      this.#options.emitRaw?.(raw);
      this.#deliver(this.#decoder.push(raw));
      this.#deliver(this.#decoder.push('[DONE]'));
      return;
    }
    const known = { worker: this.#options.worker, status: status === 200 ? 502 : status, body: jsonOr(raw) };
    const error = engineError(retryAfter === undefined ? known : { ...known, retryAfter });
    this.#deliver([{ type: 'error', error }]);
  }

  #failAndAbort(detail: string): void {
    const { worker } = this.#options;
    this.#deliver([{ type: 'error', error: new DynamoError('engine_error', { worker, detail }) }]);
    this.#controller?.abort(new Error(detail));
  }

  #deliver(events: readonly StreamEvent[]): void {
    for (const event of events) {
      if (this.#isOver) return;
      if (event.type === 'done' || event.type === 'error') this.#isOver = true;
      try {
        this.#options.sink.onEvent(event);
      } catch {
        // A sink may not throw; if one does its request is lost, never the process.
        this.#isOver = true;
        this.#controller?.abort(new Error('the receiver failed'));
      }
    }
    if (this.#isOver) this.#release();
  }

  /** Nobody resumes a stream that is over; one left paused would keep its connection for ever. */
  #release(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#controller?.resume();
  }
}

function jsonOr(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return raw;
  }
}
