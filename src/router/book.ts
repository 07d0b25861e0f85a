/** The load book: what each worker has been given and not yet finished. */
import { PrefixCounts } from './prefix-counts.js';
import type { WorkerLoad } from './types.js';

/** What a worker was sent and has not finished; figures as in `WorkerLoad`. */
export interface BookedLoad {
  requests: number;
  prefillTokens: number;
  decodeBlocks: number;
}

export const NOTHING_BOOKED: BookedLoad = { requests: 0, prefillTokens: 0, decodeBlocks: 0 };

/** Load of one worker. Only its bookings and `report` change it. */
export class WorkerBook {
  activeRequests = 0;
  /** Prompt tokens still to be computed. */
  prefillTokens = 0;
  /** KV blocks of running requests, output so far included; a prefix that several have in common counts once. */
  decodeBlocks = 0;
  /** The same with the output those requests are expected to have. */
  committedBlocks = 0;
  /** Waiting and running as the engine reports them. */
  waiting = 0;
  running = 0;
  kvUsage: number | null = null;
  /** Requests dispatched and finished since start. */
  dispatched = 0;
  /** Prompts of running requests. */
  readonly prompts = new PrefixCounts();

  load(): WorkerLoad {
    const { activeRequests, prefillTokens, decodeBlocks, waiting } = this;
    return { activeRequests, prefillTokens, decodeBlocks, waiting };
  }

  booked(): BookedLoad {
    const { activeRequests: requests, prefillTokens, decodeBlocks } = this;
    return { requests, prefillTokens, decodeBlocks };
  }

  book(request: BookedRequest): Booking {
    return new Booking(this, request);
  }
}

/** `uncachedTokens` of its prompt must be computed, `outputTokens` are expected, `sequence` = its sequence hashes. */
export interface BookedRequest {
  promptTokens: number;
  uncachedTokens: number;
  outputTokens: number;
  blockTokens: number;
  sequence: BigUint64Array;
}

/** One request's share of a book. Every method is idempotent; after `release` the share is exactly zero. */
export class Booking {
  readonly #book: WorkerBook;
  readonly #promptTokens: number;
  readonly #blockTokens: number;
  readonly #sequence: BigUint64Array;
  #prefillTokens: number;
  #outputTokens = 0;
  /** Beyond the full blocks of the prompt, which the book counts for all requests together. */
  #blocks: number;
  #committed: number;
  #isReleased = false;

  constructor(book: WorkerBook, request: BookedRequest) {
    this.#book = book;
    this.#sequence = request.sequence;
    this.#promptTokens = request.promptTokens;
    this.#blockTokens = request.blockTokens;
    this.#prefillTokens = request.uncachedTokens;
    this.#blocks = this.#blocksFor(0);
    this.#committed = this.#blocksFor(request.outputTokens);
    book.activeRequests += 1;
    book.dispatched += 1;
    book.prefillTokens += this.#prefillTokens;
    const own = book.prompts.add(request.sequence);
    book.decodeBlocks += own + this.#blocks;
    book.committedBlocks += own + this.#committed;
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
    const own = this.#book.prompts.remove(this.#sequence);
    this.#book.decodeBlocks -= own + this.#blocks;
    this.#book.committedBlocks -= own + this.#committed;
  }

  #blocksFor(outputTokens: number): number {
    const blocks = Math.ceil((this.#promptTokens + outputTokens) / this.#blockTokens);
    return Math.max(0, blocks - this.#sequence.length);
  }
}
