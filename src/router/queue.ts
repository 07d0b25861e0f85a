/** Requests that cannot be sent yet, in the order they will be. */
import { DynamoError } from '../errors.js';
import type { Clock } from './clock.js';
import type { RouterSettings } from './settings.js';
import type { RouteInput } from './types.js';

/**
 * Why a request cannot be sent: every worker is at its bound, none is ready, or each ready one has failed it.
 */
export type Hold = 'busy' | 'not_ready' | 'failed';

export interface AdmissionHandlers<T> {
  /** Sends it, or says why not. `since` = when it arrived. */
  attempt(input: RouteInput, since: number): T | Hold;
  /** Seconds after which a refused request should come again, given how many wait. */
  retryAfterSeconds(waiting: number): number;
  /** What stands in the way of being ready, for the error. */
  detail(hold: Hold): string;
}

interface Waiter<T> {
  input: RouteInput;
  since: number;
  arrival: number;
  hold: Hold;
  resolve(value: T): void;
  reject(error: DynamoError): void;
  /** Ends its timer and abort listener. */
  release(): void;
  disarm(): void;
}

/** Bounded; ordered by strict priority, priority (both higher first), arrival. Every wait has an end. */
export class AdmissionQueue<T extends object> {
  readonly #clock: Clock;
  readonly #settings: RouterSettings;
  readonly #handlers: AdmissionHandlers<T>;
  #waiters: Waiter<T>[] = [];
  #arrivals = 0;

  constructor(clock: Clock, settings: RouterSettings, handlers: AdmissionHandlers<T>) {
    this.#clock = clock;
    this.#settings = settings;
    this.#handlers = handlers;
  }

  get size(): number {
    return this.#waiters.length;
  }

  /** Resolves with what `attempt` made; rejects with `overloaded`, `not_ready`, or `client_closed` on abort. */
  async enter(input: RouteInput, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw new DynamoError('client_closed');
    const since = this.#clock.now();
    let hold: Hold = 'busy';
    if (!this.#isOvertaking(input)) {
      const sent = this.#handlers.attempt(input, since);
      if (typeof sent === 'object') return sent;
      hold = sent;
    }
    if (this.#waiters.length >= this.#settings.queueMax) throw this.#refusal(hold);
    return new Promise((resolve, reject) => {
      this.#insert({ input, since, hold, resolve, reject }, signal);
      // Requests ahead may all be held by something that does not hold this one.
      this.pump();
    });
  }

  /** Something changed: sends what can be sent, in order. */
  pump(): void {
    for (const waiter of [...this.#waiters]) {
      const sent = this.#handlers.attempt(waiter.input, waiter.since);
      if (typeof sent === 'object') {
        this.#leave(waiter);
        waiter.resolve(sent);
      } else if (sent !== waiter.hold) {
        waiter.hold = sent;
        this.#arm(waiter);
      }
    }
  }

  #isOvertaking(input: RouteInput): boolean {
    return this.#waiters.some((waiter) => compare(waiter.input, input) <= 0);
  }

  #insert(
    known: Pick<Waiter<T>, 'input' | 'since' | 'hold' | 'resolve' | 'reject'>,
    signal: AbortSignal,
  ): void {
    const onAbort = (): void => {
      this.#leave(waiter);
      waiter.reject(new DynamoError('client_closed'));
      this.pump();
    };
    const waiter: Waiter<T> = {
      ...known,
      arrival: this.#arrivals++,
      disarm: () => {},
      release: () => {
        waiter.disarm();
        signal.removeEventListener('abort', onAbort);
      },
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const after = this.#waiters.findIndex((other) => compare(other.input, waiter.input) > 0);
    this.#waiters.splice(after === -1 ? this.#waiters.length : after, 0, waiter);
    this.#arm(waiter);
  }

  /** Each reason has its own patience, counted from when it began to hold. */
  #arm(waiter: Waiter<T>): void {
    const { queueWaitMs, readyWaitMs, failedWaitMs } = this.#settings;
    const patience = { busy: queueWaitMs, not_ready: readyWaitMs, failed: failedWaitMs }[waiter.hold];
    waiter.disarm();
    waiter.disarm = this.#clock.after(patience, () => {
      this.#leave(waiter);
      waiter.reject(this.#refusal(waiter.hold));
    });
  }

  #leave(waiter: Waiter<T>): void {
    waiter.release();
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
  }

  #refusal(hold: Hold): DynamoError {
    if (hold !== 'busy') return new DynamoError('not_ready', { detail: this.#handlers.detail(hold) });
    const seconds = this.#handlers.retryAfterSeconds(this.#waiters.length);
    const error = new DynamoError('overloaded', { waiting: this.#waiters.length, seconds });
    error.retryAfterSeconds = seconds;
    return error;
  }
}

/** Negative when `a` goes first; arrival decides among equals, and a later one is inserted after. */
function compare(a: RouteInput, b: RouteInput): number {
  return b.strictPriority - a.strictPriority || b.priority - a.priority;
}
