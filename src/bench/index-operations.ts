/** Operations on a block index, prepared before the clock starts, and the corpus files they come from. */
import { readFileSync } from 'node:fs';
import { DynamoError } from '../errors.js';

export interface IndexOperation {
  kind: 'query' | 'store' | 'remove';
  /** 0 up to the corpus's number of workers; meaningless in a query. */
  worker: number;
  /** Engine hash of the block before the first one of a store, 0n for a root. */
  parent: bigint;
  /** Engine hashes of a store or removal. */
  engine: BigUint64Array;
  /** Local hashes of a query or store. */
  local: BigUint64Array;
}

export interface IndexCorpus {
  name: string;
  definition: string;
  workers: number;
  /** The most blocks one worker holds at once. */
  blocksPerWorker: number;
  operations: IndexOperation[];
  /** Blocks all queries together must find, when that is known. */
  hitBlocks: number | null;
}

/** Moves all hashes into one array in the order of their use: thousands of small ones would keep the collector busy. */
export function packed(operations: readonly IndexOperation[]): IndexOperation[] {
  const total = operations.reduce((sum, { engine, local }) => sum + engine.length + local.length, 0);
  const room = new BigUint64Array(total);
  let at = 0;
  const moved = (hashes: BigUint64Array): BigUint64Array => {
    const copy = room.subarray(at, at + hashes.length);
    copy.set(hashes);
    at += hashes.length;
    return copy;
  };
  return operations.map((operation) => ({
    ...operation,
    engine: moved(operation.engine),
    local: moved(operation.local),
  }));
}

const KINDS = ['', 'query', 'store', 'remove'] as const;
const NOTHING = new BigUint64Array(0);

/**
 * Reads little-endian 64-bit words: a header (kind | worker << 8 | count << 32) and what it announces: 1 = local
 * hashes of a query; 2 = parent, then pairs of engine and local hash; 3 = removed engine hashes. It is the form
 * that the comparison program for NVIDIA Dynamo's indexers writes.
 */
export function readCorpus(file: string): IndexCorpus {
  const bytes = readFileSync(file);
  if (bytes.length === 0 || bytes.length % 8 !== 0)
    throw corrupt(file, 'its size is not a multiple of 8 bytes');
  const words = new BigUint64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const halves = new Uint32Array(words.buffer);
  const operations: IndexOperation[] = [];
  for (let at = 0; at < words.length; ) {
    const head = halves[at * 2]!;
    const kind = KINDS[head & 255];
    const count = halves[at * 2 + 1]!;
    if (kind === undefined || kind === '') throw corrupt(file, `word ${at} is no header`);
    const size = kind === 'store' ? 1 + 2 * count : count;
    if (at + 1 + size > words.length) throw corrupt(file, `word ${at} announces more than there is`);
    operations.push(operation(kind, head >>> 8, words.subarray(at + 1, at + 1 + size)));
    at += 1 + size;
  }
  const workers = operations.reduce((most, { worker }) => Math.max(most, worker + 1), 1);
  const name = file.replace(/^.*\//, '').replace(/\.bin$/, '');
  const definition = `operations of ${name}`;
  return {
    name,
    definition,
    workers,
    blocksPerWorker: mostHeld(operations),
    operations: packed(operations),
    hitBlocks: null,
  };
}

function operation(kind: IndexOperation['kind'], worker: number, words: BigUint64Array): IndexOperation {
  if (kind === 'query') return { kind, worker, parent: 0n, engine: NOTHING, local: words };
  if (kind === 'remove') return { kind, worker, parent: 0n, engine: words, local: NOTHING };
  const count = (words.length - 1) / 2;
  const engine = new BigUint64Array(count);
  const local = new BigUint64Array(count);
  for (let i = 0; i < count; i++) {
    engine[i] = words[1 + 2 * i]!;
    local[i] = words[2 + 2 * i]!;
  }
  return { kind, worker, parent: words[0]!, engine, local };
}

/** Stored minus removed blocks of the fullest worker, at its fullest. */
function mostHeld(operations: readonly IndexOperation[]): number {
  const held = new Map<number, number>();
  let most = 0;
  for (const { kind, worker, engine } of operations) {
    const change = kind === 'store' ? engine.length : -engine.length;
    const now = (held.get(worker) ?? 0) + change;
    held.set(worker, now);
    most = Math.max(most, now);
  }
  return most;
}

function corrupt(file: string, detail: string): DynamoError {
  return new DynamoError('usage', {
    detail: `The corpus ${file} cannot be read: ${detail}.`,
    remedy: 'Give a file of 64-bit words as `dynamo bench index --help` describes it.',
  });
}
