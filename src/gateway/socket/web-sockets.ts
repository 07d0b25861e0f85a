/** Handshakes on `/v1/responses`, and every WebSocket connection that is open. */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { encodeOpenAiError } from '../../dialects/openai-error.js';
import { DynamoError, toDynamoError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import { checkOrigin } from '../access.js';
import { ResponseStore } from '../response-store.js';
import type { GatewayRoom } from '../room.js';
import { ResponsesSocket } from './responses-socket.js';

export const SOCKET_PATH = '/v1/responses';

export class WebSockets {
  readonly #room: GatewayRoom;
  readonly #check: (request: IncomingMessage) => void;
  readonly #server: WebSocketServer;
  readonly #open = new Set<ResponsesSocket>();
  readonly #local = new ResponseStore({ countMax: LIMITS.socketsMax * LIMITS.socketResponses });

  /** `check` throws for a sender who may not come in. */
  constructor(room: GatewayRoom, check: (request: IncomingMessage) => void) {
    this.#room = room;
    this.#check = check;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: room.deps.config.bodyBytes,
      // Clients are on this machine or near: compressing costs more than it saves.
      perMessageDeflate: false,
    });
  }

  /** Answers a handshake. `path` is the one the route table would see. Never throws. */
  upgrade(request: IncomingMessage, stream: Duplex, { path, head }: { path: string; head: Buffer }): void {
    stream.on('error', ignore);
    try {
      this.#admit(request, path);
    } catch (error) {
      refuse(stream, toDynamoError(error));
      return;
    }
    this.#server.handleUpgrade(request, stream, head, (socket) => {
      stream.off('error', ignore);
      const connection: ResponsesSocket = new ResponsesSocket({
        socket,
        stream,
        request,
        room: this.#room,
        local: this.#local,
        onClosed: () => {
          this.#open.delete(connection);
          this.#room.listeners.delete(connection);
        },
      });
      this.#open.add(connection);
      this.#room.listeners.add(connection);
    });
  }

  /** Breaks every connection that is still open. */
  terminate(): void {
    for (const connection of this.#open) connection.terminate();
  }

  #admit(request: IncomingMessage, path: string): void {
    if (path !== SOCKET_PATH)
      throw new DynamoError('no_route', {
        method: 'WebSocket',
        path: path.slice(0, 200),
        suggestion: `WebSockets are at ${SOCKET_PATH}.`,
      });
    this.#check(request);
    // Browsers let any page open a WebSocket to any address and read what comes back.
    checkOrigin(request);
    if (this.#room.isDraining()) throw new DynamoError('draining');
    if (this.#open.size < LIMITS.socketsMax) return;
    const error = new DynamoError('overloaded', { waiting: this.#open.size, seconds: 1 });
    error.retryAfterSeconds = 1;
    throw error;
  }
}

function refuse(stream: Duplex, error: DynamoError): void {
  const { status, body } = encodeOpenAiError(error);
  const text = JSON.stringify(body);
  const retry = error.retryAfterSeconds;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
    ...(retry === null ? [] : [`retry-after: ${retry}`]),
    'connection: close',
  ];
  stream.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}

function ignore(): void {}
