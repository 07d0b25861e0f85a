/** The client's side of one response on a WebSocket. */
import { DynamoError } from '../../errors.js';
import type { ExchangeClient } from '../exchange.js';

export class SocketClient implements ExchangeClient {
  readonly #abort = new AbortController();

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The connection is closed. */
  gone(): void {
    this.#abort.abort(new DynamoError('client_closed'));
  }

  /** The gateway closes. */
  end(): void {
    this.#abort.abort(new DynamoError('draining'));
  }
}
