/** `dynamo bench index`: how many block operations per second the router's index does on one core. */
import { createBlockIndex, type IndexOptions } from '../router/index/create-index.js';
import type { BlockIndex, Lane } from '../router/index/types.js';
import type { IndexCorpus, IndexOperation } from './index-operations.js';
import { collectGarbage } from './quiet.js';
import { spread } from './statistics.js';

export interface Rate {
  min: number;
  median: number;
  max: number;
}

export interface IndexResult {
  corpus: string;
  definition: string;
  implementation: string;
  cores: 1;
  /** Fresh memory: nothing was touched ahead. */
  blockOpsPerSecond: Rate;
  /** The same with each worker's blocks announced when it registers, which touches their memory. */
  reservedBlockOpsPerSecond: Rate;
  /** Lookups of all queries on the filled index, three times; hashes written just before. */
  lookupOnlyBlockOpsPerSecond: Rate;
  callsPerSecond: number;
  queryBlocks: number;
  storedBlocks: number;
  removedBlocks: number;
  hitBlocks: number;
  /** Whether every run's hits equal the generator's own count; null when the corpus does not say. */
  hitsExact: boolean | null;
  lookupUs: { p50: number; p99: number; max: number };
  eventUs: { p50: number; p99: number; max: number };
  bytesPerBlock: number;
}

const DEFINITION =
  'block operations = looked-up + stored + removed hashes, hashed before, in process, every write applied before the next lookup';
/** Compilers work beside us at first. */
const WARM_UP_MS = 2_500;
const LOOKUP_PASSES = 3;

/** Runs a corpus `runs` times on fresh indexes, after warming the code up on indexes that are thrown away. */
export function benchIndex(
  corpus: IndexCorpus,
  implementation: NonNullable<IndexOptions['implementation']>,
  runs: number,
  warmUpMs = WARM_UP_MS,
): IndexResult {
  const { operations } = corpus;
  const start = (blocks: number) => new Run(corpus, implementation, blocks);
  warmUp(start, operations, warmUpMs);
  const count = countBlocks(operations);
  const total = count.query + count.store + count.remove;
  const measured = (blocks: number) => {
    const run = start(blocks);
    collectGarbage();
    return run.measure(operations);
  };
  const cold = Array.from({ length: runs }, () => measured(0));
  const reserved = Array.from({ length: runs }, () => measured(corpus.blocksPerWorker));
  const timed = start(0);
  const times = timed.measureEach(operations);
  const { blocks, bytes } = timed.index.stats();
  const lookups = Array.from({ length: runs }, () => timed.measureLookups(operations, { isQuiet: true }));
  const hits = [...cold, ...reserved].map((run) => run.hits);
  const hitBlocks = hits[0] ?? 0;
  const coldSeconds = cold.map((run) => run.seconds);
  return {
    corpus: corpus.name,
    definition: `${corpus.definition}; ${DEFINITION}`,
    implementation,
    cores: 1,
    blockOpsPerSecond: rate(total, coldSeconds),
    reservedBlockOpsPerSecond: rate(
      total,
      reserved.map((run) => run.seconds),
    ),
    lookupOnlyBlockOpsPerSecond: rate(count.query * LOOKUP_PASSES, lookups),
    callsPerSecond: rate(operations.length, coldSeconds).median,
    queryBlocks: count.query,
    storedBlocks: count.store,
    removedBlocks: count.remove,
    hitBlocks,
    hitsExact: corpus.hitBlocks === null ? null : hits.every((value) => value === corpus.hitBlocks),
    lookupUs: percentiles(times.lookups),
    eventUs: percentiles(times.events),
    bytesPerBlock: bytes / Math.max(1, blocks),
  };
}

function warmUp(
  start: (blocks: number) => Run,
  operations: readonly IndexOperation[],
  atLeastMs: number,
): void {
  const begun = performance.now();
  do {
    const run = start(0);
    run.measure(operations);
    run.measureLookups(operations, { isQuiet: false });
  } while (performance.now() - begun < atLeastMs);
}

/** One index with the corpus's workers registered. */
class Run {
  readonly index: BlockIndex;
  readonly #lanes: Lane[];

  constructor(
    corpus: IndexCorpus,
    implementation: NonNullable<IndexOptions['implementation']>,
    blocks: number,
  ) {
    this.index = createBlockIndex({ implementation });
    this.#lanes = Array.from({ length: corpus.workers }, () => this.index.addLane(blocks));
  }

  measure(operations: readonly IndexOperation[]): { seconds: number; hits: number } {
    const start = performance.now();
    let hits = 0;
    for (let i = 0; i < operations.length; i++) hits += this.#apply(operations[i]!);
    return { seconds: (performance.now() - start) / 1000, hits };
  }

  /** Milliseconds of each call; the clock's own time is in them. */
  measureEach(operations: readonly IndexOperation[]): { lookups: number[]; events: number[] } {
    const lookups: number[] = [];
    const events: number[] = [];
    for (const operation of operations) {
      const start = performance.now();
      this.#apply(operation);
      (operation.kind === 'query' ? lookups : events).push(performance.now() - start);
    }
    return { lookups, events };
  }

  /** Seconds for all queries, `LOOKUP_PASSES` times. */
  measureLookups(operations: readonly IndexOperation[], { isQuiet }: { isQuiet: boolean }): number {
    const queries = written(operations);
    if (isQuiet) collectGarbage();
    const start = performance.now();
    for (let pass = 0; pass < LOOKUP_PASSES; pass++) {
      for (let i = 0; i < queries.length; i++) this.index.match(queries[i]!);
    }
    return (performance.now() - start) / 1000;
  }

  /** Blocks found, for a query. */
  #apply(operation: IndexOperation): number {
    const { kind, engine, local } = operation;
    if (kind === 'query') return this.index.match(local);
    const lane = this.#lanes[operation.worker]!;
    if (kind === 'store') this.index.store(lane, 'gpu', operation.parent, engine, local);
    else this.index.remove(lane, 'gpu', engine);
    return 0;
  }
}

/** The queries' hashes, copied into one array just now, as a caller that has hashed its prompts has them. */
function written(operations: readonly IndexOperation[]): BigUint64Array[] {
  const queries = operations.filter(({ kind }) => kind === 'query');
  const room = new BigUint64Array(queries.reduce((sum, { local }) => sum + local.length, 0));
  let at = 0;
  return queries.map(({ local }) => {
    const copy = room.subarray(at, at + local.length);
    copy.set(local);
    at += local.length;
    return copy;
  });
}

function countBlocks(operations: readonly IndexOperation[]): Record<IndexOperation['kind'], number> {
  const count = { query: 0, store: 0, remove: 0 };
  for (const { kind, engine, local } of operations)
    count[kind] += kind === 'query' ? local.length : engine.length;
  return count;
}

function rate(blocks: number, seconds: readonly number[]): Rate {
  const { min, median, max } = spread(seconds.map((value) => blocks / value));
  return { min, median, max };
}

function percentiles(milliseconds: number[]): { p50: number; p99: number; max: number } {
  const sorted = milliseconds.map((value) => value * 1000).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
