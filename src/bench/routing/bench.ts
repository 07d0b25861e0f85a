/** `dynamo bench routing`: our router beside NVIDIA Dynamo's formula, everything by replay of real traces. */
import { readWorkload } from '../../replay/read.js';
import { blocksFor, shaped } from '../../replay/shape.js';
import type { Workload } from '../../replay/types.js';
import { type Machine, machine } from '../machine.js';
import { type CellFigures, type RoutedBy, runCell, TAG_EVERY, WORKERS } from './cell.js';

export interface RoutingBenchOptions {
  /** Claude Code session files: conversations that wait for their answers. */
  sessions: string[];
  /** Requests at fixed times (Mooncake rows); undefined leaves those rows out. */
  openLoop?: string | undefined;
  seed: number;
  note(text: string): void;
}

/** `f` = KV of all workers ÷ distinct blocks, null where `blocks` per worker are given instead. */
export interface RoutingRow {
  part: 'capacity' | 'pausing' | 'priority' | 'open-loop' | 'overload';
  f: number | null;
  blocks: number;
  variant: string;
  router: string;
  figures: CellFigures;
}

export interface RoutingBenchResult {
  definition: string;
  machine: Machine;
  seed: number;
  rows: RoutingRow[];
}

export const CAPACITIES = [1, 0.5, 0.25];
export const OURS: RoutedBy = { name: 'kv', policy: 'kv' };
export const THEIRS: RoutedBy = { name: 'dynamo', policy: 'dynamo' };
/** The best flag of Dynamo's that its own simulator showed. */
export const THEIR_BEST: RoutedBy[] = [4, 16].map((prefillLoadScale) => ({
  name: `dynamo, scale ${prefillLoadScale}`,
  policy: 'dynamo' as const,
  prefillLoadScale,
}));
const TURNS: RoutedBy = { name: 'round-robin', policy: 'round-robin' };
export const PAUSING: RoutedBy = { name: 'kv, pause 60 s', policy: 'kv', pauseMs: 60_000 };
export const TAGGED = ', tagged';

const TIGHT = 0.25;
const OVERLOAD = 4;
const OPEN_LOOP_BLOCKS = 16_384;
const BLOCK_TOKENS = 64;
const VARIANTS = [
  { name: 'stagger 1 s', staggerMs: 1_000, privateTools: true },
  { name: 'stagger 5 s', staggerMs: 5_000, privateTools: true },
  { name: 'stagger 10 s', staggerMs: 10_000, privateTools: true },
  { name: 'stagger 5 s, tools shared', staggerMs: 5_000, privateTools: false },
];

const DEFINITION = `${WORKERS} workers, ${BLOCK_TOKENS}-token blocks, timing of NVIDIA Dynamo's mock engine; f = KV of all workers ÷ distinct blocks; a conversation's next request leaves its pause (30 s at most) after the answer; ${VARIANTS.length} variants: ${VARIANTS.map(({ name }) => name).join(' | ')}; one default setting of ours for all; tagged = every ${TAG_EVERY}th conversation or single request`;

/** Some minutes of one core; the same traces and seed give the same figures on any machine, CPU seconds apart. */
export async function benchRouting(options: RoutingBenchOptions): Promise<RoutingBenchResult> {
  const bench = new RoutingBench(options);
  for (const variant of VARIANTS) await bench.conversations(variant);
  if (options.openLoop !== undefined) await bench.openLoop(options.openLoop);
  return { definition: DEFINITION, machine: machine(), seed: options.seed, rows: bench.rows };
}

class RoutingBench {
  readonly rows: RoutingRow[] = [];
  readonly #options: RoutingBenchOptions;

  constructor(options: RoutingBenchOptions) {
    this.#options = options;
  }

  async conversations({ name, staggerMs, privateTools }: (typeof VARIANTS)[number]): Promise<void> {
    const workload = await this.#read(this.#options.sessions, { staggerMs, privateTools });
    const blocksAt = (f: number): number => blocksFor(workload, { capacity: f, workers: WORKERS });
    for (const f of CAPACITIES) {
      for (const by of [OURS, THEIRS, ...THEIR_BEST, TURNS]) {
        await this.#run(workload, { part: 'capacity', f, blocks: blocksAt(f), variant: name, by });
      }
    }
    const tight = { f: TIGHT, blocks: blocksAt(TIGHT), variant: name };
    await this.#run(workload, { part: 'pausing', ...tight, by: PAUSING });
    await this.#run(shaped(workload, { every: TAG_EVERY }), { part: 'priority', ...tight, by: tagged(OURS) });
  }

  async openLoop(file: string): Promise<void> {
    const workload = await this.#read([file], { staggerMs: 0, privateTools: false });
    const cell = { f: null, blocks: OPEN_LOOP_BLOCKS };
    for (const by of [OURS, THEIRS, ...THEIR_BEST, TURNS]) {
      await this.#run(workload, { part: 'open-loop', ...cell, variant: 'as recorded', by });
    }
    const variant = `${OVERLOAD} times as fast`;
    const fast = shaped(workload, { speed: OVERLOAD });
    for (const by of [OURS, THEIRS]) await this.#run(fast, { part: 'overload', ...cell, variant, by });
    const urgent = shaped(fast, { every: TAG_EVERY });
    await this.#run(urgent, { part: 'overload', ...cell, variant, by: tagged(OURS) });
  }

  #read(files: string[], variant: { staggerMs: number; privateTools: boolean }): Promise<Workload> {
    return readWorkload(files, {
      blockTokens: BLOCK_TOKENS,
      traceBlockTokens: null,
      maxDelayMs: 30_000,
      ...variant,
    });
  }

  async #run(
    workload: Workload,
    { by, ...row }: Omit<RoutingRow, 'router' | 'figures'> & { by: RoutedBy },
  ): Promise<void> {
    this.#options.note(`${row.variant}, ${row.f === null ? '' : `f = ${row.f}, `}${by.name}`);
    const figures = await runCell(workload, { blocks: row.blocks, by, seed: this.#options.seed });
    this.rows.push({ ...row, router: by.name, figures });
  }
}

const tagged = (by: RoutedBy): RoutedBy => ({ ...by, name: `${by.name}${TAGGED}` });
