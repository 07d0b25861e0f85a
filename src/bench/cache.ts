/**
 * What the tiers are worth, with real workers of the embedded engine: reading a prefix against computing it, what
 * writing through costs, and one compute for many workers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type BenchWorker, startBenchWorker } from './bench-worker.js';
import { type Spread, spread } from './statistics.js';

const BLOCK = 64;
const CONTEXT = 8_192;
const OUTPUT = 16;

export interface CacheBenchOptions {
  modelPath: string;
  /** Tokens of the shared prefix; rounded down to whole blocks. */
  prefixTokens: number;
  rounds: number;
  /** Address of a remote store; none = that row is left out. */
  remote?: string | undefined;
  note(text: string): void;
}

export interface LoadRow {
  tier: string;
  ttftMs: Spread;
  cachedTokens: number;
  /** Time to the first token without any cache, over this one. */
  timesFaster: number;
  isSameText: boolean;
}

export interface SharedRow {
  how: string;
  workers: number;
  /** Prompt tokens computed by all workers together, by their own counters, over one whole prompt. */
  prefills: number;
  /** CPU seconds of all workers together over as many prefills. */
  cpuShare: number | null;
  isSameText: boolean;
}

export interface CacheBenchResult {
  definition: string;
  prefixTokens: number;
  coldTtftMs: Spread;
  loads: LoadRow[];
  /**
   * With tiers over without, minus 1, in the same run, turn by turn: time to the first token, and CPU of the whole worker.
   * The second is what a busy machine cannot blur.
   */
  writeThrough: { time: number; cpu: number | null };
  restartOfCold: number;
  shared: SharedRow[];
}

/** Takes some minutes: each row starts fresh workers, so that nothing is in their own memory. */
export async function benchCache(options: CacheBenchOptions): Promise<CacheBenchResult> {
  const bench = new CacheBench(options);
  try {
    return await bench.run();
  } finally {
    bench.clean();
  }
}

class CacheBench {
  readonly #options: CacheBenchOptions;
  readonly #memory: string;
  readonly #disk: string;
  #prompt: number[] = [];
  #salt = '';

  constructor(options: CacheBenchOptions) {
    this.#options = options;
    this.#memory = mkdtempSync(
      path.join(process.platform === 'linux' ? '/dev/shm' : os.tmpdir(), 'dynamo-bench-'),
    );
    this.#disk = mkdtempSync(path.join(os.tmpdir(), 'dynamo-bench-'));
  }

  clean(): void {
    for (const dir of [this.#memory, this.#disk]) rmSync(dir, { recursive: true, force: true });
  }

  async run(): Promise<CacheBenchResult> {
    const { note, rounds, remote } = this.#options;
    note('computing, without tiers and with');
    const plain: Timed[] = [];
    const written: Timed[] = [];
    for (let round = 0; round < rounds; round++) {
      this.#empty();
      // A salt of its own: what an earlier round wrote to a remote store is not found.
      this.#salt = `bench-${process.pid}-${round}`;
      plain.push(await this.#withWorker([], (worker) => this.#timed(worker)));
      written.push(await this.#withWorker(this.#tiers(remote), (worker) => this.#timed(worker)));
    }
    const { text } = plain[0]!;
    const cold = spread(plain.map(({ ttftMs }) => ttftMs));
    const loads: LoadRow[] = [];
    const rows: [string, string[]][] = [
      ['cpu', ['--tier-cpu', this.#memory]],
      ['disk', ['--tier-disk', this.#disk]],
      ...(remote === undefined ? [] : ([['remote', ['--tier-remote', remote]]] as [string, string[]][])),
    ];
    for (const [tier, args] of rows) {
      note(`reading from ${tier}`);
      loads.push(await this.#load(tier, args, text, cold));
    }
    const disk = loads.find(({ tier }) => tier === 'disk')!;
    note('one compute, three loads');
    const single = await this.#prefillCpu();
    return {
      definition: `time to the first token of a prompt of ${this.#prompt.length} tokens on a fresh worker; greedy; text compared with a run without any cache`,
      prefixTokens: this.#prompt.length - 1,
      coldTtftMs: cold,
      loads,
      writeThrough: {
        time: spread(written.map(({ ttftMs }) => ttftMs)).median / cold.median - 1,
        cpu: cpuRatio(written, plain),
      },
      restartOfCold: disk.ttftMs.median / cold.median,
      shared: [
        await this.#shared('after it', null, single, text),
        await this.#shared('1 s apart', 1_000, single, text),
      ],
    };
  }

  async #timed(worker: BenchWorker): Promise<Timed> {
    if (this.#prompt.length === 0) this.#prompt = await prompt(worker, this.#options.prefixTokens);
    const before = worker.cpuSeconds();
    const { ttftMs, text } = await this.#ask(worker, OUTPUT);
    const after = worker.cpuSeconds();
    return { ttftMs, text, cpu: before === null || after === null ? null : after - before };
  }

  #ask(worker: BenchWorker, tokens: number): ReturnType<BenchWorker['complete']> {
    return worker.complete(this.#prompt, tokens, this.#salt);
  }

  async #load(tier: string, args: string[], text: string, cold: Spread): Promise<LoadRow> {
    const times: number[] = [];
    let cachedTokens = 0;
    let isSameText = true;
    for (let round = 0; round < this.#options.rounds; round++) {
      const answer = await this.#withWorker(args, (worker) => this.#ask(worker, OUTPUT));
      times.push(answer.ttftMs);
      cachedTokens = answer.cachedTokens;
      isSameText &&= answer.text === text;
    }
    const ttftMs = spread(times);
    return { tier, ttftMs, cachedTokens, timesFaster: cold.median / ttftMs.median, isSameText };
  }

  /** CPU seconds of one whole prompt without tiers. */
  #prefillCpu(): Promise<number | null> {
    return this.#withWorker([], async (worker) => {
      const before = worker.cpuSeconds();
      await this.#ask(worker, OUTPUT);
      const after = worker.cpuSeconds();
      return before === null || after === null ? null : after - before;
    });
  }

  /** Four workers and the same prompt: `apartMs` = pause between them, null = each after the one before. */
  async #shared(
    how: string,
    apartMs: number | null,
    single: number | null,
    text: string,
  ): Promise<SharedRow> {
    this.#empty();
    const workers = await Promise.all(Array.from({ length: 4 }, () => this.#start(this.#tiers(undefined))));
    try {
      const before = workers.map((worker) => worker.cpuSeconds() ?? 0);
      const computedBefore = await computed(workers);
      const answers = await inTurn(workers, apartMs, (worker) => this.#ask(worker, OUTPUT));
      const used = workers.reduce((sum, worker, at) => sum + (worker.cpuSeconds() ?? 0) - before[at]!, 0);
      return {
        how,
        workers: workers.length,
        prefills: ((await computed(workers)) - computedBefore) / this.#prompt.length,
        cpuShare: single === null ? null : used / (single * workers.length),
        isSameText: answers.every((answer) => answer.text === text),
      };
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  }

  #tiers(remote: string | undefined): string[] {
    const far = remote === undefined ? [] : ['--tier-remote', remote];
    return ['--tier-cpu', this.#memory, '--tier-disk', this.#disk, ...far];
  }

  #empty(): void {
    for (const dir of [this.#memory, this.#disk]) rmSync(dir, { recursive: true, force: true });
  }

  #start(args: string[]): Promise<BenchWorker> {
    const { modelPath } = this.#options;
    return startBenchWorker([
      '--model',
      modelPath,
      '--served-name',
      'bench',
      '--context',
      String(CONTEXT),
      '--slots',
      '2',
      ...args,
    ]);
  }

  async #withWorker<Result>(args: string[], work: (worker: BenchWorker) => Promise<Result>): Promise<Result> {
    const worker = await this.#start(args);
    try {
      return await work(worker);
    } finally {
      // Closing waits until what was computed is written down.
      await worker.stop();
    }
  }
}

interface Timed {
  ttftMs: number;
  /** CPU seconds of the whole answer, which is short. */
  cpu: number | null;
  text: string;
}

/** Medians over medians, minus 1. */
function cpuRatio(some: readonly Timed[], others: readonly Timed[]): number | null {
  const seconds = (timed: readonly Timed[]) => timed.flatMap(({ cpu }) => (cpu === null ? [] : [cpu]));
  const [a, b] = [seconds(some), seconds(others)];
  return a.length === 0 || b.length === 0 ? null : spread(a).median / spread(b).median - 1;
}

async function computed(workers: readonly BenchWorker[]): Promise<number> {
  const counts = await Promise.all(workers.map((worker) => worker.computedTokens()));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function inTurn<Item, Result>(
  items: readonly Item[],
  apartMs: number | null,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Promise<Result>[] = [];
  for (const item of items) {
    const result = work(item);
    results.push(result);
    if (apartMs === null) await result;
    else await new Promise((resolve) => setTimeout(resolve, apartMs));
  }
  return Promise.all(results);
}

/** Whole blocks and one token more: what is measured is the prefix, not a tail. */
async function prompt(worker: BenchWorker, wanted: number): Promise<number[]> {
  const words = Array.from({ length: wanted }, (_, at) => `line ${at} of file ${(at * 7) % 97}`).join('\n');
  const tokens = await worker.tokenize(words);
  return tokens.slice(0, Math.floor(wanted / BLOCK) * BLOCK + 1);
}
