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
import { slotRetention } from './block-retention.js';
import { nextChunk } from './chunk-plan.js';
import { requireValid } from './job-check.js';
import type { SlotCache } from './slot-cache.js';
import { firstInTurn, newTask, nextTurn, surfacing, type Task, takesKnown, tellEnd } from './task.js';
import { TierSteps, type Unsaved } from './tier-steps.js';
import type { TieredPrefix } from './tiered-prefix.js';
import { TokenCounters } from './token-counters.js';
import type { Device, Origin } from './types.js';

export interface BatcherOptions {
  device: Device;
  cache: SlotCache;
  contextTokens: number;
  vocabTokens: number;
  /** Null = the slots are the only cache. */
  tiers?: TieredPrefix | null;
}

export class Batcher {
  readonly counters = new TokenCounters();
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
  readonly #tiers: TierSteps | null;
  /** Slots whose last blocks are to be written down before anything else takes them. */
  #unsaved: Unsaved[] = [];
  /** Ends the loop's wait for jobs that are set aside. */
  #wake: () => void = () => {};

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#device = options.device;
    this.#cache = options.cache;
    const { tiers = null, device, cache } = options;
    const alone = <Result>(call: () => Promise<Result>) => this.#alone(call);
    const publish = () => this.#publish();
    this.#tiers = tiers === null ? null : new TierSteps({ tiers, device, cache, alone, publish });
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
    const task = newTask(job, this.#options.contextTokens, this.#arrivals++);
    this.#waiting.push(task);
    this.#loop ??= this.#run();
    this.#wake();
    return {
      cancel: () => {
        task.isCancelled = true;
        this.#wake();
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
    this.#wake();
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
    while (this.running + this.waiting + this.#unsaved.length > 0) {
      this.#sweep();
      for (const task of [...this.#decoding]) await this.#guarded(task, () => this.#decode(task));
      this.#sweep();
      await this.#saveEnded();
      const next = this.#nextToPrefill();
      if (next !== null) await this.#guarded(next, () => this.#prefill(next));
      else if (this.#decoding.length === 0) await this.#pause();
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
    const ready = this.#prefilling.filter(({ pause }) => pause === null);
    return firstInTurn(this.#cache.hasIdleSlot() ? [...ready, ...this.#waiting] : ready);
  }

  /** Every job is set aside: until the first goes on, or something new comes. */
  async #pause(): Promise<void> {
    const pauses = this.#prefilling.flatMap(({ pause }) => pause ?? []);
    if (pauses.length === 0) return;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([woken, ...pauses]);
    this.#wake = () => {};
  }

  /** A failure costs pages, never an answer. */
  async #saveEnded(): Promise<void> {
    for (const slot of this.#unsaved.splice(0)) {
      await this.#tiers?.save(slot).catch((error: Error) => {
        console.error(`blocks of slot ${slot.slot} were not written down: ${error.message}`);
      });
    }
  }

  async #prefill(task: Task): Promise<void> {
    if (task.slot === null) await this.#admit(task);
    if (this.#tiers !== null && !(await this.#tiers.before(task))) return;
    const slot = task.slot!;
    const prompt = task.job.tokens;
    const position = this.#cache.length(slot);
    const rows = nextChunk(position, prompt.length, this.#decoding.length === 0);
    const isLast = position + rows === prompt.length;
    const startedAt = performance.now();
    await this.#compute(slot, prompt.subarray(position, position + rows), 'prefill', isLast);
    const ms = performance.now() - startedAt;
    if (isLast) this.#computed(task);
    // An ended job's slot is saved by the loop.
    if (!task.isOver) await this.#tiers?.after(task, { position, rows, ms, isLast });
  }

  /** The prompt is whole: its first token. */
  #computed(task: Task): void {
    this.#prefilling = this.#prefilling.filter((other) => other !== task);
    this.#decoding.push(task);
    if (this.#tiers !== null) this.#started(task);
    this.#choose(task);
  }

  #started(task: Task): void {
    task.job.onStart(this.counters.started(task.job.tokens.length, task.cached), task.cached);
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
    task.cached.gpu = cachedTokens;
    // With tiers what is cached is only known once the prompt is whole.
    if (this.#tiers === null) this.#started(task);
    else this.#tiers.admitted(task, cachedTokens);
  }

  /** The next token of a job whose last row was just computed. */
  #choose(task: Task): void {
    if (task.isCancelled) this.#end(task, 'cancelled');
    else if (this.#picksStop(task)) this.#end(task, 'stop');
    else if (task.generated >= task.maxTokens) this.#end(task, 'length');
  }

  /** Picks and tells a token, or takes one that is known; true when it is one that ends the answer. */
  #picksStop(task: Task): boolean {
    if (takesKnown(task)) return false;
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
    task.isOver = true;
    this.#tiers?.ended(task);
    if (this.#tiers !== null && task.slot !== null && reason !== 'error') this.#unsaved.push(task);
    const kept = slotRetention(task.job, Date.now());
    if (task.slot !== null) this.#cache.release(task.slot, kept, task.job.isWarm);
    task.picker?.free();
    this.#publish();
    tellEnd(task.job, reason, error);
  }

  #publish(): void {
    const events = this.#cache.takeEvents();
    if (events.length > 0) surfacing(() => this.#listener(events));
  }
}
