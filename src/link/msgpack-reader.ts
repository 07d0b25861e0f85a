/**
 * Reads msgpack value after value, long lists of numbers straight into typed arrays: a batch of KV events is mostly
 * token ids and hashes, and a general decoder makes an object of each.
 */
import { decode } from '@msgpack/msgpack';
import { HashPool } from './hash-pool.js';
import { requireSaneShape } from './msgpack-shape.js';

const NIL = 0xc0;
const NO_TOKENS = new Uint32Array(0);

/** Every method reads one value and throws (TypeError, RangeError) on another kind or past the end. */
export class MsgpackReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #names: ReadonlyMap<number, string>;
  /** Where the next value begins; may be set to read again. */
  at = 0;
  /** Where the last hash read began and ended. */
  hashFrom = 0;
  hashTo = 0;

  /** Hashes of the lists read so far. */
  readonly pool: HashPool;

  /** `names` = texts that come again and again, by `nameKey`. */
  constructor(bytes: Uint8Array, names: ReadonlyMap<number, string>) {
    this.#bytes = bytes;
    // A block takes a hash, its tokens and, where it is told by itself, the names of its fields.
    this.pool = new HashPool(bytes.length >> 4);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#names = names;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.at;
  }

  /** Whether nil comes next; it is read then. */
  isNil(): boolean {
    if (this.#bytes[this.at] !== NIL) return false;
    this.at += 1;
    return true;
  }

  isMap(): boolean {
    const head = this.#bytes[this.at] ?? NIL;
    return (head & 0xf0) === 0x80 || head === 0xde || head === 0xdf;
  }

  /** Entries of a map; keys and values follow. */
  mapSize(): number {
    return this.#sizeOf(0x80, 0xde, 'a map was expected');
  }

  /** Entries of a list; they follow. */
  listSize(): number {
    return this.#sizeOf(0x90, 0xdc, 'a list was expected');
  }

  /** Whatever comes; integers beyond 2^53 as bigint. */
  value(): unknown {
    const from = this.at;
    const head = this.#bytes[from] ?? -1;
    if (head >= 0xa0 && head < 0xc0) return this.#text(head & 31);
    this.skip();
    if (head === NIL) return null;
    if (head < 0x80) return head;
    const bytes = this.#bytes.subarray(from, this.at);
    requireSaneShape(bytes);
    return decode(bytes, { useBigInt64: true });
  }

  /** Whether the next bytes are those between `from` and `to`, but for a hash of the same form between the other two. */
  isLike(from: number, to: number, hashFrom: number, hashTo: number): boolean {
    const shift = this.at - from;
    if (to + shift > this.#bytes.length) return false;
    // The length of a byte string is in its second byte.
    const head = this.#bytes[hashFrom] === 0xc4 ? 2 : 1;
    return this.#isSame(from, hashFrom + head, shift) && this.#isSame(hashTo, to, shift);
  }

  #isSame(from: number, to: number, shift: number): boolean {
    const bytes = this.#bytes;
    const view = this.#view;
    let at = from;
    for (; at + 4 <= to; at += 4) if (view.getUint32(at) !== view.getUint32(at + shift)) return false;
    for (; at < to; at++) if (bytes[at] !== bytes[at + shift]) return false;
    return true;
  }

  skip(): void {
    for (let left = 1; left > 0; left--) left += this.#skipHead();
    if (this.at > this.#bytes.length) throw new RangeError('the bytes end in the middle of a value');
  }

  /** A list in which every entry is nil is read and gives true; anything else is left where it is. */
  skipNils(): boolean {
    const from = this.at;
    const end = this.listSize() + this.at;
    while (this.at < end && this.#bytes[this.at] === NIL) this.at += 1;
    if (this.at === end) return true;
    this.at = from;
    return false;
  }

  /** A list of integers from 0 to 2^32 - 1. */
  tokens(): Uint32Array {
    const count = this.listSize();
    if (count === 0) return NO_TOKENS;
    const tokens = new Uint32Array(count);
    const bytes = this.#bytes;
    const view = this.#view;
    const fast = bytes.length - 5;
    let at = this.at;
    for (let i = 0; i < count; i++) {
      const head = bytes[at]!;
      if ((head === 0xcd || head === 0xce) && at <= fast) {
        // Two bytes or four, without a branch that nobody can predict.
        const isShort = head & 1;
        tokens[i] = view.getUint32(at + 1) >>> (isShort << 4);
        at += 5 - (isShort << 1);
      } else if (head < 0x80) {
        tokens[i] = head;
        at += 1;
      } else {
        this.at = at;
        tokens[i] = tokenOf(this.value());
        at = this.at;
      }
    }
    this.at = at;
    if (at > bytes.length) throw new RangeError('the bytes end in a list of tokens');
    return tokens;
  }

  /** A list of hashes: integers of either sign and byte strings of any length, as their low 64 bits, into the pool. */
  hashes(): true {
    for (let left = this.listSize(); left > 0; left--) this.addHash(this.pool);
    return true;
  }

  /** One hash, as in `hashes`; null for nil. */
  hash(): bigint | null {
    if (this.isNil()) return null;
    ONE.used = 0;
    this.addHash(ONE);
    return ONE.view(0, 1)[0]!;
  }

  /** One hash of a list. */
  addHash(pool: HashPool): void {
    this.hashFrom = this.at;
    this.#hash(pool);
    this.hashTo = this.at;
  }

  #hash(pool: HashPool): void {
    const head = this.#bytes[this.at]!;
    // Integers of 64 bits, unsigned and signed: what engines write.
    if (head === 0xcf || head === 0xd3) {
      pool.add(this.#view.getUint32(this.at + 5), this.#view.getUint32(this.at + 1));
      this.at += 9;
      return;
    }
    const value = head >= 0xc4 && head <= 0xc6 ? this.#lastEight() : this.value();
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) {
      throw new TypeError('a hash that is no integer and no byte string');
    }
    const hash = BigInt.asUintN(64, BigInt(value as bigint | number));
    pool.add(Number(hash & 0xffff_ffffn), Number(hash >> 32n));
  }

  /** The last eight bytes of a byte string, as a big-endian integer. */
  #lastEight(): bigint {
    const from = this.at;
    this.skip();
    const start = Math.max(from + 1 + (1 << (this.#bytes[from]! - 0xc4)), this.at - 8);
    let hash = 0n;
    for (let at = start; at < this.at; at++) hash = (hash << 8n) | BigInt(this.#bytes[at]!);
    return hash;
  }

  #text(size: number): string {
    const from = this.at + 1;
    this.at = from + size;
    if (this.at > this.#bytes.length) throw new RangeError('the bytes end in a text');
    const known = this.#names.get(nameKey(this.#bytes, from, size));
    if (known !== undefined && isAt(this.#bytes, from, known)) return known;
    return new TextDecoder().decode(this.#bytes.subarray(from, this.at));
  }

  #sizeOf(short: number, long: number, wrong: string): number {
    const head = this.#bytes[this.at] ?? NIL;
    let size = -1;
    if ((head & 0xf0) === short) {
      size = head & 15;
      this.at += 1;
    } else if (head === long) {
      size = this.#view.getUint16(this.at + 1);
      this.at += 3;
    } else if (head === long + 1) {
      size = this.#view.getUint32(this.at + 1);
      this.at += 5;
    }
    if (size < 0) throw new TypeError(wrong);
    // Every entry takes a byte: nothing is allocated for what cannot be there.
    if (size > this.#bytes.length - this.at) throw new RangeError('the bytes end in a list');
    return size;
  }

  /** Steps over a value's head and what belongs to it alone; how many values it contains. */
  #skipHead(): number {
    const head = this.#view.getUint8(this.at);
    this.at += 1;
    if (head < 0x80 || head >= 0xe0) return 0;
    if (head < 0x90) return (head & 15) * 2;
    if (head < 0xa0) return head & 15;
    if (head < 0xc0) this.at += head & 31;
    else if (head >= 0xde) return 2 * this.#length(head - 0xdd);
    else if (head >= 0xdc) return this.#length(head - 0xdb);
    else if (head >= 0xd9) this.#pass(this.#length(head - 0xd9));
    else if (head >= 0xc7 && head <= 0xc9) this.#pass(this.#length(head - 0xc7) + 1);
    else if (head >= 0xc4 && head <= 0xc6) this.#pass(this.#length(head - 0xc4));
    else this.at += FIXED[head - 0xc0]!;
    return 0;
  }

  #pass(bytes: number): void {
    this.at += bytes;
  }

  /** A length of 1, 2 or 4 bytes. */
  #length(power: number): number {
    const at = this.at;
    this.at += 1 << power;
    if (power === 0) return this.#view.getUint8(at);
    return power === 1 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }
}

const ONE = new HashPool(1);
/** Bytes after the heads 0xc0 to 0xd8 that have no length: nil, booleans, floats, integers, extensions of fixed size. */
const FIXED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17];

/** Where to look for a text in a table of names. */
export function nameKey(bytes: ArrayLike<number>, from: number, size: number): number {
  return (
    size | (bytes[from]! << 8) | (bytes[from + size - 1]! << 16) | ((bytes[from + (size >> 1)]! & 127) << 24)
  );
}

function isAt(bytes: Uint8Array, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[from + i] !== name.charCodeAt(i)) return false;
  return true;
}

function tokenOf(value: unknown): number {
  const token = Number(value);
  if (!Number.isInteger(token) || token < 0 || token > 0xffff_ffff)
    throw new TypeError('a token that is no id');
  return token;
}
