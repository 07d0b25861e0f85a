// Extendible hash table of 64-bit slots: a 31-bit tag and a 33-bit place. Pages of 64 buckets with 8 slots each; a
// page that fills is split alone, so no insertion ever waits for a whole table to be rehashed. The directory uses a
// tag's first bits and the bucket its last six, so nothing but the tag is needed to move a slot. What a place stands
// for is checked by the caller, who asks for the next candidate if it is another's.
import { allocate, PAGE_SIZE_CLASS, release } from './memory';

const BUCKETS: u32 = 64;
const SLOTS_BYTES: usize = 4096;
/** Slots of a page in use (dead ones too) at which it is split or cleaned. */
const FULL_AT: u32 = 400;
/** Live slots below which cleaning is enough. */
const CLEAN_BELOW: u32 = 280;
/** Slots that may be in use when a page cannot be split; probing needs an empty one to end. */
const USED_MAX: u32 = 508;
const DEPTH_MAX: u32 = 20;
const DEAD: u64 = 1;

// Table: directory, depth. Page: slots used, slots live, its own depth; then the slots.
const DIRECTORY: usize = 0;
const DEPTH: usize = 4;
const USED: usize = 0;
const LIVE: usize = 4;
const OWN_DEPTH: usize = 8;
const SLOTS: usize = 64;

const SCRATCH = memory.data(4096, 16);

/** Makes `table` (8 bytes) an empty one; false when there is no room. */
export function openTable(table: usize): bool {
  const directory = allocate(3);
  const page = newPage(0);
  if (!directory || !page) return false;
  store<u32>(directory, <u32>page);
  store<u32>(table, <u32>directory, DIRECTORY);
  store<u32>(table, 0, DEPTH);
  return true;
}

/** The tag of a mixed hash: never 0, which marks empty and dead slots. */
// @ts-ignore: decorator of AssemblyScript
@inline
export function tagOf(mixed: u64): u32 {
  const tag = <u32>(mixed >> 33);
  return tag ? tag : 1;
}

/** Adds a slot; false when there is no room for it. The same tag and place must not be there yet. */
export function insert(table: usize, tag: u32, place: u64): bool {
  let page = pageOf(table, tag);
  while (load<u32>(page, USED) >= FULL_AT) {
    if (load<u32>(page, LIVE) < CLEAN_BELOW) {
      clean(page);
    } else if (!split(table, page, tag)) {
      if (load<u32>(page, USED) >= USED_MAX) return false;
      break;
    }
    page = pageOf(table, tag);
  }
  put(page, (<u64>tag << 33) | place);
  return true;
}

/** Takes a slot out that is there. */
export function erase(table: usize, tag: u32, place: u64): void {
  const page = pageOf(table, tag);
  const slot = (<u64>tag << 33) | place;
  let b = tag;
  while (true) {
    const bucket = bucketOf(page, b++);
    for (let found = withTag(bucket, tag); found; found &= found - 1) {
      const at = bucket + (<usize>ctz(found) << 3);
      if (load<u64>(at) != slot) continue;
      const isOpen = hasEmpty(bucket);
      // A full bucket may have sent slots to the next one: its end of search must stay where it is.
      store<u64>(at, isOpen ? 0 : DEAD);
      store<u32>(page, load<u32>(page, LIVE) - 1, LIVE);
      if (isOpen) store<u32>(page, load<u32>(page, USED) - 1, USED);
      return;
    }
  }
}

// @ts-ignore: decorator of AssemblyScript
@inline
export function pageOf(table: usize, tag: u32): usize {
  const index = <usize>(tag >> (31 - load<u32>(table, DEPTH)));
  return <usize>load<u32>(<usize>load<u32>(table, DIRECTORY) + (index << 2));
}

// @ts-ignore: decorator of AssemblyScript
@inline
export function bucketOf(page: usize, bucket: u32): usize {
  return page + SLOTS + (<usize>(bucket & (BUCKETS - 1)) << 6);
}

/** Bit s is set where slot s of the bucket has this tag. */
// @ts-ignore: decorator of AssemblyScript
@inline
export function withTag(bucket: usize, tag: u32): u32 {
  if (ASC_FEATURE_SIMD) {
    const wanted = i32x4.splat(tag);
    const low = v128.shuffle<u32>(v128.load(bucket), v128.load(bucket, 16), 1, 3, 5, 7);
    const high = v128.shuffle<u32>(v128.load(bucket, 32), v128.load(bucket, 48), 1, 3, 5, 7);
    return (
      i32x4.bitmask(i32x4.eq(i32x4.shr_u(low, 1), wanted)) |
      (i32x4.bitmask(i32x4.eq(i32x4.shr_u(high, 1), wanted)) << 4)
    );
  }
  let found: u32 = 0;
  for (let s: u32 = 0; s < 8; s++) {
    found |= <u32>(load<u32>(bucket + (<usize>s << 3), 4) >> 1 == tag) << s;
  }
  return found;
}

/** Whether a search may end at this bucket. */
// @ts-ignore: decorator of AssemblyScript
@inline
export function hasEmpty(bucket: usize): bool {
  if (ASC_FEATURE_SIMD) {
    const none = i64x2.splat(0);
    const low = v128.or(i64x2.eq(v128.load(bucket), none), i64x2.eq(v128.load(bucket, 16), none));
    const high = v128.or(i64x2.eq(v128.load(bucket, 32), none), i64x2.eq(v128.load(bucket, 48), none));
    return v128.any_true(v128.or(low, high));
  }
  for (let s: usize = 0; s < 64; s += 8) if (load<u64>(bucket + s) == 0) return true;
  return false;
}

// @ts-ignore: decorator of AssemblyScript
@inline
export function placeAt(bucket: usize, slot: u32): u64 {
  return load<u64>(bucket + (<usize>slot << 3)) & 0x1ffffffff;
}

function newPage(depth: u32): usize {
  const page = allocate(PAGE_SIZE_CLASS);
  if (!page) return 0;
  memory.fill(page, 0, SLOTS + SLOTS_BYTES);
  store<u32>(page, depth, OWN_DEPTH);
  return page;
}

function put(page: usize, slot: u64): void {
  let b = <u32>(slot >> 33);
  while (true) {
    const bucket = bucketOf(page, b++);
    const free = freeSlots(bucket);
    if (!free) continue;
    const at = bucket + (<usize>ctz(free) << 3);
    store<u32>(page, load<u32>(page, LIVE) + 1, LIVE);
    if (!load<u64>(at)) store<u32>(page, load<u32>(page, USED) + 1, USED);
    store<u64>(at, slot);
    return;
  }
}

/** Bit s is set where slot s is empty or dead: both have tag 0. */
// @ts-ignore: decorator of AssemblyScript
@inline
function freeSlots(bucket: usize): u32 {
  return withTag(bucket, 0);
}

function split(table: usize, page: usize, tag: u32): bool {
  const own = load<u32>(page, OWN_DEPTH);
  if (own == load<u32>(table, DEPTH) && !double(table)) return false;
  const other = newPage(own + 1);
  if (!other) return false;
  store<u32>(page, own + 1, OWN_DEPTH);
  // The page had a run of equal directory entries; the second half of it goes to the other.
  const shift = load<u32>(table, DEPTH) - own;
  const first = <usize>((tag >> (31 - own)) << shift);
  const directory = <usize>load<u32>(table, DIRECTORY);
  const half = <usize>1 << (shift - 1);
  for (let i = first + half; i < first + 2 * half; i++) store<u32>(directory + (i << 2), <u32>other);
  divide(page, other, <u64>1 << <u64>(63 - own));
  return true;
}

/** Drops the page's dead slots. */
function clean(page: usize): void {
  divide(page, page, 0);
}

/**
 * Moves the slots that have the bit to the other page. A slot in the bucket of its tag keeps bucket and place in it; only
 * those that had gone further, because that bucket was full, are put in again.
 */
function divide(page: usize, other: usize, bit: u64): void {
  let strayed: usize = 0;
  let kept: u32 = 0;
  let moved: u32 = 0;
  for (let offset: usize = SLOTS; offset < SLOTS + SLOTS_BYTES; offset += 8) {
    const slot = load<u64>(page + offset);
    if (!slot) continue;
    const isHome = (<u32>(slot >> 33) & (BUCKETS - 1)) == <u32>((offset - SLOTS) >> 6);
    if (isHome && slot != DEAD && !(slot & bit)) {
      kept++;
      continue;
    }
    store<u64>(page + offset, 0);
    if (slot == DEAD) continue;
    if (isHome) {
      store<u64>(other + offset, slot);
      moved++;
    } else {
      store<u64>(SCRATCH + strayed, slot);
      strayed += 8;
    }
  }
  store<u32>(other, moved, USED);
  store<u32>(other, moved, LIVE);
  store<u32>(page, kept, USED);
  store<u32>(page, kept, LIVE);
  for (let at: usize = 0; at < strayed; at += 8) {
    const slot = load<u64>(SCRATCH + at);
    put(slot & bit ? other : page, slot);
  }
}

function double(table: usize): bool {
  const depth = load<u32>(table, DEPTH);
  if (depth == DEPTH_MAX) return false;
  const before = <usize>load<u32>(table, DIRECTORY);
  const size = depth + 3;
  const after = allocate(size < 3 ? 3 : size);
  if (!after) return false;
  for (let i: usize = 0; i < <usize>1 << depth; i++) {
    const page = load<u32>(before + (i << 2));
    store<u32>(after + (i << 3), page);
    store<u32>(after + (i << 3), page, 4);
  }
  store<u32>(table, <u32>after, DIRECTORY);
  store<u32>(table, depth + 1, DEPTH);
  release(depth + 2 < 3 ? 3 : depth + 2, before);
  return true;
}
