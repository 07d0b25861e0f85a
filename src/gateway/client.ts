/** The client's side of one exchange: whether it is still there, and why it no longer is. */
import type { ServerResponse } from 'node:http';
import { DynamoError } from '../errors.js';
import type { Endable } from './room.js';

export class Client implements Endable {
  readonly response: ServerResponse;
  readonly #abort = new AbortController();

  constructor(response: ServerResponse) {
    this.response = response;
    response.once('close', () => {
      if (!response.writableFinished) this.#abort.abort(new DynamoError('client_closed'));
    });
    // A broken pipe is told by `close`; without a listener it would end the process.
    response.on('error', () => {});
  }

  /** Aborts with `client_closed` or `draining` as its reason; one controller ends all work of the request. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The gateway closes. */
  end(): void {
    this.#abort.abort(new DynamoError('draining'));
  }
}
