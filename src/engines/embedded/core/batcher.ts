/**
 * The loop that owns the device: which call comes next, for whom, and what the cache then holds.
 *
 * A step is: one decode row for every running job, then one prefill chunk for the job that is first by (priority,
 * arrival). Each call is one sequence's own, so a result never depends on the neighbours. A job gets its slot only
 * when its prefill is due: by then a job before it may have computed a prefix they share.
 */
import { DynamoError } from '../../../errors.js';
import { LIMITS } from '../../../limits.js';
import type { CoreFinish, CoreHandle, CoreJob, CoreKvEvent } from '../types.js';
import { nextChunk } from './chunk-plan.js';
import { requireValid } from './job-check.js';
import type { SlotCache } from './slot-cache.js';
import { firstInTurn, surfacing, type Task, tellEnd } from './task.js';
import type { Device, Origin } from './types.js';

export interface BatcherOptions {
  device: Device;
  cache: SlotCache;
  contextTokens: number;
  vocabTokens: number;
}

export class Batcher {
  /** Counters since start, in tokens. */
  readonly counters = { promptTokens: 0, cachedTokens: 0, generatedTokens: 0 };
  readonly #device: Device;
  readonly #cache: SlotCache;
  readonly #options: BatcherOptions;
  #waiting: Task[] = [];
  #prefilling: Task[] = [];
  #decoding: Task[] = [];
  #listener: (events: CoreKvEvent[]) => void = () => {};
  #loop: Promise<void> | null = null;
  #arrivals = 0;
  #isClearDue = false;
  /** A call of the device runs: nothing else may touch it. */
  #isInFlight = false;
  #isClosed = false;

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#device = options.device;
    this.#cache = options.cache;
  }

  get running(): number {
    return this.#prefilling.length + this.#decoding.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  listen(listener: (events: CoreKvEvent[]) => void): void {
    this.#listener = listener;
  }

  /** Never throws: a job that cannot run ends with an error on a later turn of the event loop. */
  submit(job: CoreJob): CoreHandle {
    const refusal = this.#refusalOf(job);
    if (refusal !== null) {
      setImmediate(() => tellEnd(job, 'error', refusal));
      return { cancel: () => {} };
    }
    const task: Task = {
      job,
      maxTokens: Math.min(job.maxTokens, this.#options.contextTokens - job.tokens.length),
      arrival: this.#arrivals++,
      slot: null,
      picker: null,
      nextToken: null,
      generated: 0,
      isCancelled: false,
    };
    this.#waiting.push(task);
    this.#loop ??= this.#run();
    return {
      cancel: () => {
        task.isCancelled = true;
      },
    };
  }

  /** Empties the idle slots: at once, or after the call in flight. */
  clear(): void {
    this.#isClearDue = true;
    if (!this.#isInFlight) this.#clearIdle();
  }

  /** Cancels every job and waits for the call in flight. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const task of this.#all()) task.isCancelled = true;
    await this.#loop;
  }

  #all(): Task[] {
    return [...this.#decoding, ...this.#prefilling, ...this.#waiting];
  }

  #refusalOf(job: CoreJob): DynamoError | null {
    if (this.#isClosed) return new DynamoError('draining');
    if (this.#waiting.length >= LIMITS.coreWaitingMax) {
      return new DynamoError('overloaded', { waiting: this.#waiting.length, seconds: 1 });
    }
    return requireValid(job, this.#options);
  }

  async #run(): Promise<void> {
    // Jobs submitted in the same turn are ordered before the first of them starts.
    await nextTurn();
    while (this.running + this.waiting > 0) {
      this.#sweep();
      for (const task of [...this.#decoding]) await this.#guarded(task, () => this.#decode(task));
      this.#sweep();
      const next = this.#nextToPrefill();
      if (next !== null) await this.#guarded(next, () => this.#prefill(next));
      await nextTurn();
    }
    // In the turn of the last look at the queues: a job submitted later needs a new loop.
    this.#loop = null;
  }

  #sweep(): void {
    for (const task of this.#all()) if (task.isCancelled) this.#end(task, 'cancelled');
  }

  #clearIdle(): void {
    this.#isClearDue = false;
    for (const slot of this.#cache.clearIdle()) this.#device.trim(slot, 0);
    this.#publish();
  }

  /** A failure costs its own job, never the loop. */
  async #guarded(task: Task, work: () => Promise<void>): Promise<void> {
    if (task.isCancelled) return;
    try {
      await work();
    } catch (error) {
      this.#end(task, 'error', error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #decode(task: Task): Promise<void> {
    await this.#compute(task.slot!, Uint32Array.of(task.nextToken!), 'decode', true);
    this.#choose(task);
  }

  /** One call of the device, booked. What a failed call left in the slot is not known, so the slot is emptied. */
  async #compute(slot: number, tokens: Uint32Array, origin: Origin, wantsToken: boolean): Promise<void> {
    try {
      await this.#alone(() => this.#device.decode(slot, tokens, this.#cache.length(slot), wantsToken));
    } catch (error) {
      this.#cache.truncate(slot, 0);
      this.#device.trim(slot, 0);
      throw error;
    }
    this.#cache.append(slot, tokens, origin);
    this.#publish();
  }

  async #alone<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#isInFlight = true;
    try {
      return await call();
    } finally {
      this.#isInFlight = false;
      // Before the books change: what is idle now is what was idle when the clearing was asked for.
      if (this.#isClearDue) this.#clearIdle();
    }
  }

  #nextToPrefill(): Task | null {
    return firstInTurn(
      this.#cache.hasIdleSlot() ? [...this.#prefilling, ...this.#waiting] : this.#prefilling,
    );
  }

  async #prefill(task: Task): Promise<void> {
    if (task.slot === null) await this.#admit(task);
    const slot = task.slot!;
    const prompt = task.job.tokens;
    const done = this.#cache.length(slot);
    const end = done + nextChunk(done, prompt.length, this.#decoding.length === 0);
    await this.#compute(slot, prompt.subarray(done, end), 'prefill', end === prompt.length);
    if (end < prompt.length) return;
    this.#prefilling = this.#prefilling.filter((other) => other !== task);
    this.#decoding.push(task);
    this.#choose(task);
  }

  async #admit(task: Task): Promise<void> {
    task.picker = this.#device.picker(task.job);
    const placed = this.#cache.place(task.job.tokens, task.job.cacheSalt);
    if (placed === null) throw new Error('a job was admitted without an idle slot');
    task.slot = placed.slot;
    this.#waiting = this.#waiting.filter((other) => other !== task);
    this.#prefilling.push(task);
    const { copyFrom } = placed;
    const isCopied = copyFrom === null || (await this.#alone(() => this.#device.copy(copyFrom, placed.slot)));
    let cachedTokens = placed.cachedTokens;
    if (!isCopied || !this.#device.trim(placed.slot, cachedTokens)) {
      cachedTokens = 0;
      this.#cache.truncate(placed.slot, 0);
      if (!this.#device.trim(placed.slot, 0)) throw new Error(`slot ${placed.slot} could not be emptied`);
    }
    this.#publish();
    this.counters.promptTokens += task.job.tokens.length;
    this.counters.cachedTokens += cachedTokens;
    task.job.onStart(cachedTokens);
  }

  /** The next token of a job whose last row was just computed. */
  #choose(task: Task): void {
    if (task.isCancelled) this.#end(task, 'cancelled');
    else if (this.#picksStop(task)) this.#end(task, 'stop');
    else if (task.generated >= task.maxTokens) this.#end(task, 'length');
  }

  /** Picks and tells a token; true when it is one that ends the answer. */
  #picksStop(task: Task): boolean {
    const { token, logprobs } = task.picker!.pick();
    if (task.job.stopTokens?.has(token) === true || this.#device.isEndOfGeneration(token)) return true;
    task.nextToken = token;
    task.generated++;
    this.counters.generatedTokens++;
    task.job.onToken(token, logprobs);
    return false;
  }

  #end(task: Task, reason: CoreFinish, error?: Error): void {
    const others = (tasks: Task[]): Task[] => tasks.filter((other) => other !== task);
    this.#waiting = others(this.#waiting);
    this.#prefilling = others(this.#prefilling);
    this.#decoding = others(this.#decoding);
    if (task.slot !== null) this.#cache.release(task.slot);
    task.picker?.free();
    this.#publish();
    tellEnd(task.job, reason, error);
  }

  #publish(): void {
    const events = this.#cache.takeEvents();
    if (events.length > 0) surfacing(() => this.#listener(events));
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
