/** Open addressing over record ids; the records themselves lie in the owner's typed arrays. */

const FIRST_SLOTS = 1_024;

/**
 * Slots hold record ids, 0 = empty. The owner keeps each record's 32-bit mix in an array of its own, finds by
 * walking from `first(mix)` to an empty slot, and compares records itself. Deletion shifts back, so there are
 * no tombstones and probes stay short for ever. At most half of the slots are used.
 */
export class SlotTable {
  slots = new Uint32Array(FIRST_SLOTS);
  mask = FIRST_SLOTS - 1;
  #used = 0;

  get bytes(): number {
    return this.slots.byteLength;
  }

  /** Bytes the table will have once it holds `extra` more ids. */
  bytesWith(extra: number): number {
    let slots = this.slots.length;
    while ((this.#used + extra) * 2 > slots) slots *= 2;
    return slots * 4;
  }

  insert(id: number, mixes: Uint32Array): void {
    if ((this.#used + 1) * 2 > this.slots.length) this.#grow(mixes);
    this.#place(id, mixes[id]!);
    this.#used += 1;
  }

  remove(id: number, mixes: Uint32Array): void {
    const { slots, mask } = this;
    let hole = mixes[id]! & mask;
    while (slots[hole] !== id) hole = (hole + 1) & mask;
    for (let at = (hole + 1) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const home = mixes[slots[at]!]! & mask;
      // An id may move back only to a slot that is not before its home.
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = slots[at]!;
      hole = at;
    }
    slots[hole] = 0;
    this.#used -= 1;
  }

  #place(id: number, mix: number): void {
    let at = mix & this.mask;
    while (this.slots[at] !== 0) at = (at + 1) & this.mask;
    this.slots[at] = id;
  }

  #grow(mixes: Uint32Array): void {
    const before = this.slots;
    this.slots = new Uint32Array(before.length * 2);
    this.mask = this.slots.length - 1;
    for (const id of before) if (id !== 0) this.#place(id, mixes[id]!);
  }
}

/** 32 bits of a 64-bit hash given as two words, mixed with a third number. */
export function mixOf(low: number, high: number, salt: number): number {
  let h = low ^ Math.imul(high, 0x85ebca6b) ^ Math.imul(salt + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  return (h ^ (h >>> 15)) >>> 0;
}

/** A copy of `array` with room for `length` entries. */
export function enlarged(array: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(array);
  return larger;
}
