/**
 * XXH3-64 with seed in plain JS: the fallback of the WebAssembly module and the oracle of its tests.
 * Follows xxHash 0.8 (`XXH3_64bits_withSeed`, default secret). About 200 times slower than the module.
 */

const WORD = (1n << 64n) - 1n;
const LOW = (1n << 32n) - 1n;
const PRIME32_1 = 0x9e3779b1n;
const PRIME32_2 = 0x85ebca77n;
const PRIME32_3 = 0xc2b2ae3dn;
const PRIME64_1 = 0x9e3779b185ebca87n;
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME64_3 = 0x165667b19e3779f9n;
const PRIME64_4 = 0x85ebca77c2b2ae63n;
const PRIME64_5 = 0x27d4eb2f165667c5n;
const MIX_1 = 0x165667919e3779f9n;
const MIX_2 = 0x9fb21c651e98df25n;

const SECRET = viewOf(
  Buffer.from(
    'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221' +
      'b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
      'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb' +
      '170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
    'hex',
  ),
);

/** Hash of `bytes` as an unsigned 64-bit integer; `seed` is taken modulo 2^64. */
export function xxh3(bytes: Uint8Array, seed: bigint): bigint {
  const view = viewOf(bytes);
  const length = bytes.length;
  const start = seed & WORD;
  if (length > 240) return hashLong(view, start);
  if (length > 128) return hashMid(view, start);
  if (length > 16) return hashShort(view, start);
  if (length > 8) return hashPair(word(view, 0), word(view, length - 8), length, start);
  if (length >= 4) return hash4to8(view, start);
  if (length > 0) return hash1to3(view, start);
  return avalanche64(start ^ word(SECRET, 56) ^ word(SECRET, 64));
}

/** The form for 9 to 16 bytes, given as their first and last eight: also a step of the sequence hash. */
export function hashPair(first: bigint, last: bigint, length: number, seed: bigint): bigint {
  const lo = first ^ (((word(SECRET, 24) ^ word(SECRET, 32)) + seed) & WORD);
  const hi = last ^ (((word(SECRET, 40) ^ word(SECRET, 48)) - seed) & WORD);
  return avalanche((BigInt(length) + swapBytes(lo) + hi + fold(lo, hi)) & WORD);
}

function hash1to3(view: DataView, seed: bigint): bigint {
  const length = view.byteLength;
  const first = view.getUint8(0);
  const middle = view.getUint8(length >> 1);
  const combined = ((first << 16) | (middle << 24) | view.getUint8(length - 1) | (length << 8)) >>> 0;
  const flip = (BigInt((half(SECRET, 0) ^ half(SECRET, 4)) >>> 0) + seed) & WORD;
  return avalanche64(BigInt(combined) ^ flip);
}

function hash4to8(view: DataView, seed: bigint): bigint {
  const length = view.byteLength;
  const mixed = seed ^ ((swapBytes(seed & LOW) >> 32n) << 32n);
  const input = BigInt(half(view, length - 4)) + (BigInt(half(view, 0)) << 32n);
  let h = input ^ (((word(SECRET, 8) ^ word(SECRET, 16)) - mixed) & WORD);
  h ^= rotate(h, 49n) ^ rotate(h, 24n);
  h = (h * MIX_2) & WORD;
  h ^= (h >> 35n) + BigInt(length);
  h = (h * MIX_2) & WORD;
  return h ^ (h >> 28n);
}

function hashShort(view: DataView, seed: bigint): bigint {
  const length = view.byteLength;
  let h = BigInt(length) * PRIME64_1;
  // Pairs of 16 bytes from both ends towards the middle, each with its place in the secret.
  for (let pair = 0; pair <= (length - 1) >> 5; pair++) {
    h += mix16(view, pair * 16, pair * 32, seed);
    h += mix16(view, length - 16 - pair * 16, pair * 32 + 16, seed);
  }
  return avalanche(h & WORD);
}

function hashMid(view: DataView, seed: bigint): bigint {
  const length = view.byteLength;
  let h = BigInt(length) * PRIME64_1;
  for (let i = 0; i < 8; i++) h += mix16(view, i * 16, i * 16, seed);
  h = avalanche(h & WORD);
  for (let i = 8; i < length >> 4; i++) h += mix16(view, i * 16, (i - 8) * 16 + 3, seed);
  return avalanche((h + mix16(view, length - 16, 119, seed)) & WORD);
}

function hashLong(view: DataView, seed: bigint): bigint {
  const length = view.byteLength;
  const secret = longSecret(seed);
  const lanes = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];
  const stripes = (length - 1) >> 6;
  for (let stripe = 0; stripe < stripes; stripe++) {
    accumulate(lanes, view, stripe * 64, secret, (stripe & 15) * 8);
    if ((stripe & 15) === 15) scramble(lanes, secret);
  }
  accumulate(lanes, view, length - 64, secret, 121);
  let h = BigInt(length) * PRIME64_1;
  for (let i = 0; i < 4; i++) {
    h += fold(lanes[2 * i]! ^ word(secret, 11 + 16 * i), lanes[2 * i + 1]! ^ word(secret, 19 + 16 * i));
  }
  return avalanche(h & WORD);
}

function longSecret(seed: bigint): DataView {
  const secret = new DataView(new ArrayBuffer(SECRET.byteLength));
  for (let i = 0; i < SECRET.byteLength; i += 16) {
    secret.setBigUint64(i, (word(SECRET, i) + seed) & WORD, true);
    secret.setBigUint64(i + 8, (word(SECRET, i + 8) - seed) & WORD, true);
  }
  return secret;
}

function accumulate(lanes: bigint[], view: DataView, at: number, secret: DataView, key: number): void {
  for (let i = 0; i < 8; i++) {
    const value = word(view, at + 8 * i);
    const keyed = value ^ word(secret, key + 8 * i);
    lanes[i ^ 1] = (lanes[i ^ 1]! + value) & WORD;
    lanes[i] = (lanes[i]! + (keyed & LOW) * (keyed >> 32n)) & WORD;
  }
}

function scramble(lanes: bigint[], secret: DataView): void {
  for (let i = 0; i < 8; i++) {
    const lane = lanes[i]! ^ (lanes[i]! >> 47n) ^ word(secret, 128 + 8 * i);
    lanes[i] = (lane * PRIME32_1) & WORD;
  }
}

function mix16(view: DataView, at: number, key: number, seed: bigint): bigint {
  const lo = word(view, at) ^ ((word(SECRET, key) + seed) & WORD);
  const hi = word(view, at + 8) ^ ((word(SECRET, key + 8) - seed) & WORD);
  return fold(lo, hi);
}

/** Low and high half of the 128-bit product, xored. */
function fold(a: bigint, b: bigint): bigint {
  const product = a * b;
  return (product & WORD) ^ (product >> 64n);
}

function avalanche(x: bigint): bigint {
  const h = ((x ^ (x >> 37n)) * MIX_1) & WORD;
  return h ^ (h >> 32n);
}

function avalanche64(x: bigint): bigint {
  let h = ((x ^ (x >> 33n)) * PRIME64_2) & WORD;
  h = ((h ^ (h >> 29n)) * PRIME64_3) & WORD;
  return h ^ (h >> 32n);
}

function rotate(x: bigint, bits: bigint): bigint {
  return ((x << bits) | (x >> (64n - bits))) & WORD;
}

function swapBytes(x: bigint): bigint {
  const scratch = new DataView(new ArrayBuffer(8));
  scratch.setBigUint64(0, x, true);
  return scratch.getBigUint64(0, false);
}

function word(view: DataView, at: number): bigint {
  return view.getBigUint64(at, true);
}

function half(view: DataView, at: number): number {
  return view.getUint32(at, true);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
