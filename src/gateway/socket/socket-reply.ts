/** How an answer goes back on a WebSocket: the events of the stream, each as a message of its own. */
import { responsesEvents } from '../../dialects/responses/responses.js';
import type { ResponsesEvents } from '../../dialects/responses/stream.js';
import type { DynamoError } from '../../errors.js';
import type { StreamControl } from '../../link/types.js';
import type { StreamEvent } from '../../request/types.js';
import type { Reply, ReplyOptions } from '../reply.js';
import type { SocketWriter } from './socket-writer.js';

export class SocketReply implements Reply {
  canStartOver = true;
  /** Whether the client was told that it failed. */
  isFailed = false;
  readonly #writer: SocketWriter;
  readonly #requestId: string;
  readonly #events: ResponsesEvents;
  #control: StreamControl | undefined;
  #isPaused = false;
  #isOpened = false;
  #isOver = false;

  constructor({ request, context }: ReplyOptions, writer: SocketWriter) {
    this.#writer = writer;
    this.#requestId = request.id;
    this.#events = responsesEvents(request, context);
  }

  routed(): void {}

  startOver(): void {}

  feed(control: StreamControl): void {
    this.#control = control;
    if (this.#isPaused) control.pause();
  }

  push(event: StreamEvent): void {
    // `start` only opens the answer: another worker can still give all of it.
    if (event.type !== 'start') this.canStartOver = false;
    this.#write(event);
  }

  fail(error: DynamoError): void {
    this.isFailed = true;
    if (this.#isOpened) this.#write({ type: 'error', error });
    else this.#writer.error(error, this.#requestId);
    this.close();
  }

  close(): void {
    this.#isOver = true;
  }

  #write(event: StreamEvent): void {
    if (this.#isOver) return;
    for (const each of this.#events.push(event)) {
      this.#isOpened = true;
      this.#writer.send(each, this.#onSent);
    }
    if (this.#writer.isFull) this.#pause();
  }

  /** The client reads slower than the engine writes: the engine's socket waits, nothing piles up here. */
  #pause(): void {
    if (this.#control === undefined || this.#isPaused) return;
    this.#isPaused = true;
    this.#control.pause();
  }

  readonly #onSent = (): void => {
    if (!this.#isPaused || this.#writer.isFull) return;
    this.#isPaused = false;
    // By now another worker may feed this reply.
    this.#control?.resume();
  };
}
