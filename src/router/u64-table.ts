/** A bounded map from 64-bit hashes to 64-bit hashes that forgets the oldest first. */

/** Slots per entry: half full keeps probes short. */
const SLOTS_PER_ENTRY = 2;
const FIRST_CAPACITY = 1_024;

/**
 * Two generations of open addressing over typed arrays: entries go into the younger; when it is full the
 * older one is dropped. What is read from the older moves to the younger, so entries in use stay. Keys are
 * passed as the index into a `Uint32Array` view of hashes (low word first): no BigInt is made. Key 0 is not kept.
 */
export class U64Table {
  readonly #capacity: number;
  readonly #hasValues: boolean;
  #young: Generation;
  #old: Generation | undefined;

  /** `capacity` = entries of one generation; without values it is a set. */
  constructor(capacity: number, options: { hasValues: boolean }) {
    this.#capacity = capacity;
    this.#hasValues = options.hasValues;
    this.#young = this.#generation(FIRST_CAPACITY);
  }

  /** Entries held, at most twice the capacity. */
  get size(): number {
    return this.#young.size + (this.#old?.size ?? 0);
  }

  get bytes(): number {
    return this.#young.bytes + (this.#old?.bytes ?? 0);
  }

  /** Whether the key is held; `value`, when given, receives its value's two words at 0 and 1. */
  has(words: Uint32Array, at: number, value?: Uint32Array): boolean {
    const low = words[at * 2] as number;
    const high = words[at * 2 + 1] as number;
    if (this.#young.read(low, high, value)) return true;
    const scratch = value ?? SCRATCH;
    if (this.#old === undefined || !this.#old.read(low, high, scratch)) return false;
    this.#insert(low, high, scratch[0] as number, scratch[1] as number);
    return true;
  }

  /** Whether the key is held and would outlive the next forgetting. */
  isYoung(words: Uint32Array, at: number): boolean {
    return this.#young.read(words[at * 2] as number, words[at * 2 + 1] as number, undefined);
  }

  set(words: Uint32Array, at: number, valueLow = 0, valueHigh = 0): void {
    this.#insert(words[at * 2] as number, words[at * 2 + 1] as number, valueLow, valueHigh);
  }

  clear(): void {
    this.#young = this.#generation(FIRST_CAPACITY);
    this.#old = undefined;
  }

  #insert(low: number, high: number, valueLow: number, valueHigh: number): void {
    if (low === 0 && high === 0) return;
    if (this.#young.isFull) this.#makeRoom();
    this.#young.write(low, high, valueLow, valueHigh);
  }

  #makeRoom(): void {
    if (this.#young.capacity < this.#capacity) {
      const grown = this.#generation(Math.min(this.#capacity, this.#young.capacity * 4));
      this.#young.copyTo(grown);
      this.#young = grown;
      return;
    }
    this.#old = this.#young;
    this.#young = this.#generation(this.#capacity);
  }

  #generation(capacity: number): Generation {
    return new Generation(Math.min(capacity, this.#capacity), this.#hasValues);
  }
}

const SCRATCH = new Uint32Array(2);

class Generation {
  readonly capacity: number;
  size = 0;
  readonly #mask: number;
  readonly #keys: Uint32Array;
  readonly #values: Uint32Array | undefined;

  constructor(capacity: number, hasValues: boolean) {
    this.capacity = capacity;
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, capacity * SLOTS_PER_ENTRY)));
    this.#mask = slots - 1;
    this.#keys = new Uint32Array(slots * 2);
    this.#values = hasValues ? new Uint32Array(slots * 2) : undefined;
  }

  get isFull(): boolean {
    return this.size >= this.capacity;
  }

  get bytes(): number {
    return this.#keys.byteLength + (this.#values?.byteLength ?? 0);
  }

  read(low: number, high: number, value: Uint32Array | undefined): boolean {
    const slot = this.#find(low, high);
    if (this.#keys[slot * 2] !== low || this.#keys[slot * 2 + 1] !== high) return false;
    if (low === 0 && high === 0) return false;
    if (value !== undefined) {
      value[0] = this.#values?.[slot * 2] ?? 0;
      value[1] = this.#values?.[slot * 2 + 1] ?? 0;
    }
    return true;
  }

  write(low: number, high: number, valueLow: number, valueHigh: number): void {
    const slot = this.#find(low, high);
    if (this.#keys[slot * 2] === 0 && this.#keys[slot * 2 + 1] === 0) this.size += 1;
    this.#keys[slot * 2] = low;
    this.#keys[slot * 2 + 1] = high;
    if (this.#values === undefined) return;
    this.#values[slot * 2] = valueLow;
    this.#values[slot * 2 + 1] = valueHigh;
  }

  copyTo(other: Generation): void {
    for (let slot = 0; slot <= this.#mask; slot++) {
      const low = this.#keys[slot * 2] as number;
      const high = this.#keys[slot * 2 + 1] as number;
      if (low === 0 && high === 0) continue;
      other.write(low, high, this.#values?.[slot * 2] ?? 0, this.#values?.[slot * 2 + 1] ?? 0);
    }
  }

  /** Slot of the key, or the empty one where it would go. Mixed well: some engines number their blocks. */
  #find(low: number, high: number): number {
    let mixed = low ^ Math.imul(high, 0x9e3779b1);
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    let slot = (mixed ^ (mixed >>> 16)) & this.#mask;
    while (this.#keys[slot * 2] !== 0 || this.#keys[slot * 2 + 1] !== 0) {
      if (this.#keys[slot * 2] === low && this.#keys[slot * 2 + 1] === high) break;
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }
}

/** Two 32-bit words per hash, low word first; a view where the bytes allow it. */
export function wordsOf(hashes: BigUint64Array): Uint32Array {
  return new Uint32Array(hashes.buffer, hashes.byteOffset, hashes.length * 2);
}
