/** One routed request from booking to its end. */
import type { Booking } from './book.js';
import type { Decided, RouterState } from './decide.js';
import type { Prediction } from './predicted.js';
import type { Session } from './sessions.js';
import type { Decision, Outcome, Placement, RouteInput, WorkerId } from './types.js';
import type { WorkerRecord } from './worker-record.js';

export interface RoutedOptions {
  state: RouterState;
  input: RouteInput;
  decided: Decided;
  decision: Decision;
  /** A figure of the worker's book changed. */
  onLoad(record: WorkerRecord): void;
  /** Its prompt is computed, or it left its worker: another may start there. */
  onRoom(): void;
}

/** Books in the constructor. */
export class RoutedRequest implements Placement {
  readonly worker: WorkerId;
  readonly decision: Decision;
  readonly #options: RoutedOptions;
  readonly #record: WorkerRecord;
  readonly #booking: Booking;
  readonly #prediction: Prediction;
  readonly #session: Session | undefined;
  readonly #startedAt: number;
  /** No other prompt was being computed on the worker, so the time to the first token is this prompt's own. */
  readonly #isAlone: boolean;
  #firstTokenMs: number | null = null;
  #isOver = false;

  constructor(options: RoutedOptions) {
    const { state, input, decided } = options;
    const { record, sequence } = decided;
    this.#options = options;
    this.decision = options.decision;
    this.worker = record.worker.id;
    this.#record = record;
    this.#startedAt = state.clock.now();
    this.#isAlone = record.book.prefillTokens === 0;
    this.#booking = record.book.book({
      promptTokens: input.promptTokens,
      uncachedTokens: input.promptTokens - decided.predictedTokens,
      outputTokens: decided.expectedOutputTokens,
      blockTokens: input.blockTokens,
      sequence,
    });
    this.#session = state.sessions.started(decided.session, input.sessionId, sequence, {
      worker: this.worker,
      contextBlocks: this.#contextBlocks(decided.expectedOutputTokens),
      seenBlocks: decided.seenBlocks,
      isTagged: input.priority > 0 || input.strictPriority > 0,
    });
    this.#prediction = state.predicted.add(this.worker, sequence);
    state.reachable.addPrompt(sequence);
    options.onLoad(record);
  }

  firstToken(): void {
    if (this.#isOver || this.#firstTokenMs !== null) return;
    const { state } = this.#options;
    this.#firstTokenMs = state.clock.now() - this.#startedAt;
    this.#booking.releasePrefill();
    this.#computed();
    this.#options.onLoad(this.#record);
    this.#options.onRoom();
  }

  grew(tokens: number): void {
    if (!this.#isOver && this.#booking.grow(tokens)) this.#options.onLoad(this.#record);
  }

  finish(outcome: Outcome): void {
    if (this.#isOver) return;
    const { state } = this.#options;
    if (outcome.failed) this.#withdraw();
    else {
      this.#computed();
      this.#learn(outcome);
    }
    this.#end(outcome.failed ? null : outcome.outputTokens);
    const { sessionId } = this.#options.input;
    const placed = this.#placed();
    state.guard.outcome({ ...outcome, placed, ...(sessionId === undefined ? {} : { sessionId }) });
  }

  abandon(): void {
    if (this.#isOver) return;
    this.#withdraw();
    this.#end(null);
  }

  #placed(): { uncachedTokens: number; queuedTokens: number } {
    const { candidates, predictedTokens, promptTokens } = this.decision;
    const chosen = candidates.find(({ worker }) => worker === this.worker);
    return {
      uncachedTokens: Math.max(1, promptTokens - predictedTokens),
      queuedTokens: chosen?.load.prefillTokens ?? 0,
    };
  }

  #contextBlocks(outputTokens: number): number {
    const { promptTokens, blockTokens } = this.#options.input;
    return Math.ceil((promptTokens + outputTokens) / blockTokens);
  }

  #learn(outcome: Outcome): void {
    const { state, input } = this.#options;
    const { predictedTokens } = this.decision;
    const now = state.clock.now();
    this.#record.measureService(now - this.#startedAt);
    if (this.#firstTokenMs !== null && this.#isAlone && !this.#wasGiven(outcome)) {
      this.#record.measurePrefill(this.#firstTokenMs, outcome.promptTokens - outcome.cachedTokens, now);
    }
    const { cachedTokens } = outcome;
    const { blockTokens } = input;
    if (!this.#hasLane()) return;
    state.approximate.report(this.#record.lane, { predictedTokens, cachedTokens, blockTokens });
  }

  /**
   * More of the prompt came from caches than lay there when it was sent: it may have waited for another worker to compute
   * that, and its time to the first token would make this worker look many times slower than it is.
   */
  #wasGiven({ cachedTokens }: Outcome): boolean {
    return cachedTokens >= this.decision.predictedTokens + this.#options.input.blockTokens;
  }

  /** Before its first token nothing says that its prompt was computed. */
  #withdraw(): void {
    const { state } = this.#options;
    if (this.#firstTokenMs !== null) return;
    state.predicted.remove(this.#prediction);
  }

  /** Events will tell of its blocks; where there are none, they are believed to be there from now on. */
  #computed(): void {
    const { state, input, decided } = this.#options;
    const { worker, lane } = this.#record;
    if (this.#prediction.state !== 'running') return;
    if (worker.feed === 'events') {
      state.predicted.computed(this.#prediction);
      return;
    }
    state.predicted.remove(this.#prediction);
    if (this.#hasLane() && worker.blockTokens === input.blockTokens) {
      state.approximate.enter(lane, decided.sequence, input.localHashes);
    }
  }

  /** Where its worker was replaced, the lane may be another's by now. */
  #hasLane(): boolean {
    return this.#options.state.workers.get(this.worker) === this.#record;
  }

  #end(outputTokens: number | null): void {
    const { state } = this.#options;
    this.#isOver = true;
    this.#booking.release();
    const contextBlocks = this.#contextBlocks(outputTokens ?? 0);
    const answered = outputTokens === null ? null : { worker: this.worker, outputTokens, contextBlocks };
    if (this.#session !== undefined) {
      state.sessions.ended(this.#session, answered);
      if (this.#options.input.isFinal === true) state.sessions.forget(this.#session);
    }
    this.#options.onLoad(this.#record);
    this.#options.onRoom();
  }
}
