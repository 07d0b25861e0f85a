/** The client's end of one request, however it is talked to: an HTTP response, or a message on a WebSocket. */
import type { IncomingMessage } from 'node:http';
import type { DynamoError } from '../errors.js';
import type { KeptView } from './kept-view.js';
import type { Reply, ReplyOptions } from './reply.js';
import type { Endable } from './room.js';

/** Who asks: the headers a request came with, on a WebSocket those of its handshake. */
export interface Caller {
  readonly request: IncomingMessage;
}

export interface ExchangeClient extends Endable {
  /** Aborts with `client_closed` or `draining` as its reason; one controller ends all work of the request. */
  readonly signal: AbortSignal;
}

export interface Exchange {
  readonly call: Caller;
  readonly client: ExchangeClient;
  /** Kept answers this client may go on from. */
  readonly responses: KeptView;
  reply(options: ReplyOptions): Reply;
  /** The request failed before there was a reply. */
  refuse(error: DynamoError, requestId: string): void;
}
