/** The feed of an engine that is asked for its events instead of publishing them: TensorRT-LLM. */
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { KvFeed, KvFeedObserver, KvFeedSink, KvFeedStats } from './kv-feed.js';
import { type AppliedEvents, TrtllmEvents } from './trtllm-events.js';

export interface PolledFeedOptions {
  worker: string;
  blockTokens: number;
  sink: KvFeedSink;
  observer?: KvFeedObserver;
  /** Takes what happened since the last call: each event is told once. Rejects when the engine does not answer. */
  poll(): Promise<unknown>;
  /** Told once, when the engine answers but has no such route or events are off; nothing is asked after it. */
  onUnsupported?(detail: string): void;
  /** Calls back after some time; answers the function that prevents it. */
  after?(ms: number, run: () => void): () => void;
}

/** Refusals in a row after which an engine has no events to tell. */
const REFUSALS_MAX = 3;

/** Asks at once and then all the time, one question at a time. Never throws later on. */
export function createPolledFeed(options: PolledFeedOptions): KvFeed {
  return new PolledFeed(options);
}

class PolledFeed implements KvFeed {
  readonly #options: PolledFeedOptions;
  readonly #events: TrtllmEvents;
  readonly #stats: KvFeedStats = { batches: 0, events: 0, gaps: 0, resyncs: 0, decodeErrors: 0, ignored: 0 };
  readonly #warned = new Set<string>();
  readonly #synced: Promise<void>;
  #onSynced: () => void = () => {};
  #asking: Promise<void> = Promise.resolve();
  #cancel: () => void = () => {};
  #refusals = 0;
  #isClosed = false;

  constructor(options: PolledFeedOptions) {
    this.#options = options;
    const { blockTokens, sink } = options;
    this.#events = new TrtllmEvents({ blockTokens, sink, blocksMax: LIMITS.approximateBlocks });
    this.#synced = new Promise((resolve) => {
      this.#onSynced = resolve;
    });
    this.#asking = this.#ask();
  }

  stats(): KvFeedStats {
    return { ...this.#stats };
  }

  whenSynced(): Promise<void> {
    return this.#synced;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    this.#onSynced();
    await this.#asking;
  }

  async #ask(): Promise<void> {
    try {
      const answer = await this.#options.poll();
      if (this.#isClosed) return;
      this.#note(this.#events.apply(answer));
      this.#refusals = 0;
      this.#onSynced();
    } catch (error) {
      if (this.#isClosed || this.#isUnsupported(error)) return;
    }
    const after = this.#options.after ?? timeout;
    this.#cancel = after(LIMITS.eventPollMs, () => {
      this.#asking = this.#ask();
    });
  }

  /** An engine that is down is asked again: whoever watches its health says what follows. */
  #isUnsupported(error: unknown): boolean {
    const isRefusal =
      error instanceof TypeError || (error instanceof DynamoError && error.code === 'engine_error');
    if (!isRefusal) return false;
    this.#refusals += 1;
    if (this.#refusals < REFUSALS_MAX) return false;
    this.#isClosed = true;
    this.#onSynced();
    this.#options.onUnsupported?.(error.message);
    return true;
  }

  #note({ events, ignored, unreadable, gaps, restarts, otherSize }: AppliedEvents): void {
    const { observer, blockTokens } = this.#options;
    const stats = this.#stats;
    if (events > 0) stats.batches += 1;
    stats.events += events;
    stats.ignored += ignored;
    stats.decodeErrors += unreadable;
    stats.gaps += gaps.length;
    stats.resyncs += gaps.length + restarts;
    for (const gap of gaps) observer?.onGap?.({ ...gap, isFilled: false });
    for (let n = 0; n < restarts; n++) observer?.onRestart?.();
    if (unreadable > 0) this.#warn('kv_decode', `it told ${unreadable} event(s) that cannot be read`);
    if (otherSize !== null) {
      const sizes = `${otherSize} tokens, the worker was planned with ${blockTokens}`;
      this.#warn('kv_block_size', `blocks of ${sizes}; they are not counted`);
    }
    if (events > 0) observer?.onBatch?.(events);
  }

  #warn(code: string, message: string): void {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    this.#options.observer?.onWarning?.(code, `worker ${this.#options.worker}: ${message}`);
  }
}

function timeout(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
