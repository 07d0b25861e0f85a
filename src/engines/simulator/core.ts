/**
 * The simulated engine behind the worker's HTTP server: requests go through the scheduler's own passes, each pass takes
 * as long as the model on that GPU would, and its tokens leave at its end. Nothing is computed.
 */
import { DynamoError } from '../../errors.js';
import type {
  CoreFinish,
  CoreHandle,
  CoreInfo,
  CoreJob,
  CoreKvEvent,
  CoreStats,
  EngineCore,
} from '../embedded/types.js';
import { type Answer, answerOf } from './answer.js';
import { BlockNames } from './block-names.js';
import type { Clock } from './clock.js';
import { SimWorker } from './step.js';
import { bytesOf, END_TOKEN, isSpecial, simulatedTokenizer } from './tokens.js';
import type { PassResult, PassTiming, SimRunning } from './types.js';

export interface SimulatedCoreOptions {
  blocks: number;
  blockTokens: number;
  contextTokens: number;
  timing: PassTiming;
  clock: Clock;
  /** Times as fast as the real thing. */
  speed: number;
  /** Mean tokens of an answer nobody bounds. */
  answerTokens: number;
  version: string;
  /** The machine could not keep up, by so many real milliseconds; what follows is later than it should be. */
  onLag?(ms: number): void;
  /** vLLM's `max_num_batched_tokens` and `max_num_seqs`. */
  passTokens?: number;
  maxRunning?: number;
}

interface Run {
  job: CoreJob;
  answer: Answer;
  entry: SimRunning;
  blocks: Int32Array;
  /** Answer tokens that left, of which another worker said so many. */
  told: number;
  continued: number;
  isStarted: boolean;
  isOver: boolean;
}

/** A machine too slow for the speed asked for falls behind; past this it stops trying to catch up. */
const LAG_MS_MAX = 1_000;
/** A pass of nothing must not turn the loop at full speed. */
const PASS_MS_MIN = 0.01;

export class SimulatedCore implements EngineCore {
  readonly info: CoreInfo;
  readonly #options: SimulatedCoreOptions;
  readonly #names: BlockNames;
  readonly #worker: SimWorker;
  readonly #runs = new Map<SimRunning, Run>();
  readonly #counters = { promptTokens: 0, cachedTokens: 0, generatedTokens: 0 };
  #listener: (events: CoreKvEvent[]) => void = () => {};
  /** Simulated milliseconds since the start, and a moment at which both clocks are known. */
  #now = 0;
  #anchor = { real: 0, simulated: 0 };
  #stopTimer: (() => void) | null = null;
  #nextId = 0;

  constructor(options: SimulatedCoreOptions) {
    const { blocks, blockTokens, contextTokens, timing, passTokens, maxRunning, version } = options;
    this.#options = options;
    this.#names = new BlockNames(blockTokens);
    this.#worker = new SimWorker({
      blocks,
      blockTokens,
      timing,
      sink: this.#names,
      byPriority: true,
      ...(passTokens === undefined ? {} : { passTokens }),
      ...(maxRunning === undefined ? {} : { maxRunning }),
    });
    this.info = {
      engine: 'simulator',
      libraryVersion: version,
      modelSha256: '0'.repeat(64),
      contextTokens,
      blockTokens,
      blocksTotal: blocks,
      slots: maxRunning ?? 0,
      vocabTokens: simulatedTokenizer.vocabTokens,
      kvBytesPerToken: 0,
    };
  }

  /** Simulated milliseconds that passed while there was something to do. */
  get simulatedMs(): number {
    return this.#now;
  }

  tokenize(text: string, { parseSpecial }: { parseSpecial: boolean }): Uint32Array {
    return parseSpecial ? simulatedTokenizer.encode(text) : simulatedTokenizer.encodePlain(text);
  }

  piece(token: number, { special }: { special: boolean }): Uint8Array {
    return isSpecial(token) && !special ? new Uint8Array() : bytesOf(token);
  }

  isEndOfGeneration(token: number): boolean {
    return token === END_TOKEN;
  }

  submit(job: CoreJob): CoreHandle {
    const admitted = this.#admit(job);
    if (admitted instanceof Error) {
      this.#options.clock.after(0, () => job.onEnd('error', admitted));
      return { cancel: () => {} };
    }
    this.#runs.set(admitted.entry, admitted);
    this.#wake();
    return { cancel: () => this.#cancel(admitted) };
  }

  onKvEvents(listener: (events: CoreKvEvent[]) => void): void {
    this.#listener = listener;
  }

  clearCache(): void {
    const isAll = this.#worker.pool.active === 0;
    this.#worker.pool.clear();
    const events = this.#names.drain();
    if (isAll) this.#listener([{ type: 'cleared' }]);
    else if (events.length > 0) this.#listener(events);
  }

  stats(): CoreStats {
    const { running, waiting, pool, preemptions } = this.#worker;
    const { cachedTokens } = this.#counters;
    return {
      running,
      waiting,
      blocksUsed: pool.active,
      blocksTotal: pool.size,
      preemptions,
      ...this.#counters,
      cachedByTier: { gpu: cachedTokens, cpu: 0, disk: 0, remote: 0 },
    };
  }

  async close(): Promise<void> {
    for (const run of [...this.#runs.values()]) this.#cancel(run);
    this.#stopTimer?.();
    this.#stopTimer = null;
  }

  #admit(job: CoreJob): Run | Error {
    let answer: Answer;
    try {
      answer = answerOf(job, this.#options.answerTokens);
    } catch (error) {
      return error as Error;
    }
    const sequence = new Uint32Array(job.tokens.length + answer.tokens.length);
    sequence.set(job.tokens);
    sequence.set(answer.tokens, job.tokens.length);
    // What another worker said is there to be computed in one go, and something is always left to be said.
    const continued = Math.min(job.continued?.length ?? 0, answer.tokens.length - 1);
    const promptTokens = job.tokens.length + continued;
    const sizes = { promptTokens, outputTokens: answer.tokens.length - continued };
    const blocks = this.#names.take(sequence, job.cacheSalt);
    const request = { id: String(this.#nextId++), ...sizes, blocks, priority: job.priority, session: -1 };
    if (!this.#worker.canHold(request)) {
      this.#names.release(blocks);
      const detail = `Prompt and answer of ${sequence.length} tokens do not fit into ${this.info.blocksTotal} KV blocks of ${this.info.blockTokens} tokens.`;
      return new DynamoError('invalid_request', { detail });
    }
    const entry = this.#worker.submit(request);
    const told = job.continued?.length ?? 0;
    return { job, answer, entry, blocks, told, continued, isStarted: false, isOver: false };
  }

  #wake(): void {
    if (this.#stopTimer !== null) return;
    // Requests that come in the same turn of the event loop share the first pass.
    this.#stopTimer = this.#options.clock.after(0, () => {
      this.#anchor = { real: this.#options.clock.now(), simulated: this.#now };
      this.#turn();
    });
  }

  /** Begins the next pass; it ends when its time is over. */
  #turn(): void {
    const pass = this.#worker.pass(this.#now);
    const events = this.#names.drain();
    if (events.length > 0) this.#listener(events);
    if (pass === null) {
      this.#stopTimer = null;
      return;
    }
    this.#now += Math.max(PASS_MS_MIN, pass.durationMs);
    this.#stopTimer = this.#options.clock.after(this.#untilEnd(), () => {
      this.#deliver(pass);
      this.#turn();
    });
  }

  /** Real milliseconds until the pass that runs has ended. Late timers are made up for, so that speeds hold on average. */
  #untilEnd(): number {
    const { clock, speed } = this.#options;
    const due = this.#anchor.real + (this.#now - this.#anchor.simulated) / speed;
    const now = clock.now();
    if (now - due > LAG_MS_MAX) {
      this.#anchor = { real: now, simulated: this.#now };
      this.#options.onLag?.(now - due);
    }
    return Math.max(0, due - now);
  }

  #deliver({ admitted, finished }: PassResult): void {
    for (const entry of admitted) {
      this.#counters.promptTokens += entry.request.promptTokens;
      this.#counters.cachedTokens += entry.cachedTokens ?? 0;
    }
    for (const entry of [...this.#worker.entries, ...finished]) {
      const run = this.#runs.get(entry);
      if (run !== undefined) this.#tell(run);
    }
    for (const entry of finished) {
      const run = this.#runs.get(entry);
      if (run !== undefined) this.#end(run, run.answer.isWhole ? 'stop' : 'length');
    }
  }

  /** As vLLM: an answer begins to arrive with its first token, not when its prompt is taken up. */
  #tell(run: Run): void {
    const { job, entry, answer } = run;
    const cached = entry.cachedTokens ?? 0;
    if (!run.isStarted && entry.generated > 0) {
      run.isStarted = true;
      job.onStart(cached, { gpu: cached, cpu: 0, disk: 0, remote: 0 });
    }
    while (run.told < run.continued + entry.generated && !run.isOver) {
      const token = answer.tokens[run.told++] as number;
      if (token === END_TOKEN) continue;
      this.#counters.generatedTokens += 1;
      const certain = { token, logprob: 0 };
      job.onToken(token, job.logprobs === undefined ? undefined : { ...certain, top: [certain] });
    }
  }

  #cancel(run: Run): void {
    if (run.isOver) return;
    this.#worker.cancel(run.entry);
    this.#end(run, 'cancelled');
  }

  #end(run: Run, reason: CoreFinish): void {
    if (run.isOver) return;
    run.isOver = true;
    this.#runs.delete(run.entry);
    this.#names.release(run.blocks);
    run.job.onEnd(reason);
  }
}
