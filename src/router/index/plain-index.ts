/** The block index in plain JS: where WebAssembly is missing, and second opinion in the tests of the other. */
import { LIMITS } from '../../limits.js';
import { TIERS, type Tier } from '../types.js';
import { Lanes } from './lanes.js';
import { PlainMembers } from './plain-members.js';
import { PlainTrie, ROOT } from './plain-trie.js';
import type { BlockIndex, HeldBlock, IndexStats, Lane } from './types.js';

/** A hash of 0 is a legal value of an engine but means "none" here; this one stands for it. */
const ZERO_HASH = 0x9e3779b9;

/** Typed arrays and open addressing throughout; a sub is lane * 4 + tier. */
export class PlainBlockIndex implements BlockIndex {
  readonly #maxBytes: number;
  readonly #lanes = new Lanes();
  readonly #trie = new PlainTrie();
  readonly #members = new PlainMembers();
  readonly #heldByTier = new Float64Array(TIERS.length);
  readonly answer = new Uint32Array(LIMITS.workersMax * TIERS.length);
  #path = new Uint32Array(1_024);
  #orphans = 0;
  #refused = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Memory is not touched ahead here: doubling would copy it anyway. */
  addLane(_blocks: number): Lane {
    return this.#lanes.take();
  }

  dropLane(lane: Lane): void {
    this.clear(lane);
    this.#lanes.free(lane);
  }

  store(
    lane: Lane,
    tier: Tier,
    parent: bigint,
    engineHashes: BigUint64Array,
    localHashes: BigUint64Array,
  ): boolean {
    if (!this.#lanes.has(lane)) return false;
    const sub = lane * 4 + TIERS.indexOf(tier);
    let node = parent === 0n ? ROOT : this.#parentNode(sub, parent);
    if (node === 0) {
      this.#orphans += 1;
      return false;
    }
    const count = Math.min(engineHashes.length, localHashes.length);
    if (this.#trie.bytesWith(count) + this.#members.bytesWith(count) > this.#maxBytes) {
      this.#refused += 1;
      return false;
    }
    const engine = wordsOf(engineHashes);
    const local = wordsOf(localHashes);
    for (let i = 0; i < count; i++) {
      node = this.#trie.childOrNew(node, local[i * 2]!, local[i * 2 + 1]!);
      this.#hold(sub, node, lowOf(engine, i), engine[i * 2 + 1]!);
    }
    return true;
  }

  remove(lane: Lane, tier: Tier, engineHashes: BigUint64Array): number {
    const sub = lane * 4 + TIERS.indexOf(tier);
    const engine = wordsOf(engineHashes);
    let known = 0;
    for (let i = 0; i < engineHashes.length; i++) {
      const member = this.#members.byHash(sub, lowOf(engine, i), engine[i * 2 + 1]!);
      if (member === 0) continue;
      this.#letGo(sub, member);
      known += 1;
    }
    return known;
  }

  clear(lane: Lane, tier?: Tier): void {
    for (const [at, name] of TIERS.entries()) {
      if (tier !== undefined && name !== tier) continue;
      const sub = lane * 4 + at;
      while (this.#members.heads[sub] !== 0) this.#letGo(sub, this.#members.heads[sub]!);
    }
  }

  match(localHashes: BigUint64Array): number {
    const out = this.answer;
    out.fill(0);
    const isTiered = this.#heldByTier[1]! + this.#heldByTier[2]! + this.#heldByTier[3]! > 0;
    const depth = this.#descend(wordsOf(localHashes), isTiered, out);
    if (isTiered) this.#continueBelow(depth, out);
    let best = 0;
    for (let at = 0; at < out.length; at += 4) {
      best = Math.max(best, out[at]! + out[at + 1]! + out[at + 2]! + out[at + 3]!);
    }
    return best;
  }

  stats(): IndexStats {
    const bytes = this.#trie.bytes + this.#members.bytes + this.#path.byteLength;
    return { blocks: this.#members.size, bytes, orphans: this.#orphans, refused: this.#refused };
  }

  dump(lane: Lane, limit = 10_000): HeldBlock[] {
    const blocks: HeldBlock[] = [];
    const members = this.#members;
    for (const [at, tier] of TIERS.entries()) {
      for (
        let id = members.heads[lane * 4 + at]!;
        id !== 0 && blocks.length < limit;
        id = members.next[id]!
      ) {
        const node = members.node[id]!;
        const localHash = hex(this.#trie.low[node]!, this.#trie.high[node]!);
        const engineHash = hex(members.low[id]!, members.high[id]!);
        blocks.push({ tier, localHash, engineHash, depth: this.#trie.depth(node) });
      }
    }
    return blocks;
  }

  /** Gpu matches into `out`; returns how deep the path is remembered for the lower tiers. */
  #descend(words: Uint32Array, isTiered: boolean, out: Uint32Array): number {
    const count = words.length / 2;
    if (this.#path.length < count) this.#path = new Uint32Array(count * 2);
    const { masks } = this.#trie;
    let node = ROOT;
    let low = ~0;
    let high = ~0;
    let depth = 0;
    for (; depth < count; depth++) {
      node = this.#trie.child(node, words[depth * 2]!, words[depth * 2 + 1]!);
      if (node === 0) break;
      this.#path[depth] = node;
      const stayLow = low & masks[node * 8]!;
      const stayHigh = high & masks[node * 8 + 1]!;
      if (stayLow !== low) score(low & ~stayLow, 0, depth, out);
      if (stayHigh !== high) score(high & ~stayHigh, 32, depth, out);
      low = stayLow;
      high = stayHigh;
      if ((low | high) === 0 && !isTiered) break;
    }
    score(low, 0, depth, out);
    score(high, 32, depth, out);
    return depth;
  }

  #continueBelow(depth: number, out: Uint32Array): void {
    const { masks } = this.#trie;
    for (let lane = 0; lane * 4 < out.length; lane++) {
      let total = out[lane * 4]!;
      for (let tier = 1; tier < TIERS.length; tier++) {
        const word = tier * 2 + (lane >> 5);
        const from = total;
        while (total < depth && (masks[this.#path[total]! * 8 + word]! >>> (lane & 31)) & 1) total += 1;
        out[lane * 4 + tier] = total - from;
      }
    }
  }

  /** Node of a parent's engine hash, on this tier or another of the lane; 0 when unknown. */
  #parentNode(sub: number, parent: bigint): number {
    const low = Number(parent & 0xffffffffn);
    const high = Number(parent >> 32n);
    const own = this.#members.byHash(sub, low, high);
    if (own !== 0) return this.#members.node[own]!;
    for (let other = sub & ~3; other <= (sub | 3); other++) {
      const member = other === sub ? 0 : this.#members.byHash(other, low, high);
      if (member !== 0) return this.#members.node[member]!;
    }
    return 0;
  }

  #hold(sub: number, node: number, low: number, high: number): void {
    const held = this.#members.byNode(sub, node);
    if (held !== 0) {
      this.#members.rename(held, low, high);
      return;
    }
    this.#members.add(sub, node, low, high);
    this.#trie.join(node, sub);
    this.#heldByTier[sub & 3]! += 1;
  }

  #letGo(sub: number, member: number): void {
    const node = this.#members.node[member]!;
    this.#members.remove(member);
    this.#trie.leave(node, sub);
    this.#heldByTier[sub & 3]! -= 1;
  }
}

/** Writes `depth` as the gpu match of every lane in `mask`, which covers the lanes from `first` on. */
function score(mask: number, first: number, depth: number, out: Uint32Array): void {
  if (depth === 0) return;
  for (let rest = mask; rest !== 0; rest &= rest - 1) {
    out[(first + 31 - Math.clz32(rest & -rest)) * 4] = depth;
  }
}

/** Two words per hash, low word first, as a view. */
function wordsOf(hashes: BigUint64Array): Uint32Array {
  return new Uint32Array(hashes.buffer, hashes.byteOffset, hashes.length * 2);
}

function lowOf(words: Uint32Array, at: number): number {
  const low = words[at * 2]!;
  return low === 0 && words[at * 2 + 1] === 0 ? ZERO_HASH : low;
}

function hex(low: number, high: number): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
