/** Requests that cannot be sent yet. */
import { DynamoError } from '../errors.js';
import type { Round } from './admission.js';
import type { Clock } from './clock.js';
import { isTagged, lastInLine, patienceOf, tryOrder } from './queue-order.js';
import type { RouterSettings } from './settings.js';
import type { RouteInput } from './types.js';

/**
 * Why a request cannot be sent: every worker is at its bound, none is ready, or each ready one has failed it.
 */
export type Hold = 'busy' | 'not_ready' | 'failed';

export interface AdmissionHandlers<T> {
  /** Sends it, or says why not. `since` = when it arrived; `round` = what those ahead of it were promised. */
  attempt(input: RouteInput, since: number, round: Round): T | Hold;
  /** It is not to be tried yet, whatever has room. */
  isHeldBack(input: RouteInput, since: number): boolean;
  /** Milliseconds of prefill it needs, for the order. */
  workMs(input: RouteInput): number;
  /** Seconds after which a refused request should come again, given how many wait. */
  retryAfterSeconds(waiting: number): number;
  /** What stands in the way of being ready, for the error. */
  detail(hold: Hold): string;
}

interface Waiter<T> {
  input: RouteInput;
  since: number;
  arrival: number;
  workMs: number;
  hold: Hold;
  resolve(value: T): void;
  reject(error: DynamoError): void;
  /** Ends its timer and abort listener. */
  release(): void;
  disarm(): void;
}

/** Bounded; strict priority first, then priority (both higher first), then the order set. Every wait has an end. */
export class AdmissionQueue<T extends object> {
  readonly #clock: Clock;
  readonly #settings: RouterSettings;
  readonly #handlers: AdmissionHandlers<T>;
  /** By arrival; requests with a priority apart, so that the head of each class is at hand. */
  readonly #tagged: Waiter<T>[] = [];
  readonly #others: Waiter<T>[] = [];
  #arrivals = 0;

  constructor(clock: Clock, settings: RouterSettings, handlers: AdmissionHandlers<T>) {
    this.#clock = clock;
    this.#settings = settings;
    this.#handlers = handlers;
  }

  get size(): number {
    return this.#tagged.length + this.#others.length;
  }

  /** Resolves with what `attempt` made; rejects with `overloaded`, `not_ready`, or `client_closed` on abort. */
  async enter(input: RouteInput, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw new DynamoError('client_closed');
    const since = this.#clock.now();
    let hold: Hold = 'busy';
    if (this.size === 0 && !this.#handlers.isHeldBack(input, since)) {
      const sent = this.#handlers.attempt(input, since, { reserved: new Set() });
      if (typeof sent === 'object') return sent;
      hold = sent;
    }
    return new Promise((resolve, reject) => {
      const waiter = this.#insert({ input, since, hold, resolve, reject }, signal);
      // Those ahead may be held by something that does not hold this one.
      if (this.size > 1) this.pump();
      if (this.size <= this.#settings.queueMax || !this.#classOf(waiter).includes(waiter)) return;
      // Somebody more important takes the place of one that is not.
      const last = lastInLine([...this.#others, ...this.#tagged]);
      this.#leave(last);
      last.reject(this.#refusal(last.hold));
    });
  }

  /** Something changed: sends what can be sent, in order. */
  pump(): void {
    if (this.size === 0) return;
    const { queueOrder: order, ageMs } = this.#settings;
    const round: Round = { reserved: new Set() };
    const waiting = { tagged: this.#tagged, others: this.#others };
    const may = ({ input, since }: Waiter<T>): boolean => !this.#handlers.isHeldBack(input, since);
    for (const waiter of tryOrder(waiting, { order, now: this.#clock.now(), ageMs, may })) {
      const sent = this.#handlers.attempt(waiter.input, waiter.since, round);
      if (typeof sent === 'object') {
        this.#leave(waiter);
        waiter.resolve(sent);
      } else if (sent !== waiter.hold) {
        waiter.hold = sent;
        this.#arm(waiter);
      }
    }
  }

  #insert(
    known: Pick<Waiter<T>, 'input' | 'since' | 'hold' | 'resolve' | 'reject'>,
    signal: AbortSignal,
  ): Waiter<T> {
    const onAbort = (): void => {
      this.#leave(waiter);
      waiter.reject(new DynamoError('client_closed'));
      this.pump();
    };
    const waiter: Waiter<T> = {
      ...known,
      arrival: this.#arrivals++,
      workMs: this.#handlers.workMs(known.input),
      disarm: () => {},
      release: () => {
        waiter.disarm();
        for (const stop of looks) stop();
        signal.removeEventListener('abort', onAbort);
      },
    };
    signal.addEventListener('abort', onAbort, { once: true });
    // It asks for less as it waits longer, so it is looked at again even when nothing else happens.
    const looks = lookTimes(known, this.#settings).map((ms) => this.#clock.after(ms, () => this.pump()));
    this.#classOf(waiter).push(waiter);
    this.#arm(waiter);
    return waiter;
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
    const waiters = this.#classOf(waiter);
    const at = waiters.indexOf(waiter);
    if (at !== -1) waiters.splice(at, 1);
  }

  #classOf(waiter: Waiter<T>): Waiter<T>[] {
    return isTagged(waiter) ? this.#tagged : this.#others;
  }

  #refusal(hold: Hold): DynamoError {
    if (hold !== 'busy') return new DynamoError('not_ready', { detail: this.#handlers.detail(hold) });
    const seconds = this.#handlers.retryAfterSeconds(this.size);
    const error = new DynamoError('overloaded', { waiting: this.size, seconds });
    error.retryAfterSeconds = seconds;
    return error;
  }
}

function lookTimes(waiter: Pick<Waiter<unknown>, 'input'>, settings: RouterSettings): number[] {
  const { holdForBestMs, reserveAfterMs, pauseMs } = settings;
  const patience = patienceOf(waiter);
  const times = [patience * holdForBestMs, patience * reserveAfterMs];
  return pauseMs > 0 ? [...times, pauseMs] : times;
}
