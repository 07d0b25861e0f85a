/** Random operations on an index and on the model, every answer compared. */
import { expect } from 'vitest';
import type { BlockIndex } from '../../../src/router/index/types.js';
import { TIERS, type Tier } from '../../../src/router/types.js';
import { IndexModel, ROOT_NODE } from './index-model.js';

export interface RunOptions {
  seed: number;
  operations: number;
  /** Lanes in use, 1 to 64. */
  lanes: number;
  /** Most blocks one event adds. */
  spread: number;
  /** Distinct local hashes: few make many branches and repetitions. */
  alphabet: number;
}

const PATHS = 24;
const MASK = (1n << 64n) - 1n;

/** Throws (through `expect`) at the first answer that differs from the model's. */
export function randomRun(index: BlockIndex, options: RunOptions): IndexModel {
  return new RandomRun(index, options).run();
}

class RandomRun {
  readonly #model = new IndexModel();
  readonly #lanes: number[] = [];
  /** Known conversations: local hashes from the root. */
  readonly #paths: bigint[][] = [[spread(1n)]];
  readonly #expected = new Uint32Array(256);
  #state: number;

  constructor(
    readonly index: BlockIndex,
    readonly options: RunOptions,
  ) {
    this.#state = options.seed | 0;
    for (let i = 0; i < options.lanes; i++) this.#lanes.push(index.addLane(i * 100));
  }

  run(): IndexModel {
    for (let i = 0; i < this.options.operations; i++) this.#step();
    for (const lane of this.#lanes) this.#checkDump(lane);
    this.#checkStats();
    return this.#model;
  }

  #step(): void {
    const draw = this.#below(1000);
    if (draw < 350) this.#store();
    else if (draw < 600) this.#match();
    else if (draw < 990) this.#remove();
    else if (draw < 993) this.#clear();
    else if (draw < 995) this.#swapLane();
    else if (draw < 996) this.#checkDump(this.#lane());
    else this.#checkStats();
  }

  #store(): void {
    const lane = this.#lane();
    const tier = this.#tier();
    const path = this.#path();
    const start = this.#below(4) === 0 ? this.#below(path.length) : this.#longestHeld(lane, path);
    if (start >= path.length) return;
    const count = 1 + this.#below(path.length - start);
    const nodes = this.#nodes(path);
    const parent = start === 0 ? 0n : this.#parentHash(lane, nodes[start - 1]!);
    const version = this.#below(20) === 0 ? 1 : 0;
    const engine = nodes.slice(start, start + count).map((node) => engineHash(lane, node, version));
    const local = path.slice(start, start + count);
    const stored = this.index.store(
      lane,
      tier,
      parent,
      BigUint64Array.from(engine),
      BigUint64Array.from(local),
    );
    expect(stored).toBe(this.#model.store(lane, tier, parent, engine, local));
  }

  #match(): void {
    const path = this.#path();
    const query =
      this.#below(5) === 0 ? [...path, ...this.#fresh(3)] : path.slice(0, this.#below(path.length + 1));
    const best = this.index.match(BigUint64Array.from(query));
    const expected = this.#model.match(query, this.#expected);
    // Compared by hand first: `toEqual` takes most of the time of a run.
    if (!isSame(this.index.answer, this.#expected)) expect(this.index.answer).toEqual(this.#expected);
    expect(best).toBe(expected);
  }

  #remove(): void {
    const lane = this.#lane();
    const tier = this.#tier();
    const hashes = this.#below(3) === 0 ? this.#someHeld(lane, tier) : this.#pathPart(lane);
    if (this.#below(8) === 0) hashes.push(engineHash(lane, 1_000_000 + this.#below(1000), 0));
    if (this.#below(4) === 0) shuffle(hashes, (n) => this.#below(n));
    const known = this.index.remove(lane, tier, BigUint64Array.from(hashes));
    expect(known).toBe(this.#model.remove(lane, tier, hashes));
  }

  #clear(): void {
    const lane = this.#lane();
    const tier = this.#below(3) === 0 ? undefined : this.#tier();
    this.index.clear(lane, tier);
    this.#model.clear(lane, tier);
  }

  #swapLane(): void {
    const at = this.#below(this.#lanes.length);
    this.#model.clear(this.#lanes[at]!);
    this.index.dropLane(this.#lanes[at]!);
    this.#lanes[at] = this.index.addLane(this.#below(5000));
  }

  /** Hashes of a part of a path, tail first as engines evict, sometimes from its end or all of it. */
  #pathPart(lane: number): bigint[] {
    const path = this.#path();
    const nodes = this.#nodes(path);
    const from = this.#below(nodes.length + 1);
    const to = this.#below(2) === 0 ? nodes.length : from + this.#below(nodes.length - from + 1);
    return nodes
      .slice(from, to)
      .reverse()
      .map((node) => this.#model.hashIn(lane, node) ?? engineHash(lane, node, 0));
  }

  #someHeld(lane: number, tier: Tier): bigint[] {
    return this.#model.held(lane, tier).filter(() => this.#below(6) === 0);
  }

  /** How much of the path the lane holds on any tier: a real engine continues there. */
  #longestHeld(lane: number, path: bigint[]): number {
    const nodes = this.#nodes(path);
    const at = nodes.findIndex((node) => this.#model.hashIn(lane, node) === undefined);
    return at === -1 ? Math.max(0, path.length - 1 - this.#below(3)) : at;
  }

  #parentHash(lane: number, node: number): bigint {
    return this.#model.hashIn(lane, node) ?? engineHash(lane, node, 0);
  }

  #path(): bigint[] {
    if (this.#paths.length > 1 && this.#below(4) !== 0) return this.#paths[this.#below(this.#paths.length)]!;
    const base = this.#paths[this.#below(this.#paths.length)]!;
    const keep = this.#below(2) === 0 ? base.length : this.#below(base.length + 1);
    const cap = this.options.spread * 4;
    const path = [
      ...base.slice(0, Math.min(keep, cap)),
      ...this.#fresh(1 + this.#below(this.options.spread)),
    ];
    if (this.#paths.length < PATHS) this.#paths.push(path);
    else this.#paths[this.#below(PATHS)] = path;
    return path;
  }

  #fresh(count: number): bigint[] {
    return Array.from({ length: count }, () => spread(BigInt(1 + this.#below(this.options.alphabet))));
  }

  #nodes(path: bigint[]): number[] {
    const nodes: number[] = [];
    for (const local of path) nodes.push(this.#model.node(nodes.at(-1) ?? ROOT_NODE, local));
    return nodes;
  }

  #checkDump(lane: number): void {
    const blocks = this.index.dump(lane, 1_000_000);
    const lines = blocks.map((b) => `${b.tier} ${b.localHash} ${b.engineHash} ${b.depth}`).sort();
    expect(lines).toEqual(this.#model.dump(lane));
  }

  #checkStats(): void {
    const { blocks, orphans, refused } = this.index.stats();
    expect({ blocks, orphans, refused }).toEqual({
      blocks: this.#model.blocks,
      orphans: this.#model.orphans,
      refused: 0,
    });
  }

  #lane(): number {
    return this.#lanes[this.#below(this.#lanes.length)]!;
  }

  /** Mostly gpu. */
  #tier(): Tier {
    return TIERS[Math.max(0, this.#below(8) - 4)]!;
  }

  #below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) | 0;
    let h = this.#state ^ (this.#state >>> 15);
    h = Math.imul(h, 0x2c1b3c6d);
    h = (h ^ (h >>> 12)) >>> 0;
    return h % limit;
  }
}

/** Even lanes share one hash function, odd ones have their own; a version is another name of the same block. */
function engineHash(lane: number, node: number, version: number): bigint {
  const family = lane % 2 === 0 ? 0 : lane;
  return spread(BigInt(node) * 1024n + BigInt(family) * 8n + BigInt(version) + (1n << 40n));
}

function spread(value: bigint): bigint {
  const h = (value * 0x9e3779b97f4a7c15n) & MASK;
  return ((h ^ (h >> 29n)) * 0xbf58476d1ce4e5b9n) & MASK;
}

function isSame(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

function shuffle(values: bigint[], below: (limit: number) => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
}
