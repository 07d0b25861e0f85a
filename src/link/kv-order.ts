/** Event batches in the engine's order, each exactly once, whatever was lost or started anew. */
import type { RawBatch, ReplayEnd } from './kv-replay.js';

export interface OrderHandlers {
  /** Applies a batch; answers its timestamp, null when it could not be read. */
  apply(batch: RawBatch): number | null;
  /** Timestamp of a batch without applying it, null when it could not be read. */
  timestampOf(batch: RawBatch): number | null;
  /** Everything applied so far is void. */
  drop(): void;
  /** Past batches from `start` on. */
  replay(start: number, onBatch: (batch: RawBatch) => void): Promise<ReplayEnd>;
  onGap(gap: { expected: number; got: number; isFilled: boolean }): void;
  /** The engine began a new run: its numbers start again. */
  onRestart(): void;
}

/**
 * Live numbers only grow within one run of an engine, so a live number that does not is a new run; a number
 * between the last live one and the expected one was replayed already. After a reconnect the last applied
 * batch is asked for again: another timestamp, or none, is a new run too. One call at a time.
 */
export class BatchOrder {
  readonly #handlers: OrderHandlers;
  #next = 0;
  #lastLive = -1;
  /** Timestamp of batch `#next - 1`; null when unknown. */
  #lastStamp: number | null = null;

  constructor(handlers: OrderHandlers) {
    this.#handlers = handlers;
  }

  /** A promise only when past batches had to be asked for. */
  live(batch: RawBatch): Promise<void> | undefined {
    if (batch.sequence > this.#lastLive && batch.sequence <= this.#next) {
      this.#lastLive = batch.sequence;
      this.#take(batch);
      return undefined;
    }
    return this.#repair(batch);
  }

  /** The socket is connected (again): learn what was published meanwhile, or before we came. */
  async connected(): Promise<void> {
    if (this.#next === 0) {
      await this.#catchUp(0);
      return;
    }
    const outcome = await this.#verify();
    if (outcome === 'same') return;
    this.#handlers.drop();
    this.#lastStamp = null;
    // Unknown: nobody told whether this is the same run; the next live number will.
    if (outcome === 'other') await this.#restart();
  }

  async #repair(batch: RawBatch): Promise<void> {
    if (batch.sequence <= this.#lastLive) {
      this.#handlers.drop();
      await this.#restart();
    }
    this.#lastLive = batch.sequence;
    if (batch.sequence > this.#next) await this.#fill(batch.sequence);
    this.#take(batch);
  }

  async #fill(got: number): Promise<void> {
    const expected = this.#next;
    const isCovered = await this.#catchUp(expected);
    if (!isCovered) return;
    const isFilled = this.#next >= got;
    if (!isFilled) {
      this.#handlers.drop();
      this.#next = got;
    }
    this.#handlers.onGap({ expected, got, isFilled });
  }

  /** Applies what the engine still has from `start` on; false when it no longer had `start` itself. */
  async #catchUp(start: number): Promise<boolean> {
    let isCovered = true;
    await this.#handlers.replay(start, (batch) => {
      if (batch.sequence > this.#next) {
        isCovered = false;
        this.#handlers.drop();
        this.#handlers.onGap({ expected: this.#next, got: batch.sequence, isFilled: false });
        this.#next = batch.sequence;
      }
      this.#take(batch);
    });
    return isCovered;
  }

  async #verify(): Promise<'same' | 'other' | 'unknown'> {
    const last = this.#next - 1;
    let verdict: 'same' | 'other' | undefined;
    const end = await this.#handlers.replay(last, (batch) => {
      if (verdict === undefined) verdict = this.#isSameRun(batch, last) ? 'same' : 'other';
      if (verdict === 'same') this.#take(batch);
    });
    return verdict ?? (end === 'complete' ? 'other' : 'unknown');
  }

  #isSameRun(batch: RawBatch, last: number): boolean {
    return batch.sequence === last && this.#handlers.timestampOf(batch) === this.#lastStamp;
  }

  async #restart(): Promise<void> {
    this.#handlers.onRestart();
    this.#next = 0;
    this.#lastLive = -1;
    this.#lastStamp = null;
    await this.#catchUp(0);
  }

  #take(batch: RawBatch): void {
    if (batch.sequence !== this.#next) return;
    this.#lastStamp = this.#handlers.apply(batch);
    this.#next = batch.sequence + 1;
  }
}
