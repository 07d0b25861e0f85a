/** The block index as a child would write it: maps of sets. Slow and obviously right. */
import { TIERS, type Tier } from '../../../src/router/types.js';

interface Held {
  /** Engine hash of each node held. */
  hashOf: Map<number, bigint>;
  nodeOf: Map<bigint, number>;
}

export const ROOT_NODE = 0;

export class IndexModel {
  orphans = 0;
  readonly #children = new Map<string, number>();
  readonly #depths = [0];
  readonly #locals = [0n];
  readonly #held: Held[] = Array.from({ length: 256 }, () => ({ hashOf: new Map(), nodeOf: new Map() }));

  /** Number that stands for a prefix. */
  node(parent: number, local: bigint): number {
    const key = `${parent}:${local}`;
    let node = this.#children.get(key);
    if (node === undefined) {
      node = this.#depths.length;
      this.#depths.push(this.#depths[parent]! + 1);
      this.#locals.push(local);
      this.#children.set(key, node);
    }
    return node;
  }

  /** Engine hash under which a lane holds the node on any tier. */
  hashIn(lane: number, node: number): bigint | undefined {
    for (let tier = 0; tier < 4; tier++) {
      const hash = this.#held[lane * 4 + tier]!.hashOf.get(node);
      if (hash !== undefined) return hash;
    }
    return undefined;
  }

  held(lane: number, tier: Tier): bigint[] {
    return [...this.#sub(lane, tier).nodeOf.keys()];
  }

  store(lane: number, tier: Tier, parent: bigint, engine: bigint[], local: bigint[]): boolean {
    let node = parent === 0n ? ROOT_NODE : this.#find(lane, parent);
    if (node === undefined) {
      this.orphans += 1;
      return false;
    }
    const { hashOf, nodeOf } = this.#sub(lane, tier);
    for (const [at, hash] of engine.entries()) {
      node = this.node(node, local[at]!);
      const before = hashOf.get(node);
      if (before !== undefined) nodeOf.delete(before);
      hashOf.set(node, hash);
      nodeOf.set(hash, node);
    }
    return true;
  }

  remove(lane: number, tier: Tier, engine: bigint[]): number {
    const { hashOf, nodeOf } = this.#sub(lane, tier);
    let known = 0;
    for (const hash of engine) {
      const node = nodeOf.get(hash);
      if (node === undefined) continue;
      nodeOf.delete(hash);
      hashOf.delete(node);
      known += 1;
    }
    return known;
  }

  clear(lane: number, tier?: Tier): void {
    for (const name of TIERS) {
      if (tier !== undefined && tier !== name) continue;
      this.#sub(lane, name).hashOf.clear();
      this.#sub(lane, name).nodeOf.clear();
    }
  }

  match(local: bigint[], out: Uint32Array): number {
    const path: number[] = [];
    let node: number | undefined = ROOT_NODE;
    for (const hash of local) {
      node = this.#children.get(`${node}:${hash}`);
      if (node === undefined) break;
      path.push(node);
    }
    let best = 0;
    for (let lane = 0; lane < 64; lane++) {
      let total = 0;
      for (let tier = 0; tier < 4; tier++) {
        const { hashOf } = this.#held[lane * 4 + tier]!;
        const from = total;
        while (total < path.length && hashOf.has(path[total]!)) total += 1;
        out[lane * 4 + tier] = total - from;
      }
      best = Math.max(best, total);
    }
    return best;
  }

  get blocks(): number {
    return this.#held.reduce((sum, { hashOf }) => sum + hashOf.size, 0);
  }

  dump(lane: number): string[] {
    return TIERS.flatMap((tier) =>
      [...this.#sub(lane, tier).hashOf].map(
        ([node, hash]) => `${tier} ${hex(this.#locals[node]!)} ${hex(hash)} ${this.#depths[node]}`,
      ),
    ).sort();
  }

  #find(lane: number, hash: bigint): number | undefined {
    for (let tier = 0; tier < 4; tier++) {
      const node = this.#held[lane * 4 + tier]!.nodeOf.get(hash);
      if (node !== undefined) return node;
    }
    return undefined;
  }

  #sub(lane: number, tier: Tier): Held {
    return this.#held[lane * 4 + TIERS.indexOf(tier)]!;
  }
}

function hex(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}
