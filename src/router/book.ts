/** The load book: what each worker has been given and not yet finished. */
import type { WorkerLoad } from './types.js';

/** Load of one worker. Only its bookings and `report` change it. */
export class WorkerBook {
  activeRequests = 0;
  /** Prompt tokens still to be computed. */
  prefillTokens = 0;
  /** KV blocks of running requests, output so far included. */
  decodeBlocks = 0;
  /** The same with the output those requests are expected to have. */
  committedBlocks = 0;
  /** Waiting and running as the engine reports them. */
  waiting = 0;
  running = 0;
  kvUsage: number | null = null;
  /** Requests dispatched and finished since start. */
  dispatched = 0;

  load(): WorkerLoad {
    const { activeRequests, prefillTokens, decodeBlocks, waiting } = this;
    return { activeRequests, prefillTokens, decodeBlocks, waiting };
  }

  /** Books a request: `uncachedTokens` of its prompt must be computed, `outputTokens` are expected. */
  book(request: {
    promptTokens: number;
    uncachedTokens: number;
    outputTokens: number;
    blockTokens: number;
  }): Booking {
    return new Booking(this, request);
  }
}

/** One request's share of a book. Every method is idempotent; after `release` the share is exactly zero. */
export class Booking {
  readonly #book: WorkerBook;
  readonly #promptTokens: number;
  readonly #blockTokens: number;
  #prefillTokens: number;
  #outputTokens = 0;
  #blocks: number;
  #committed: number;
  #isReleased = false;

  constructor(
    book: WorkerBook,
    request: { promptTokens: number; uncachedTokens: number; outputTokens: number; blockTokens: number },
  ) {
    this.#book = book;
    this.#promptTokens = request.promptTokens;
    this.#blockTokens = request.blockTokens;
    this.#prefillTokens = request.uncachedTokens;
    this.#blocks = this.#blocksFor(0);
    this.#committed = this.#blocksFor(request.outputTokens);
    book.activeRequests += 1;
    book.dispatched += 1;
    book.prefillTokens += this.#prefillTokens;
    book.decodeBlocks += this.#blocks;
    book.committedBlocks += this.#committed;
  }

  /** The prompt is computed. */
  releasePrefill(): void {
    this.#book.prefillTokens -= this.#prefillTokens;
    this.#prefillTokens = 0;
  }

  /** Output grew; true when that took another block. */
  grow(tokens: number): boolean {
    if (this.#isReleased || !(tokens > 0)) return false;
    this.#outputTokens += tokens;
    const blocks = this.#blocksFor(this.#outputTokens);
    const more = blocks - this.#blocks;
    if (more === 0) return false;
    this.#blocks = blocks;
    this.#book.decodeBlocks += more;
    const overrun = Math.max(0, blocks - this.#committed);
    this.#committed += overrun;
    this.#book.committedBlocks += overrun;
    return true;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.releasePrefill();
    this.#book.activeRequests -= 1;
    this.#book.decodeBlocks -= this.#blocks;
    this.#book.committedBlocks -= this.#committed;
  }

  #blocksFor(outputTokens: number): number {
    return Math.ceil((this.#promptTokens + outputTokens) / this.#blockTokens);
  }
}
