/** What goes out on a WebSocket: one JSON object per message. */
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { openAiError } from '../../dialects/openai-error.js';
import type { DynamoError } from '../../errors.js';
import { LIMITS } from '../../limits.js';

/** Sends nothing and does not fail once the connection is closing. */
export class SocketWriter {
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  #isCorked = false;

  constructor(socket: WebSocket, stream: Duplex) {
    this.#socket = socket;
    this.#stream = stream;
  }

  /** More waits for the client than should. */
  get isFull(): boolean {
    return this.#socket.bufferedAmount > LIMITS.socketBufferBytes;
  }

  /** `onSent` is called when the message has left, or never will. */
  send(value: Record<string, unknown>, onSent: () => void = () => {}): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#cork();
    this.#socket.send(JSON.stringify(value), onSent);
  }

  /** A failure that belongs to no response. */
  error(error: DynamoError, requestId?: string): void {
    const { message, type, param, code } = openAiError(error);
    const retry = error.retryAfterSeconds;
    this.send({
      type: 'error',
      status: error.status,
      error: { type, code, message, param },
      headers: {
        ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
        ...(retry === null ? {} : { 'retry-after': String(retry) }),
      },
    });
  }

  /** Events of one read from the engine leave in one system call. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#stream.uncork();
    });
  }
}
