/** Memberships (lane and tier, block) with the engine's own hash of the block, in typed arrays. */
import { enlarged, mixOf, SlotTable } from './slot-table.js';

const FIRST_MEMBERS = 1_024;
/** Words of one record over all arrays below. */
const MEMBER_WORDS = 8;
/** Lanes times tiers. */
const SUBS = 256;

/**
 * A member is an id from 1. `sub` is lane * 4 + tier. Found by engine hash, and by node; each sub's members
 * form a list, so that it can be cleared without a scan.
 */
export class PlainMembers {
  low = new Uint32Array(FIRST_MEMBERS);
  high = new Uint32Array(FIRST_MEMBERS);
  node = new Uint32Array(FIRST_MEMBERS);
  sub = new Uint32Array(FIRST_MEMBERS);
  /** First member of each sub, 0 when it holds nothing. */
  readonly heads = new Uint32Array(SUBS);
  next = new Uint32Array(FIRST_MEMBERS);
  #before = new Uint32Array(FIRST_MEMBERS);
  #hashMixes = new Uint32Array(FIRST_MEMBERS);
  #nodeMixes = new Uint32Array(FIRST_MEMBERS);
  readonly #byHash = new SlotTable();
  readonly #byNode = new SlotTable();
  #count = 1;
  #free = 0;
  #freeCount = 0;

  /** Members held. */
  get size(): number {
    return this.#count - 1 - this.#freeCount;
  }

  get bytes(): number {
    return this.low.length * MEMBER_WORDS * 4 + this.#byHash.bytes + this.#byNode.bytes;
  }

  /** Bytes held once `extra` members were added. */
  bytesWith(extra: number): number {
    let members = this.low.length;
    while (this.#count + Math.max(0, extra - this.#freeCount) > members) members *= 2;
    return members * MEMBER_WORDS * 4 + this.#byHash.bytesWith(extra) + this.#byNode.bytesWith(extra);
  }

  /** Member of this sub with this engine hash, 0 when unknown. */
  byHash(sub: number, low: number, high: number): number {
    const { slots, mask } = this.#byHash;
    for (let at = mixOf(low, high, sub) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const id = slots[at]!;
      if (this.low[id] === low && this.high[id] === high && this.sub[id] === sub) return id;
    }
    return 0;
  }

  byNode(sub: number, node: number): number {
    const { slots, mask } = this.#byNode;
    for (let at = mixOf(node, 0, sub) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const id = slots[at]!;
      if (this.node[id] === node && this.sub[id] === sub) return id;
    }
    return 0;
  }

  add(sub: number, node: number, low: number, high: number): void {
    const id = this.#take();
    this.node[id] = node;
    this.sub[id] = sub;
    this.#nodeMixes[id] = mixOf(node, 0, sub);
    this.#byNode.insert(id, this.#nodeMixes);
    this.#name(id, low, high);
    const head = this.heads[sub]!;
    this.next[id] = head;
    this.#before[id] = 0;
    if (head !== 0) this.#before[head] = id;
    this.heads[sub] = id;
  }

  /** Gives a member another engine hash. */
  rename(id: number, low: number, high: number): void {
    if (this.low[id] === low && this.high[id] === high) return;
    this.#byHash.remove(id, this.#hashMixes);
    this.#name(id, low, high);
  }

  remove(id: number): void {
    this.#byHash.remove(id, this.#hashMixes);
    this.#byNode.remove(id, this.#nodeMixes);
    const next = this.next[id]!;
    const before = this.#before[id]!;
    if (next !== 0) this.#before[next] = before;
    if (before !== 0) this.next[before] = next;
    else this.heads[this.sub[id]!] = next;
    this.next[id] = this.#free;
    this.#free = id;
    this.#freeCount += 1;
  }

  #name(id: number, low: number, high: number): void {
    this.low[id] = low;
    this.high[id] = high;
    this.#hashMixes[id] = mixOf(low, high, this.sub[id]!);
    this.#byHash.insert(id, this.#hashMixes);
  }

  #take(): number {
    if (this.#free !== 0) {
      const id = this.#free;
      this.#free = this.next[id]!;
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
    this.node = enlarged(this.node, length);
    this.sub = enlarged(this.sub, length);
    this.next = enlarged(this.next, length);
    this.#before = enlarged(this.#before, length);
    this.#hashMixes = enlarged(this.#hashMixes, length);
    this.#nodeMixes = enlarged(this.#nodeMixes, length);
  }
}
