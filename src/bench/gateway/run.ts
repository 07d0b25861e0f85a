/** `dynamo bench gateway`: our gateway beside a pass-through and no gateway at all, over an upstream of negligible cost. */
import type { Paths } from '../../cli/paths.js';
import { modelsDir } from '../../cli/paths.js';
import { findModel, modelPath } from '../../model/catalog.js';
import { ensureModel } from '../../stack/ensure-model.js';
import { resolvePlan } from '../../stack/resolve-plan.js';
import { type OwnStack, withOwnStack } from '../own-stack.js';
import { type BenchChild, type Driver, startDriver, startPassThrough, startUpstream } from './children.js';

export interface Bench {
  driver: Driver;
  upstream: BenchChild;
  passThrough: BenchChild;
  stack: OwnStack;
}

export interface BenchOptions {
  paths: Paths;
  router: string;
  /** `tokenizer.json`, its folder or a GGUF file; null = the default model's. */
  tokenizer: string | null;
  /** Seconds a cell is measured for; the warm-up is in proportion. */
  seconds: number;
  note(text: string): void;
}

/** The default model's file is only read for its tokenizer and template. */
const DEFAULT_MODEL = 'smollm2';
/** Enough for the compiler to have seen every path: a gateway that has run for a while is what is measured. */
const WARM_UP_REQUESTS = 3_000;

/** Starts every process, does `work`, and ends them whatever happened. */
export async function withBench<T>(options: BenchOptions, work: (bench: Bench) => Promise<T>): Promise<T> {
  const { paths, router, note } = options;
  const tokenizer = options.tokenizer ?? (await defaultTokenizer(paths));
  const running: { stop(): Promise<void> }[] = [];
  const keep = <C extends { stop(): Promise<void> }>(child: C): C => {
    running.push(child);
    return child;
  };
  try {
    const upstream = keep(await startUpstream());
    const passThrough = keep(await startPassThrough(upstream.urls));
    const driver = keep(await startDriver());
    const wish = { attach: upstream.urls, tokenizer, set: {} };
    const name = `bench-${process.pid}`;
    return await withOwnStack({ paths, wish, router, name }, async (stack) => {
      const bench = { driver, upstream, passThrough, stack };
      note('warming every candidate up');
      await warmUp(bench, Math.ceil(WARM_UP_REQUESTS * Math.min(1, options.seconds)));
      return work(bench);
    });
  } finally {
    await Promise.all(running.map((child) => child.stop()));
  }
}

/** Compiled code and open connections, so that the first cell is like the last. */
async function warmUp({ driver, upstream, passThrough, stack }: Bench, requests: number): Promise<void> {
  const targets = [upstream.urls[0] ?? '', passThrough.urls[0] ?? '', stack.url];
  for (const url of targets) {
    for (const isStream of [true, false]) {
      const cell = { mode: 'repeated', bodyBytes: 16_384, isStream, connections: 4 } as const;
      await driver.run({ kind: 'measure', ...cell, url, pid: 0, requests, seed: 1 });
    }
  }
}

async function defaultTokenizer(paths: Paths): Promise<string> {
  const { plan } = await resolvePlan({ recipe: DEFAULT_MODEL, set: {} }, paths);
  await ensureModel(plan, modelsDir(paths));
  return modelPath(modelsDir(paths), findModel(DEFAULT_MODEL));
}
