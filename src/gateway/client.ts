/** The client's side of one exchange: whether it is still there, and why it no longer is. */
import type { ServerResponse } from 'node:http';
import { SSE_COMMENT_PING } from '../dialects/sse.js';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { Endable } from './room.js';

/** A reset comes back at once from this machine, and within this from any near one. */
const FIRST_PROBE_MS = 50;

export class Client implements Endable {
  readonly response: ServerResponse;
  readonly #abort = new AbortController();
  #stall: NodeJS.Timeout | null = null;
  #probing: NodeJS.Timeout | undefined;

  constructor(response: ServerResponse) {
    this.response = response;
    const { socket } = response.req;
    const onHalfClosed = () => this.#probe();
    socket.once('end', onHalfClosed);
    response.on('drain', () => this.#moved());
    response.once('close', () => {
      socket.off('end', onHalfClosed);
      clearTimeout(this.#probing);
      this.#moved();
      if (!response.writableFinished) this.#abort.abort(new DynamoError('client_closed'));
    });
    // A broken pipe is told by `close`; without a listener it would end the process.
    response.on('error', () => {});
  }

  /** Aborts with `client_closed` or `draining` as its reason; one controller ends all work of the request. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Something waits for the client to read. One that reads nothing for `LIMITS.clientStallMs` is cut off. */
  stalls(): void {
    this.#stall ??= setTimeout(() => this.response.destroy(), LIMITS.clientStallMs).unref();
  }

  #moved(): void {
    if (this.#stall !== null) clearTimeout(this.#stall);
    this.#stall = null;
  }

  /**
   * The client sends no more. It may still read, or be gone: the two look alike until something is written. A peer that
   * is gone answers the first write with a reset, which only the next one notices. Every client of HTTP/1.1 skips interim
   * answers, every reader of a stream its comments; an answer that is begun and not ended is a stream.
   */
  #probe(pause: number = FIRST_PROBE_MS): void {
    const { response } = this;
    if (response.destroyed || response.writableEnded) return;
    if (response.headersSent) response.write(SSE_COMMENT_PING);
    else if (response.req.httpVersion === '1.1') response.writeProcessing();
    this.#probing = setTimeout(() => this.#probe(LIMITS.pingIntervalMs), pause).unref();
  }

  /** The gateway closes. */
  end(): void {
    this.#abort.abort(new DynamoError('draining'));
  }
}
