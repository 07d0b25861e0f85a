/** Corpora made here: what agents and what chats do to the blocks of several workers. Same seed, same operations. */
import { type IndexCorpus, type IndexOperation, packed } from './index-operations.js';

interface Shape {
  workers: number;
  /** Blocks one worker holds; the least recently used leave, a prompt's last ones first. */
  capacity: number;
  sessions: number;
  /** Sessions that go on at the same time, turn by turn; then come the next ones. */
  active: number;
  turns: number;
  /** Blocks all sessions begin with. */
  headBlocks: number;
  /** Most blocks of a first prompt beyond the head, and most that each turn adds. */
  firstBlocks: number;
  turnBlocks: number;
}

const AGENTS: Shape = {
  workers: 16,
  capacity: 12_000,
  sessions: 400,
  active: 100,
  turns: 30,
  headBlocks: 230,
  firstBlocks: 500,
  turnBlocks: 60,
};
const CHATS: Shape = {
  workers: 16,
  capacity: 6_000,
  sessions: 8_000,
  active: 2_000,
  turns: 2,
  headBlocks: 4,
  firstBlocks: 150,
  turnBlocks: 60,
};

export function agentsCorpus(): IndexCorpus {
  const definition =
    '400 coding sessions of 30 turns that share 230 blocks, 100 at a time, over 16 workers of 12,000 blocks';
  return generate('agents', definition, AGENTS);
}

export function chatsCorpus(): IndexCorpus {
  const definition =
    '8,000 short chats of 2 turns that share 4 blocks, 2,000 at a time, over 16 workers of 6,000 blocks';
  return generate('chats', definition, CHATS);
}

/** One worker's blocks, least recently used first. */
interface Store {
  blocks: Map<number, true>;
  /** Blocks computed so far: the load that breaks ties. */
  computed: number;
}

function generate(name: string, definition: string, shape: Shape): IndexCorpus {
  const next = generator(7);
  const stores: Store[] = Array.from({ length: shape.workers }, () => ({ blocks: new Map(), computed: 0 }));
  const operations: IndexOperation[] = [];
  let hitBlocks = 0;
  const lengths = Array.from(
    { length: shape.sessions },
    () => shape.headBlocks + 1 + next(shape.firstBlocks),
  );
  for (const session of order(shape)) {
    const length = lengths[session]!;
    hitBlocks += serve(prompt(session, length, shape.headBlocks), stores, shape, operations);
    lengths[session] = length + 1 + next(shape.turnBlocks);
  }
  const { workers, capacity } = shape;
  return { name, definition, workers, blocksPerWorker: capacity, operations: packed(operations), hitBlocks };
}

/** Sessions in the order of their requests. */
function* order({ sessions, active, turns }: Shape): Generator<number> {
  for (let first = 0; first < sessions; first += active) {
    for (let turn = 0; turn < turns; turn++) {
      for (let session = first; session < first + active; session++) yield session;
    }
  }
}

/** One request: looked up, stored where most of it is, the oldest evicted; how many blocks were found. */
function serve(prompt: number[], stores: Store[], shape: Shape, operations: IndexOperation[]): number {
  operations.push(entry('query', 0, 0n, [], prompt));
  const held = stores.map(({ blocks }) => heldPrefix(blocks, prompt));
  const most = Math.max(...held);
  // What every worker has soon is no reason for one of them.
  const isNew = most <= shape.headBlocks;
  const candidates = [...stores.keys()].filter((worker) => isNew || held[worker] === most);
  const worker = candidates.reduce((a, b) => (stores[b]!.computed < stores[a]!.computed ? b : a));
  const store = stores[worker]!;
  const kept = held[worker]!;
  const added = prompt.slice(kept);
  const parent = kept === 0 ? 0n : engineHash(prompt[kept - 1]!);
  if (added.length > 0) operations.push(entry('store', worker, parent, added, added));
  store.computed += added.length;
  for (const block of prompt.toReversed()) {
    store.blocks.delete(block);
    store.blocks.set(block, true);
  }
  const evicted = [...take(store.blocks, store.blocks.size - shape.capacity)];
  for (const block of evicted) store.blocks.delete(block);
  if (evicted.length > 0) operations.push(entry('remove', worker, 0n, evicted, []));
  return most;
}

/** A prompt's last blocks leave first, so what is held of it is found by halving. */
function heldPrefix(blocks: Map<number, true>, prompt: readonly number[]): number {
  let low = 0;
  let high = prompt.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (blocks.has(prompt[middle - 1]!)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function* take(blocks: Map<number, true>, count: number): Generator<number> {
  let left = count;
  for (const block of blocks.keys()) {
    if (left-- <= 0) return;
    yield block;
  }
}

/** Numbers of a session's blocks: the head's are the same for all. */
function prompt(session: number, length: number, headBlocks: number): number[] {
  return Array.from({ length }, (_, i) => (i < headBlocks ? i : (session + 1) * 1_000_000 + i));
}

function entry(
  kind: IndexOperation['kind'],
  worker: number,
  parent: bigint,
  engine: number[],
  local: number[],
): IndexOperation {
  return {
    kind,
    worker,
    parent,
    engine: BigUint64Array.from(engine, engineHash),
    local: BigUint64Array.from(local, localHash),
  };
}

const localHash = (block: number): bigint => mix(BigInt(block) * 2n + 1n);
const engineHash = (block: number): bigint => mix(BigInt(block) * 2n + 2n);

/** A bijection of 64 bits (splitmix64's finalizer), so distinct blocks have distinct hashes. */
function mix(value: bigint): bigint {
  let h = BigInt.asUintN(64, value * 0x9e3779b97f4a7c15n);
  h = BigInt.asUintN(64, (h ^ (h >> 30n)) * 0xbf58476d1ce4e5b9n);
  h = BigInt.asUintN(64, (h ^ (h >> 27n)) * 0x94d049bb133111ebn);
  return h ^ (h >> 31n);
}

/** Numbers below a limit, always the same ones. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % limit;
  };
}
