/**
 * A core without a library: tokens are UTF-8 bytes, answers are scripted by the prompt, and nothing happens before
 * the next turn of the event loop, as in the real one.
 */
import type {
  CoreFinish,
  CoreHandle,
  CoreInfo,
  CoreJob,
  CoreKvEvent,
  CoreStats,
  EngineCore,
  TokenLogprobs,
} from '../../../../src/engines/embedded/types.js';

export const END = 256;
export const VOCAB = 300;

/** What a job is answered with. */
export interface Script {
  /** Text, or bytes where a character must be cut in two. */
  output: string | Uint8Array;
  cached?: number;
  /** How it ends when the output is written within `maxTokens`. */
  finish?: CoreFinish;
  error?: Error;
  /** Ends with the error before it starts, as a job with a bad grammar does. */
  refusal?: Error;
}

export class FakeCore implements EngineCore {
  readonly info: CoreInfo = {
    engine: 'llama.cpp',
    libraryVersion: '0.0.0-fake',
    modelSha256: 'f'.repeat(64),
    contextTokens: 1_000,
    blockTokens: 64,
    blocksTotal: 60,
    slots: 4,
    vocabTokens: VOCAB,
    kvBytesPerToken: 1,
  };
  readonly jobs: CoreJob[] = [];
  readonly cancelled: CoreJob[] = [];
  readonly counters = {
    promptTokens: 0,
    cachedTokens: 0,
    cachedByTier: { gpu: 0, cpu: 0, disk: 0, remote: 0 },
    generatedTokens: 0,
  };
  /** Held jobs write nothing until they are let go or cancelled. */
  isHeld = false;
  cleared = 0;
  #listener: (events: CoreKvEvent[]) => void = () => {};
  #running = 0;

  constructor(readonly script: (job: CoreJob, index: number) => Script) {}

  tokenize(text: string): Uint32Array {
    return Uint32Array.from(Buffer.from(text));
  }

  piece(token: number): Uint8Array {
    return token < 256 ? Uint8Array.of(token) : new Uint8Array();
  }

  isEndOfGeneration(token: number): boolean {
    return token === END;
  }

  submit(job: CoreJob): CoreHandle {
    const script = this.script(job, this.jobs.push(job) - 1);
    const state = { isCancelled: false };
    void this.#run(job, script, state);
    return {
      cancel: () => {
        if (!state.isCancelled) this.cancelled.push(job);
        state.isCancelled = true;
      },
    };
  }

  async #run(job: CoreJob, script: Script, state: { isCancelled: boolean }): Promise<void> {
    this.#running += 1;
    const end = (reason: CoreFinish, error?: Error): void => {
      this.#running -= 1;
      job.onEnd(reason, error);
    };
    await turn();
    if (script.refusal !== undefined) return end('error', script.refusal);
    this.counters.promptTokens += job.tokens.length;
    this.counters.cachedTokens += script.cached ?? 0;
    job.onStart(script.cached ?? 0);
    const output = typeof script.output === 'string' ? Buffer.from(script.output) : script.output;
    for (const [at, token] of output.entries()) {
      do await turn();
      while (this.isHeld && !state.isCancelled);
      if (state.isCancelled) return end('cancelled');
      if (at === job.maxTokens) return end('length');
      this.counters.generatedTokens += 1;
      job.onToken(token, job.logprobs === undefined ? undefined : logprobsOf(token, job.logprobs));
    }
    await turn();
    if (state.isCancelled) return end('cancelled');
    end(script.finish ?? 'stop', script.error);
  }

  onKvEvents(listener: (events: CoreKvEvent[]) => void): void {
    this.#listener = listener;
  }

  emit(events: CoreKvEvent[]): void {
    this.#listener(events);
  }

  clearCache(): void {
    this.cleared += 1;
  }

  stats(): CoreStats {
    return { running: this.#running, waiting: 2, blocksUsed: 15, blocksTotal: 60, ...this.counters };
  }

  async close(): Promise<void> {}
}

/** Log probability −0.1 for the chosen byte, −1, −2, … for the bytes after it. */
function logprobsOf(token: number, count: number): TokenLogprobs {
  const top = Array.from({ length: count }, (_, at) => ({
    token: (token + at) % 256,
    logprob: at === 0 ? -0.1 : -at,
  }));
  return { token, logprob: -0.1, top };
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
