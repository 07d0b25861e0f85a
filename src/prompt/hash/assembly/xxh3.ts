// XXH3-64 with seed (xxHash 0.8, all input lengths) over runs of token blocks, and the chain of sequence hashes.
// Tokens lie in `inputAt()` as little-endian u32, hashes in `outputAt()` as little-endian u64; one call does a batch.
// The plain-JS twin is ../xxh3.ts; a test holds the two equal.

const PRIME32_1: u64 = 0x9e3779b1;
const PRIME32_2: u64 = 0x85ebca77;
const PRIME32_3: u64 = 0xc2b2ae3d;
const PRIME64_1: u64 = 0x9e3779b185ebca87;
const PRIME64_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME64_3: u64 = 0x165667b19e3779f9;
const PRIME64_4: u64 = 0x85ebca77c2b2ae63;
const PRIME64_5: u64 = 0x27d4eb2f165667c5;
const MIX_1: u64 = 0x165667919e3779f9;
const MIX_2: u64 = 0x9fb21c651e98df25;

const SECRET_BYTES: usize = 192;
// prettier-ignore
const SECRET = memory.data<u8>([
  0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
  0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
  0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
  0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
  0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
  0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
  0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
  0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
  0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
  0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
  0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
  0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
]);

const INPUT_BYTES: usize = 256 * 1024;
const OUTPUT_BYTES: usize = 128 * 1024;
const INPUT = memory.data(262144, 16);
const OUTPUT = memory.data(131072, 16);
/** Secret of inputs over 240 bytes, derived from the seed once per seed. */
const LONG_SECRET = memory.data(192, 16);
/** The eight accumulators of the long form. */
const LANES = memory.data(64, 16);
let longSeed: u64 = 0;
let longReady: bool = false;

export function inputAt(): usize {
  return INPUT;
}

export function outputAt(): usize {
  return OUTPUT;
}

export function inputBytes(): usize {
  return INPUT_BYTES;
}

export function outputBytes(): usize {
  return OUTPUT_BYTES;
}

/** Hash of the first `length` input bytes. */
export function hashInput(length: usize, seed: u64): u64 {
  return xxh3(INPUT, length, seed);
}

/** Hashes `blocks` runs of `bytes` input bytes each into the output. */
export function hashBlocks(blocks: usize, bytes: usize, seed: u64): void {
  for (let i: usize = 0; i < blocks; i++) {
    store<u64>(OUTPUT + (i << 3), xxh3(INPUT + i * bytes, bytes, seed));
  }
}

/** Chains `count` local hashes of the input into sequence hashes in the output; `before` is the one before them. */
export function chain(count: usize, before: u64, isFirst: bool, seed: u64): u64 {
  let h = before;
  for (let i: usize = 0; i < count; i++) {
    const local = load<u64>(INPUT + (i << 3));
    h = isFirst && i == 0 ? local : words9to16(h, local, 16, seed);
    store<u64>(OUTPUT + (i << 3), h);
  }
  return h;
}

function xxh3(at: usize, length: usize, seed: u64): u64 {
  if (length > 240) return long(at, length, seed);
  if (length > 128) return mid(at, length, seed);
  if (length > 16) return short(at, length, seed);
  if (length > 8) return words9to16(load<u64>(at), load<u64>(at + length - 8), length, seed);
  if (length >= 4) return words4to8(at, length, seed);
  if (length > 0) return bytes1to3(at, length, seed);
  return avalanche64(seed ^ load<u64>(SECRET, 56) ^ load<u64>(SECRET, 64));
}

function bytes1to3(at: usize, length: usize, seed: u64): u64 {
  const first = <u64>load<u8>(at);
  const middle = <u64>load<u8>(at + (length >> 1));
  const last = <u64>load<u8>(at + length - 1);
  const combined = (first << 16) | (middle << 24) | last | (<u64>length << 8);
  return avalanche64(combined ^ (<u64>(load<u32>(SECRET) ^ load<u32>(SECRET, 4)) + seed));
}

function words4to8(at: usize, length: usize, seed: u64): u64 {
  const mixed = seed ^ (<u64>bswap<u32>(<u32>seed) << 32);
  const input = <u64>load<u32>(at + length - 4) + (<u64>load<u32>(at) << 32);
  let h = input ^ ((load<u64>(SECRET, 8) ^ load<u64>(SECRET, 16)) - mixed);
  h ^= rotl<u64>(h, 49) ^ rotl<u64>(h, 24);
  h *= MIX_2;
  h ^= (h >> 35) + <u64>length;
  h *= MIX_2;
  return h ^ (h >> 28);
}

// @ts-ignore: decorator of AssemblyScript
@inline
function words9to16(first: u64, last: u64, length: usize, seed: u64): u64 {
  const lo = first ^ ((load<u64>(SECRET, 24) ^ load<u64>(SECRET, 32)) + seed);
  const hi = last ^ ((load<u64>(SECRET, 40) ^ load<u64>(SECRET, 48)) - seed);
  return avalanche(<u64>length + bswap<u64>(lo) + hi + fold(lo, hi));
}

function short(at: usize, length: usize, seed: u64): u64 {
  const end = at + length;
  let h = <u64>length * PRIME64_1;
  if (length > 32) {
    if (length > 64) {
      if (length > 96) h += mix16(at + 48, SECRET + 96, seed) + mix16(end - 64, SECRET + 112, seed);
      h += mix16(at + 32, SECRET + 64, seed) + mix16(end - 48, SECRET + 80, seed);
    }
    h += mix16(at + 16, SECRET + 32, seed) + mix16(end - 32, SECRET + 48, seed);
  }
  return avalanche(h + mix16(at, SECRET, seed) + mix16(end - 16, SECRET + 16, seed));
}

function mid(at: usize, length: usize, seed: u64): u64 {
  const rounds = length >> 4;
  let h = <u64>length * PRIME64_1;
  for (let i: usize = 0; i < 8; i++) h += mix16(at + (i << 4), SECRET + (i << 4), seed);
  h = avalanche(h);
  for (let i: usize = 8; i < rounds; i++) h += mix16(at + (i << 4), SECRET + ((i - 8) << 4) + 3, seed);
  return avalanche(h + mix16(at + length - 16, SECRET + 119, seed));
}

function long(at: usize, length: usize, seed: u64): u64 {
  if (!longReady || longSeed != seed) deriveSecret(seed);
  resetLanes();
  const blocks = (length - 1) >> 10;
  for (let b: usize = 0; b < blocks; b++) {
    for (let s: usize = 0; s < 16; s++) accumulate(at + (b << 10) + (s << 6), LONG_SECRET + (s << 3));
    scramble(LONG_SECRET + SECRET_BYTES - 64);
  }
  const tail = at + (blocks << 10);
  const stripes = (length - 1 - (blocks << 10)) >> 6;
  for (let s: usize = 0; s < stripes; s++) accumulate(tail + (s << 6), LONG_SECRET + (s << 3));
  accumulate(at + length - 64, LONG_SECRET + SECRET_BYTES - 71);
  let h = <u64>length * PRIME64_1;
  for (let i: usize = 0; i < 4; i++) {
    const lane = LANES + (i << 4);
    const key = LONG_SECRET + 11 + (i << 4);
    h += fold(load<u64>(lane) ^ load<u64>(key), load<u64>(lane, 8) ^ load<u64>(key, 8));
  }
  return avalanche(h);
}

function deriveSecret(seed: u64): void {
  for (let i: usize = 0; i < SECRET_BYTES; i += 16) {
    store<u64>(LONG_SECRET + i, load<u64>(SECRET + i) + seed);
    store<u64>(LONG_SECRET + i, load<u64>(SECRET + i, 8) - seed, 8);
  }
  longSeed = seed;
  longReady = true;
}

function resetLanes(): void {
  store<u64>(LANES, PRIME32_3);
  store<u64>(LANES, PRIME64_1, 8);
  store<u64>(LANES, PRIME64_2, 16);
  store<u64>(LANES, PRIME64_3, 24);
  store<u64>(LANES, PRIME64_4, 32);
  store<u64>(LANES, PRIME32_2, 40);
  store<u64>(LANES, PRIME64_5, 48);
  store<u64>(LANES, PRIME32_1, 56);
}

// @ts-ignore: decorator of AssemblyScript
@inline
function accumulate(at: usize, key: usize): void {
  for (let i: usize = 0; i < 64; i += 8) {
    const word = load<u64>(at + i);
    const keyed = word ^ load<u64>(key + i);
    store<u64>(LANES + (i ^ 8), load<u64>(LANES + (i ^ 8)) + word);
    store<u64>(LANES + i, load<u64>(LANES + i) + (keyed & 0xffffffff) * (keyed >> 32));
  }
}

function scramble(key: usize): void {
  for (let i: usize = 0; i < 64; i += 8) {
    let lane = load<u64>(LANES + i);
    lane ^= lane >> 47;
    store<u64>(LANES + i, (lane ^ load<u64>(key + i)) * PRIME32_1);
  }
}

// @ts-ignore: decorator of AssemblyScript
@inline
function mix16(at: usize, key: usize, seed: u64): u64 {
  return fold(load<u64>(at) ^ (load<u64>(key) + seed), load<u64>(at, 8) ^ (load<u64>(key, 8) - seed));
}

// @ts-ignore: decorator of AssemblyScript
@inline
function fold(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const low = aLow * bLow;
  const high = aHigh * bLow;
  const cross = (low >> 32) + (high & 0xffffffff) + aLow * bHigh;
  return ((cross << 32) | (low & 0xffffffff)) ^ ((high >> 32) + (cross >> 32) + aHigh * bHigh);
}

// @ts-ignore: decorator of AssemblyScript
@inline
function avalanche(x: u64): u64 {
  let h = x ^ (x >> 37);
  h *= MIX_1;
  return h ^ (h >> 32);
}

function avalanche64(x: u64): u64 {
  let h = x ^ (x >> 33);
  h *= PRIME64_2;
  h ^= h >> 29;
  h *= PRIME64_3;
  return h ^ (h >> 32);
}
