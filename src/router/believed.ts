/**
 * Block hashes in order of expiry, with an expiry each: what one worker without events is believed to hold.
 * Open addressing over typed arrays and a linked list through them: a prompt of 30,000 blocks is touched whole on
 * each of its turns, and a Map of BigInts takes 4 ms for that.
 */

const FIRST_CAPACITY = 1_024;
/** Table slots per entry: half full at most, so probes stay short. */
const SLOTS_PER_ENTRY = 2;
const NONE = 0xffff_ffff;

/** Hashes are passed as the index into a view of words (`wordsOf`), low word first. */
export class BelievedBlocks {
  #capacity = 0;
  #size = 0;
  /** Entry number by slot, `NONE` where empty. */
  #table = new Uint32Array(0);
  #keys = new Uint32Array(0);
  #expiry = new Float64Array(0);
  #older = new Uint32Array(0);
  #newer = new Uint32Array(0);
  #oldest = NONE;
  #newest = NONE;
  /** Entries let go, linked by `#newer`. */
  #free = NONE;
  #used = 0;

  constructor() {
    this.#grow();
  }

  get size(): number {
    return this.#size;
  }

  /** Milliseconds at which the block is no longer believed; undefined when it is not held. */
  expiryOf(words: Uint32Array, at: number): number | undefined {
    const entry = this.#table[this.#slotOf(words[at * 2] as number, words[at * 2 + 1] as number)] as number;
    return entry === NONE ? undefined : this.#expiry[entry];
  }

  /** Holds the block from now on as the newest one. Answers whether it was held before. */
  touch(words: Uint32Array, at: number, expiresAt: number): boolean {
    const low = words[at * 2] as number;
    const high = words[at * 2 + 1] as number;
    let slot = this.#slotOf(low, high);
    let entry = this.#table[slot] as number;
    const isHeld = entry !== NONE;
    if (isHeld) this.#unlink(entry);
    else {
      if (this.#size === this.#capacity) {
        this.#grow();
        slot = this.#slotOf(low, high);
      }
      entry = this.#take();
      this.#table[slot] = entry;
      this.#keys[entry * 2] = low;
      this.#keys[entry * 2 + 1] = high;
      this.#size += 1;
    }
    this.#expiry[entry] = expiresAt;
    this.#append(entry);
    return isHeld;
  }

  remove(words: Uint32Array, at: number): void {
    const slot = this.#slotOf(words[at * 2] as number, words[at * 2 + 1] as number);
    if (this.#table[slot] !== NONE) this.#drop(slot);
  }

  /** Lets the oldest go for as long as `isOver` says so, and answers their hashes. */
  takeOldest(isOver: (expiresAt: number, left: number) => boolean): BigUint64Array {
    const gone: number[] = [];
    while (this.#oldest !== NONE && isOver(this.#expiry[this.#oldest] as number, this.#size)) {
      const low = this.#keys[this.#oldest * 2] as number;
      const high = this.#keys[this.#oldest * 2 + 1] as number;
      gone.push(low, high);
      this.#drop(this.#slotOf(low, high));
    }
    return new BigUint64Array(Uint32Array.from(gone).buffer);
  }

  #drop(slot: number): void {
    const entry = this.#table[slot] as number;
    this.#unlink(entry);
    this.#newer[entry] = this.#free;
    this.#free = entry;
    this.#size -= 1;
    this.#closeGap(slot);
  }

  /** Entries after a freed slot move up, so that every probe still ends at the first empty one. */
  #closeGap(freed: number): void {
    const mask = this.#table.length - 1;
    let gap = freed;
    for (let slot = (gap + 1) & mask; this.#table[slot] !== NONE; slot = (slot + 1) & mask) {
      const entry = this.#table[slot] as number;
      const home = slotFor(this.#keys[entry * 2] as number, this.#keys[entry * 2 + 1] as number, mask);
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      this.#table[gap] = entry;
      gap = slot;
    }
    this.#table[gap] = NONE;
  }

  #slotOf(low: number, high: number): number {
    const mask = this.#table.length - 1;
    let slot = slotFor(low, high, mask);
    for (;;) {
      const entry = this.#table[slot] as number;
      if (entry === NONE) return slot;
      if (this.#keys[entry * 2] === low && this.#keys[entry * 2 + 1] === high) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #take(): number {
    const entry = this.#free;
    if (entry === NONE) return this.#used++;
    this.#free = this.#newer[entry] as number;
    return entry;
  }

  #append(entry: number): void {
    this.#older[entry] = this.#newest;
    this.#newer[entry] = NONE;
    if (this.#newest === NONE) this.#oldest = entry;
    else this.#newer[this.#newest] = entry;
    this.#newest = entry;
  }

  #unlink(entry: number): void {
    const older = this.#older[entry] as number;
    const newer = this.#newer[entry] as number;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  #grow(): void {
    this.#capacity = Math.max(FIRST_CAPACITY, this.#capacity * 2);
    this.#keys = copied(new Uint32Array(this.#capacity * 2), this.#keys);
    this.#older = copied(new Uint32Array(this.#capacity), this.#older);
    this.#newer = copied(new Uint32Array(this.#capacity), this.#newer);
    const expiry = new Float64Array(this.#capacity);
    expiry.set(this.#expiry);
    this.#expiry = expiry;
    this.#table = new Uint32Array(this.#capacity * SLOTS_PER_ENTRY).fill(NONE);
    for (let entry = this.#oldest; entry !== NONE; entry = this.#newer[entry] as number) {
      const slot = this.#slotOf(this.#keys[entry * 2] as number, this.#keys[entry * 2 + 1] as number);
      this.#table[slot] = entry;
    }
  }
}

function slotFor(low: number, high: number, mask: number): number {
  let mixed = low ^ Math.imul(high, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) & mask;
}

function copied(into: Uint32Array<ArrayBuffer>, from: Uint32Array): Uint32Array<ArrayBuffer> {
  into.set(from);
  return into;
}
