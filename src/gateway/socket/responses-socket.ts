/** One WebSocket connection on `/v1/responses`: each message asks for a response, one after the other. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { bodyFields, type Fields, invalid } from '../../dialects/fields.js';
import { responsesDialect } from '../../dialects/responses/responses.js';
import { DynamoError, toDynamoError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import type { Exchange } from '../exchange.js';
import { keptFor } from '../kept-view.js';
import { parseJson } from '../read-body.js';
import type { ResponseStore } from '../response-store.js';
import type { Endable, GatewayRoom } from '../room.js';
import { serveExchange } from '../serve-request.js';
import { SocketClient } from './socket-client.js';
import { SocketReply } from './socket-reply.js';
import { SocketResponses } from './socket-responses.js';
import { SocketWriter } from './socket-writer.js';

export interface ResponsesSocketOptions {
  socket: WebSocket;
  /** The connection under the socket. */
  stream: Duplex;
  /** The handshake, whose headers hold for every message. */
  request: IncomingMessage;
  room: GatewayRoom;
  /** Unstored answers of all connections. */
  local: ResponseStore;
  onClosed(): void;
}

const CLOSE = { idle: 1000, goingAway: 1001, tooSlow: 1008 } as const;

/** Beats within which a message must be whole. */
const BEATS_PER_MESSAGE = Math.ceil(LIMITS.bodyTimeoutMs / LIMITS.pingIntervalMs);

export class ResponsesSocket implements Endable {
  readonly #options: ResponsesSocketOptions;
  readonly #writer: SocketWriter;
  readonly #responses: SocketResponses;
  readonly #waiting: Buffer[] = [];
  readonly #ping: NodeJS.Timeout;
  readonly #idle: NodeJS.Timeout;
  #waitingBytes = 0;
  #turn: SocketClient | null = null;
  #pongsMissed = 0;
  /** Bytes of the connection up to its last whole message. */
  #bytesUsed = 0;
  #beatsPartial = 0;
  #isClosing = false;

  constructor(options: ResponsesSocketOptions) {
    const { socket, stream, request, room, local } = options;
    this.#options = options;
    this.#writer = new SocketWriter(socket, stream);
    const shared = keptFor(request, room);
    this.#responses = new SocketResponses({ shared, local, id: randomUUID() });
    this.#ping = setInterval(() => this.#beat(), LIMITS.pingIntervalMs);
    this.#idle = setTimeout(() => this.#onIdle(), LIMITS.socketIdleMs);
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#onMessage(data, isBinary));
    socket.on('pong', () => {
      this.#pongsMissed = 0;
    });
    // `close` follows; a message over its bound or a broken frame is answered by ws with its close code.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
  }

  /** The gateway closes: what waits is refused, the response in flight may finish. */
  end(): void {
    this.#isClosing = true;
    for (const _ of this.#waiting.splice(0)) this.#writer.error(new DynamoError('draining'));
    if (this.#turn === null) this.#close(CLOSE.goingAway, 'The stack is shutting down.');
  }

  /** Breaks the connection. */
  terminate(): void {
    this.#options.socket.terminate();
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    this.#idle.refresh();
    this.#pongsMissed = 0;
    this.#bytesUsed = this.#options.request.socket.bytesRead;
    if (isBinary) {
      this.#writer.error(new DynamoError('unsupported', { detail: 'Messages are JSON text, not binary.' }));
      return;
    }
    const bytes = this.#waitingBytes + data.length;
    const isOver = this.#waiting.length >= LIMITS.socketQueueMax;
    if (isOver || (this.#waiting.length > 0 && bytes > this.#options.room.deps.config.bodyBytes)) {
      this.#writer.error(tooMany(this.#waiting.length));
      return;
    }
    this.#waiting.push(data);
    this.#waitingBytes = bytes;
    if (this.#turn === null) void this.#serveWaiting();
  }

  /** One response in flight at a time. Never rejects. */
  async #serveWaiting(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#waitingBytes -= next.length;
      try {
        const body = createBodyOf(parseJson(next));
        if (body !== null) await this.#serve(body);
      } catch (error) {
        this.#writer.error(toDynamoError(error));
      }
    }
    this.#idle.refresh();
    if (this.#isClosing) this.#close(CLOSE.goingAway, 'The stack is shutting down.');
  }

  async #serve(body: Fields): Promise<void> {
    const { request, room } = this.#options;
    const client = new SocketClient();
    const { encodeError } = responsesDialect;
    let reply: SocketReply | undefined;
    let isRefused = false;
    const exchange: Exchange = {
      call: { request },
      client,
      responses: this.#responses,
      reply: (options) => {
        reply = new SocketReply(options, this.#writer);
        return reply;
      },
      refuse: (error, requestId) => {
        isRefused = true;
        this.#writer.error(error, requestId);
      },
    };
    this.#turn = client;
    const read = async () => ({ dialect: responsesDialect, body });
    await serveExchange(exchange, room, { encodeError, read });
    this.#turn = null;
    // A chain that failed is not gone on from by accident.
    const previous = body['previous_response_id'];
    if ((isRefused || reply?.isFailed === true) && typeof previous === 'string')
      this.#responses.evict(previous);
  }

  #beat(): void {
    if (this.#pongsMissed >= LIMITS.socketPongsMissed) this.terminate();
    this.#pongsMissed += 1;
    this.#options.socket.ping();
    this.#watchPartial();
  }

  /** A message that never becomes whole may not hold memory for ever. Pongs alone stay below the bound for hours. */
  #watchPartial(): void {
    const isPartial = this.#options.request.socket.bytesRead - this.#bytesUsed > LIMITS.socketPartialBytes;
    this.#beatsPartial = isPartial ? this.#beatsPartial + 1 : 0;
    if (this.#beatsPartial > BEATS_PER_MESSAGE)
      this.#close(CLOSE.tooSlow, 'The message did not arrive in time.');
  }

  #onIdle(): void {
    if (this.#turn === null) this.#close(CLOSE.idle, 'No message for an hour.');
    else this.#idle.refresh();
  }

  #onClose(): void {
    clearInterval(this.#ping);
    clearTimeout(this.#idle);
    this.#waiting.length = 0;
    this.#turn?.gone();
    this.#responses.clear();
    this.#options.onClosed();
  }

  #close(code: number, reason: string): void {
    this.#options.socket.close(code, reason);
  }
}

/** The body a message asks a response for; null for one that asks for nothing. Throws `invalid_request`. */
function createBodyOf(message: unknown): Fields | null {
  const { type, ...body } = bodyFields(message);
  // Codex tells when it has read an answer.
  if (type === 'response.processed') return null;
  if (type !== 'response.create') throw invalid('type', 'must be response.create');
  return { ...body, stream: true };
}

function tooMany(waiting: number): DynamoError {
  const error = new DynamoError('overloaded', { waiting, seconds: 1 });
  error.retryAfterSeconds = 1;
  return error;
}
