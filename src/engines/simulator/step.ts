/**
 * The scheduler of a vLLM-like worker, one pass at a time, without a clock: the program that plays a worker and replay
 * in virtual time share it. Running requests come first, then waiting ones in order; one is admitted when all
 * tokens it is known to have fit beside the blocks in use; prompts are computed in chunks; when memory runs out
 * the youngest of the least important is sent back. Same calls, same results.
 */
import { BlockPool } from './block-pool.js';
import { lruOrder } from './eviction.js';
import { victimAt } from './preemption.js';
import type {
  EvictionOrder,
  PassResult,
  PassTiming,
  PassTokens,
  SimRequest,
  SimRunning,
  SimSink,
} from './types.js';

export interface SimWorkerOptions {
  /** KV blocks. */
  blocks: number;
  blockTokens: number;
  timing: PassTiming;
  sink: SimSink;
  /** Tokens of one pass; vLLM's `max_num_batched_tokens`. */
  passTokens?: number;
  /** Requests running at once; vLLM's `max_num_seqs`. */
  maxRunning?: number;
  order?: EvictionOrder;
  /** Waiting requests with a higher priority first (`--scheduling-policy priority`). */
  byPriority?: boolean;
  /** Blocks after `from` that a tier below can give back, and the milliseconds it takes. */
  tierBlocks?(request: SimRequest, blocks: Int32Array, from: number): { count: number; ms: number };
}

const PASS_TOKENS = 8_192;
const RUNNING_MAX = 256;

export class SimWorker {
  readonly pool: BlockPool;
  readonly #options: SimWorkerOptions;
  readonly #running: SimRunning[] = [];
  readonly #waiting: SimRunning[] = [];
  readonly #passTokens: number;
  readonly #maxRunning: number;
  preemptions = 0;

  constructor(options: SimWorkerOptions) {
    this.#options = options;
    this.#passTokens = options.passTokens ?? PASS_TOKENS;
    this.#maxRunning = options.maxRunning ?? RUNNING_MAX;
    this.pool = new BlockPool(options.blocks, options.order ?? lruOrder(), (block) =>
      options.sink.removed(block),
    );
  }

  get running(): number {
    return this.#running.length;
  }

  /** Those inside, oldest first; not to be kept. */
  get entries(): readonly SimRunning[] {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Blocks in use ÷ all blocks. */
  get usage(): number {
    return this.pool.active / this.pool.size;
  }

  /** Whether its prompt and answer could ever fit. */
  canHold({ promptTokens, outputTokens }: SimRequest): boolean {
    return this.#blocksFor(promptTokens + outputTokens) <= this.pool.size;
  }

  /** The request waits from now on; it must be one that `canHold` accepts. */
  submit(request: SimRequest): SimRunning {
    const entry: SimRunning = {
      request,
      cachedTokens: null,
      tierTokens: 0,
      computed: 0,
      generated: 0,
      preemptions: 0,
      slots: [],
    };
    this.#enqueue(entry, false);
    return entry;
  }

  /** Its client left: memory is free at once. */
  cancel(entry: SimRunning): void {
    for (const list of [this.#running, this.#waiting]) {
      const at = list.indexOf(entry);
      if (at !== -1) list.splice(at, 1);
    }
    this.#free(entry);
  }

  /** Runs one pass beginning at `now`; null when there is nothing to do. */
  pass(now: number): PassResult | null {
    if (this.#running.length + this.#waiting.length === 0) return null;
    const result: PassResult = {
      durationMs: 0,
      promptTokens: 0,
      decoding: 0,
      started: [],
      admitted: [],
      finished: [],
    };
    const tokens = { left: this.#passTokens, context: 0, contextBlocks: 0, loadMs: 0 };
    this.#runRunning(now, result, tokens);
    this.#admit(now, result, tokens);
    const usage = Math.min(1, tokens.contextBlocks / this.pool.size);
    const { timing } = this.#options;
    result.durationMs =
      tokens.loadMs + timing.passMs(result.promptTokens, result.decoding, tokens.context, usage);
    for (const entry of result.finished) {
      this.#running.splice(this.#running.indexOf(entry), 1);
      this.#free(entry);
    }
    return result;
  }

  #runRunning(now: number, result: PassResult, tokens: PassTokens): void {
    for (let at = 0; at < this.#running.length; at++) {
      const entry = this.#running[at] as SimRunning;
      const known = entry.request.promptTokens + entry.generated;
      if (entry.computed < known - (entry.generated > 0 ? 1 : 0)) {
        this.#prefill(entry, result, tokens);
        continue;
      }
      if (!this.#reserve(entry, known, now)) {
        at -= this.#preemptFor(entry, at, now) ? 0 : 1;
        if (this.#running[at] !== entry) continue;
      }
      this.#decode(entry, result, tokens);
    }
  }

  /** Room for `known` tokens, one block at a time. */
  #reserve(entry: SimRunning, known: number, now: number): boolean {
    while (entry.slots.length < this.#blocksFor(known)) {
      const slot = this.pool.allocate(entry.request.session, now);
      if (slot === -1) return false;
      entry.slots.push(slot);
    }
    return true;
  }

  /** Sends others back until `entry` has its block; false when it was sent back itself. */
  #preemptFor(entry: SimRunning, at: number, now: number): boolean {
    const known = entry.request.promptTokens + entry.generated;
    while (this.#running.length > at) {
      const worst = victimAt(this.#running, at, this.#options.byPriority === true);
      const victim = this.#running.splice(worst, 1)[0] as SimRunning;
      this.#free(victim);
      victim.computed = 0;
      victim.preemptions += 1;
      this.preemptions += 1;
      this.#enqueue(victim, true);
      if (victim === entry) return false;
      if (this.#reserve(entry, known, now)) return true;
    }
    return false;
  }

  #decode(entry: SimRunning, result: PassResult, tokens: PassTokens): void {
    const known = entry.request.promptTokens + entry.generated;
    entry.computed = known;
    entry.generated += 1;
    tokens.left -= 1;
    tokens.context += known;
    tokens.contextBlocks += entry.slots.length;
    result.decoding += 1;
    this.#publish(entry, known - 1);
    if (entry.generated >= entry.request.outputTokens) result.finished.push(entry);
  }

  #prefill(entry: SimRunning, result: PassResult, tokens: PassTokens): void {
    const known = entry.request.promptTokens + entry.generated;
    const chunk = Math.min(known - entry.computed, tokens.left);
    if (chunk <= 0) return;
    const before = entry.computed;
    entry.computed += chunk;
    tokens.left -= chunk;
    result.promptTokens += chunk;
    this.#publish(entry, before);
    if (entry.computed < known) return;
    // The pass that computes the last prompt token also samples the next one.
    entry.generated += 1;
    if (entry.generated === 1) result.started.push(entry);
    if (entry.generated >= entry.request.outputTokens) result.finished.push(entry);
  }

  #admit(now: number, result: PassResult, tokens: PassTokens): void {
    while (this.#waiting.length > 0 && tokens.left > 0 && this.#running.length < this.#maxRunning) {
      const entry = this.#waiting[0] as SimRunning;
      if (!this.#place(entry, now, tokens)) return;
      this.#waiting.shift();
      this.#running.push(entry);
      if (entry.preemptions === 0) result.admitted.push(entry);
      this.#prefill(entry, result, tokens);
    }
  }

  /** Takes the blocks of everything the request is known to have, cached ones first. */
  #place(entry: SimRunning, now: number, tokens: PassTokens): boolean {
    const { request } = entry;
    const known = request.promptTokens + entry.generated;
    const blocksNeeded = this.#blocksFor(known);
    const hits = this.#hits(request, known);
    const inUse = hits.filter((slot) => this.pool.isReferenced(slot)).length;
    if (this.pool.active + blocksNeeded - inUse > this.pool.size) return false;
    for (const slot of hits) this.pool.reference(slot, request.session);
    entry.slots = [...hits];
    const readable = this.#readable(known);
    const below = this.#options.tierBlocks?.(request, request.blocks.subarray(0, readable), hits.length);
    this.#reserve(entry, known, now);
    const { blockTokens } = this.#options;
    entry.computed = hits.length * blockTokens;
    if (below !== undefined && below.count > 0) {
      const from = entry.computed;
      entry.computed += below.count * blockTokens;
      tokens.loadMs += below.ms;
      this.#publish(entry, from);
    }
    if (entry.cachedTokens === null) {
      entry.cachedTokens = hits.length * blockTokens;
      entry.tierTokens = (below?.count ?? 0) * blockTokens;
    }
    return true;
  }

  #hits(request: SimRequest, known: number): number[] {
    const limit = Math.min(request.blocks.length, this.#readable(known));
    const slots: number[] = [];
    for (let at = 0; at < limit; at++) {
      const slot = this.pool.find(request.blocks[at] as number);
      if (slot === -1) break;
      slots.push(slot);
    }
    return slots;
  }

  /** The last token is always computed. */
  #readable(known: number): number {
    return Math.floor((known - 1) / this.#options.blockTokens);
  }

  /** Names the blocks completed since `before` tokens were computed. */
  #publish(entry: SimRunning, before: number): void {
    const { blocks } = entry.request;
    const from = Math.floor(before / this.#options.blockTokens);
    const to = Math.min(blocks.length, Math.floor(entry.computed / this.#options.blockTokens));
    let start = -1;
    for (let at = from; at < to; at++) {
      const isNew = this.pool.name(entry.slots[at] as number, blocks[at] as number);
      if (isNew && start === -1) start = at;
      if (!isNew && start !== -1) {
        this.#tell(blocks, start, at);
        start = -1;
      }
    }
    if (start !== -1) this.#tell(blocks, start, to);
  }

  #tell(blocks: Int32Array, start: number, end: number): void {
    const parent = start === 0 ? -1 : (blocks[start - 1] as number);
    this.#options.sink.stored(parent, blocks.subarray(start, end));
  }

  /** Deepest first, so that a prefix outlives what hangs on it. */
  #free(entry: SimRunning): void {
    for (let at = entry.slots.length - 1; at >= 0; at--) this.pool.release(entry.slots[at] as number);
    entry.slots = [];
  }

  /** A preempted request goes before those that wait for the first time. */
  #enqueue(entry: SimRunning, isAgain: boolean): void {
    const rank = this.#options.byPriority === true ? entry.request.priority : 0;
    const at = this.#waiting.findIndex((other) => {
      const theirs = this.#options.byPriority === true ? other.request.priority : 0;
      return isAgain ? theirs <= rank : theirs < rank;
    });
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, entry);
  }

  #blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.#options.blockTokens);
  }
}
