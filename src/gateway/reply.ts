/** How an answer goes back: event by event, or whole at its end. */
import type { Dialect, EncodeContext, StreamEncoder } from '../dialects/types.js';
import type { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { StreamControl } from '../link/types.js';
import type { CommonRequest, StreamEvent, Usage } from '../request/types.js';
import type { Decision } from '../router/types.js';
import type { Annotations } from './annotations.js';
import type { Client } from './client.js';
import { type Headers, idHeaders, sendError, sendJson } from './send.js';

/** Contract: nothing here throws; after the client is gone every call does nothing. */
export interface Reply {
  /** False once the client has seen part of the answer: no other worker can give it again. */
  readonly canStartOver: boolean;
  /** Where the request went; its headers are sent with the first byte. */
  routed(decision: Decision): void;
  /** Another worker gives all of the answer; only while `canStartOver`. */
  startOver(): void;
  /** The engine's stream that feeds this reply, to be paused while the client is slow. */
  feed(control: StreamControl): void;
  /** One event, never an `error`. */
  push(event: StreamEvent): void;
  /** The answer failed: a proper status, or the last event of the stream. */
  fail(error: DynamoError): void;
  /** Frees timers. */
  close(): void;
}

export interface ReplyOptions {
  dialect: Dialect;
  request: CommonRequest;
  context: EncodeContext;
  /** What is told beside a stream. */
  annotations?: Annotations | null;
}

/** A reply over HTTP. */
type HttpReplyOptions = ReplyOptions & { client: Client };

export function createReply(options: HttpReplyOptions): Reply {
  return options.request.stream ? new StreamReply(options) : new WholeReply(options);
}

class StreamReply implements Reply {
  canStartOver = true;
  readonly #options: HttpReplyOptions;
  readonly #encoder: StreamEncoder;
  readonly #ping: NodeJS.Timeout;
  #headers: Headers;
  #control: StreamControl | undefined;
  #isPaused = false;
  /** Annotations that still lead the answer. */
  #lead: string;
  #usage: Usage | null = null;
  /** Text of this turn of the event loop. */
  #pending = '';
  #isOver = false;

  constructor(options: HttpReplyOptions) {
    const { dialect, request, context, annotations } = options;
    this.#options = options;
    this.#lead = annotations?.lead ?? '';
    this.#encoder = dialect.streamEncoder(request, context);
    this.#headers = idHeaders(request.id);
    this.#ping = setInterval(() => this.#write(this.#encoder.ping()), LIMITS.pingIntervalMs);
  }

  routed(decision: Decision): void {
    this.#headers = { ...this.#headers, ...routeHeaders(decision) };
  }

  startOver(): void {}

  feed(control: StreamControl): void {
    this.#control = control;
    if (this.#isPaused) control.pause();
  }

  push(event: StreamEvent): void {
    // `start` only opens the answer: another worker can still give all of it.
    if (event.type !== 'start') this.canStartOver = false;
    if (event.type === 'usage') this.#usage = event.usage;
    const tail = event.type === 'done' ? (this.#options.annotations?.tail(this.#usage) ?? '') : '';
    const text = this.#encoder.push(event);
    const lead = text === '' ? '' : this.#lead;
    if (lead !== '') this.#lead = '';
    this.#write(lead + tail + text);
    if (event.type === 'done') this.#end();
  }

  fail(error: DynamoError): void {
    const { client, dialect, request } = this.#options;
    if (client.response.headersSent || this.#pending !== '') {
      this.#write(this.#encoder.push({ type: 'error', error }));
      this.#end();
      return;
    }
    this.close();
    sendError(client.response, error, {
      encode: dialect.encodeError,
      requestId: request.id,
      headers: this.#headers,
    });
  }

  close(): void {
    this.#isOver = true;
    clearInterval(this.#ping);
  }

  /** Events of one read from the engine leave in one write: a system call costs more than all the rest of an event. */
  #write(text: string): void {
    const { response } = this.#options.client;
    if (this.#isOver || text === '' || response.destroyed) return;
    if (this.#pending === '') process.nextTick(() => this.#flush());
    this.#pending += text;
  }

  #flush(): void {
    const { response } = this.#options.client;
    const text = this.#pending;
    this.#pending = '';
    if (this.#isOver || text === '' || response.destroyed) return;
    this.#begin();
    // Put off by every write: pings are for silence.
    this.#ping.refresh();
    if (!response.write(text)) this.#pause();
  }

  #begin(): void {
    const { response } = this.#options.client;
    if (!response.headersSent) response.writeHead(200, { ...STREAM_HEADERS, ...this.#headers });
  }

  /** The client reads slower than the engine writes: the engine's socket waits, nothing piles up here. */
  #pause(): void {
    const control = this.#control;
    if (control === undefined || this.#isPaused) return;
    this.#isPaused = true;
    control.pause();
    this.#options.client.stalls();
    this.#options.client.response.once('drain', () => {
      this.#isPaused = false;
      // By now another worker may feed this reply.
      this.#control?.resume();
    });
  }

  #end(): void {
    this.close();
    const { response } = this.#options.client;
    const text = this.#pending;
    this.#pending = '';
    if (response.destroyed) return;
    this.#begin();
    response.end(text);
  }
}

class WholeReply implements Reply {
  readonly canStartOver = true;
  readonly #options: HttpReplyOptions;
  #headers: Headers;
  #events: StreamEvent[] = [];

  constructor(options: HttpReplyOptions) {
    this.#options = options;
    this.#headers = idHeaders(options.request.id);
  }

  routed(decision: Decision): void {
    this.#headers = { ...this.#headers, ...routeHeaders(decision) };
  }

  startOver(): void {
    this.#events = [];
  }

  feed(): void {}

  push(event: StreamEvent): void {
    this.#events.push(event);
    if (event.type !== 'done') return;
    const { client, dialect, request, context } = this.#options;
    const body = dialect.encodeWhole(request, this.#events, context);
    sendJson(client.response, 200, body, this.#headers);
    if ((client.response.socket?.writableLength ?? 0) > 0) client.stalls();
  }

  fail(error: DynamoError): void {
    const { client, dialect, request } = this.#options;
    sendError(client.response, error, {
      encode: dialect.encodeError,
      requestId: request.id,
      headers: this.#headers,
    });
  }

  close(): void {}
}

const STREAM_HEADERS: Headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

function routeHeaders(decision: Decision): Headers {
  return {
    'x-dynamo-worker': decision.worker,
    'x-dynamo-predicted-tokens': String(decision.predictedTokens),
  };
}
