/**
 * Runs prefixes ahead of their requests, one per worker at a time and only while the worker has nothing better to do. A request that
 * needs the worker stops the job, which goes on later from what it has computed; the request it was for ends it.
 */
import { LIMITS } from '../limits.js';
import type { WarmJob, WarmOutcome, WarmResult } from './types.js';
import type { WarmBudget } from './warm-budget.js';

/** A job as its worker stands to it now. */
export interface Outlook {
  /** The worker has time for it. */
  isFree: boolean;
  /** Prompt tokens it would have to compute. */
  computeTokens: number;
  /** Those not in its own memory: to be computed, or read from a tier. */
  missingTokens: number;
}

/** What the scheduler asks of the rest; every method but `run` answers at once. */
export interface WarmPorts {
  /** Has the job computed. Rejects with the signal's reason once that aborts, with a failure otherwise. */
  run(job: WarmJob, signal: AbortSignal): Promise<WarmResult>;
  /** Null while the worker serves nobody. */
  outlook(job: WarmJob): Outlook | null;
  ended(job: WarmJob, outcome: WarmOutcome, result: WarmResult | null): void;
  /** Milliseconds of a steady clock. */
  now(): number;
}

export interface WarmSchedulerOptions {
  ports: WarmPorts;
  budget: WarmBudget;
}

interface Entry {
  job: WarmJob;
  /** Tokens the budget was charged with when it first started; null = it has not. */
  charged: number | null;
}

interface Running extends Entry {
  abort: AbortController;
}

/** Less than this is not worth a request of its own. */
const MISSING_TOKENS_MIN = 64;
const SUPERSEDED = new Error('the request it was for has come');
const PREEMPTED = new Error('a request needs the worker');

export class WarmScheduler {
  readonly #ports: WarmPorts;
  readonly #budget: WarmBudget;
  #waiting: Entry[] = [];
  readonly #running = new Set<Running>();
  #isClosed = false;

  constructor({ ports, budget }: WarmSchedulerOptions) {
    this.#ports = ports;
    this.#budget = budget;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Computed when its worker is free; a job for the same conversation waits no longer. */
  add(job: WarmJob): void {
    if (this.#isClosed) return;
    if (job.session !== undefined) this.#withdraw(({ session }) => session === job.session, 'superseded');
    this.#waiting.push({ job, charged: null });
    while (this.#waiting.length > LIMITS.warmJobs) this.#end(this.#waiting.shift()!.job, 'crowded_out');
    this.pump();
  }

  /**
   * A client asks: computed at once, whatever the worker does and the budget says; null when the request it was for came
   * first. Rejects with the failure, or the signal's reason.
   */
  async ask(job: WarmJob, signal: AbortSignal): Promise<WarmResult | null> {
    const running = this.#enter({ job, charged: 0 });
    const onAbort = () => running.abort.abort(signal.reason);
    signal.addEventListener('abort', onAbort);
    try {
      signal.throwIfAborted();
      const result = await this.#ports.run(job, running.abort.signal);
      this.#budget.warmed(computed(result));
      this.#end(job, 'done', result);
      return result;
    } catch (error) {
      const isSuperseded = error === SUPERSEDED;
      this.#end(job, isSuperseded || signal.aborted ? 'superseded' : 'failed');
      if (isSuperseded) return null;
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#running.delete(running);
    }
  }

  /** A request of this conversation is here: it computes for itself what is still missing. */
  arrived(session: string): void {
    this.#withdraw((job) => job.session === session, 'superseded');
    for (const { job, abort } of this.#running) if (job.session === session) abort.abort(SUPERSEDED);
  }

  /** A request has something to compute on this worker. */
  needed(worker: string): void {
    for (const { job, abort } of this.#running) {
      if (job.worker === worker && job.cause !== 'asked') abort.abort(PREEMPTED);
    }
  }

  /** Starts what can start; to be called whenever a worker may have become free. */
  pump(): void {
    if (this.#waiting.length === 0) return;
    const now = this.#ports.now();
    this.#withdraw(({ until }) => until <= now, 'expired');
    for (const entry of [...this.#waiting]) {
      const isTaken = [...this.#running].some(({ job }) => job.worker === entry.job.worker);
      const outlook = isTaken ? null : this.#ports.outlook(entry.job);
      if (outlook?.isFree === true) this.#start(entry, outlook);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    for (const { abort } of this.#running) abort.abort(SUPERSEDED);
  }

  #start(entry: Entry, { computeTokens, missingTokens }: Outlook): void {
    const { job } = entry;
    this.#waiting = this.#waiting.filter((other) => other !== entry);
    // What keeps a prefix alive is meant to find it there.
    if (missingTokens < MISSING_TOKENS_MIN && job.cause !== 'keep_warm') this.#end(job, 'pointless');
    else if (entry.charged === null && !this.#budget.allows(computeTokens)) this.#end(job, 'over_budget');
    else void this.#run(entry, computeTokens);
  }

  async #run(entry: Entry, computeTokens: number): Promise<void> {
    const { job } = entry;
    const isFirst = entry.charged === null;
    // How far a job that is stopped came is not known, so all of it is charged beforehand.
    if (isFirst) this.#budget.warmed(computeTokens);
    const running = this.#enter({ job, charged: entry.charged ?? computeTokens });
    try {
      const result = await this.#ports.run(job, running.abort.signal);
      if (isFirst) this.#budget.warmed(computed(result) - computeTokens);
      this.#end(job, 'done', result);
    } catch (error) {
      if (error === PREEMPTED && !this.#isClosed) this.#waiting.push({ job, charged: running.charged });
      else this.#end(job, error === SUPERSEDED ? 'superseded' : 'failed');
    } finally {
      this.#running.delete(running);
      this.pump();
    }
  }

  #enter(entry: Entry): Running {
    const running = { ...entry, abort: new AbortController() };
    this.#running.add(running);
    return running;
  }

  #withdraw(isMeant: (job: WarmJob) => boolean, outcome: WarmOutcome): void {
    const gone = this.#waiting.filter(({ job }) => isMeant(job));
    if (gone.length === 0) return;
    this.#waiting = this.#waiting.filter(({ job }) => !isMeant(job));
    for (const { job } of gone) this.#end(job, outcome);
  }

  #end(job: WarmJob, outcome: WarmOutcome, result: WarmResult | null = null): void {
    this.#ports.ended(job, outcome, result);
  }
}

function computed({ promptTokens, cachedTokens }: WarmResult): number {
  return promptTokens - cachedTokens;
}
