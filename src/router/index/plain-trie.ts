/** Trie of blocks in typed arrays: one record per distinct prefix, with a lane mask per tier. */
import { enlarged, mixOf, SlotTable } from './slot-table.js';

const FIRST_NODES = 1_024;
/** Two 32-bit words of lanes for each of four tiers. */
const MASK_WORDS = 8;
/** Words of one record over all arrays below. */
const NODE_WORDS = 5 + MASK_WORDS;

/** The node above every first block. */
export const ROOT = 1;

/** Nodes are ids from 1; 0 means none. A freed id is used again. */
export class PlainTrie {
  low = new Uint32Array(FIRST_NODES);
  high = new Uint32Array(FIRST_NODES);
  parent = new Uint32Array(FIRST_NODES);
  /** Lanes that hold the node: words `node * 8 + tier * 2 + (lane >> 5)`. */
  masks = new Uint32Array(FIRST_NODES * MASK_WORDS);
  /** Children plus memberships; the record lives while it is above zero. */
  #uses = new Uint32Array(FIRST_NODES);
  #mixes = new Uint32Array(FIRST_NODES);
  readonly #table = new SlotTable();
  #count = ROOT + 1;
  #free = 0;
  #freeCount = 0;

  get bytes(): number {
    return this.low.length * NODE_WORDS * 4 + this.#table.bytes;
  }

  /** Bytes held once `extra` nodes were added. */
  bytesWith(extra: number): number {
    let nodes = this.low.length;
    while (this.#count + Math.max(0, extra - this.#freeCount) > nodes) nodes *= 2;
    return nodes * NODE_WORDS * 4 + this.#table.bytesWith(extra);
  }

  /** Child of `node` with this local hash, 0 when there is none. */
  child(node: number, low: number, high: number): number {
    const { slots, mask } = this.#table;
    for (let at = mixOf(low, high, node) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const id = slots[at]!;
      if (this.low[id] === low && this.high[id] === high && this.parent[id] === node) return id;
    }
    return 0;
  }

  /** The child, made when there is none. It must get a membership or a child before `release`. */
  childOrNew(node: number, low: number, high: number): number {
    const found = this.child(node, low, high);
    if (found !== 0) return found;
    const id = this.#take();
    this.low[id] = low;
    this.high[id] = high;
    this.parent[id] = node;
    this.#mixes[id] = mixOf(low, high, node);
    this.#uses[id] = 0;
    this.#uses[node]! += 1;
    this.#table.insert(id, this.#mixes);
    return id;
  }

  /** Blocks from the root to the node. */
  depth(node: number): number {
    let depth = 0;
    for (let at = node; at !== ROOT; at = this.parent[at]!) depth += 1;
    return depth;
  }

  join(node: number, sub: number): void {
    const lane = sub >> 2;
    this.masks[node * MASK_WORDS + (sub & 3) * 2 + (lane >> 5)]! |= 1 << (lane & 31);
    this.#uses[node]! += 1;
  }

  leave(node: number, sub: number): void {
    const lane = sub >> 2;
    this.masks[node * MASK_WORDS + (sub & 3) * 2 + (lane >> 5)]! &= ~(1 << (lane & 31));
    this.#uses[node]! -= 1;
    this.#release(node);
  }

  #release(node: number): void {
    let at = node;
    while (at !== ROOT && this.#uses[at] === 0) {
      const parent = this.parent[at]!;
      this.#table.remove(at, this.#mixes);
      this.parent[at] = this.#free;
      this.#free = at;
      this.#freeCount += 1;
      this.#uses[parent]! -= 1;
      at = parent;
    }
  }

  #take(): number {
    if (this.#free !== 0) {
      const id = this.#free;
      this.#free = this.parent[id]!;
      this.#freeCount -= 1;
      return id;
    }
    if (this.#count === this.low.length) this.#grow();
    return this.#count++;
  }

  #grow(): void {
    const length = this.low.length * 2;
    this.low = enlarged(this.low, length);
    this.high = enlarged(this.high, length);
    this.parent = enlarged(this.parent, length);
    this.masks = enlarged(this.masks, length * MASK_WORDS);
    this.#uses = enlarged(this.#uses, length);
    this.#mixes = enlarged(this.#mixes, length);
  }
}
