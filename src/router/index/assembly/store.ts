// Blocks that became readable. A store comes in slices; the place reached is kept between them.
import { sameWords } from './match';
import {
  addChunk,
  addRun,
  childAt,
  CHUNK,
  CHUNK_BLOCKS,
  copyWords,
  COUNT,
  countHeld,
  CUT,
  DATA,
  dropChunk,
  enter,
  enterPending,
  entryAt,
  findListed,
  findRun,
  findUnlisted,
  FULL,
  laneBit,
  LENGTH,
  LISTED,
  positionOf,
  ROOT,
  runCapacity,
  runOf,
  settle,
  unlist,
  widenChunk,
  widenRun,
  ZERO_HASH,
} from './records';

/** Word 0 is the parent's engine hash, then the slice's engine hashes. */
export const ENGINE = memory.data(8256, 64);
/** Local hashes of the slice. */
export const LOCAL = memory.data(8192, 64);

let sub: u32 = 0;
let chunk: usize = ROOT;
/** Blocks of the chunk above the next one. */
let position: u32 = 0;
/** Run that the last block went into. */
let lastRun: usize = 0;

/** Finds the parent; false when it is unknown. */
export function beginStore(into: u32): bool {
  sub = into;
  chunk = ROOT;
  position = 0;
  lastRun = 0;
  const parent = load<u64>(ENGINE);
  if (!parent) return true;
  const place = findParent(parent);
  if (!place) return false;
  chunk = <usize>load<u32>(runOf(place), CHUNK);
  position = positionOf(place) + 1;
  return true;
}

/** Stores the `count` blocks of the slice; false when memory ran out (what was stored stays). */
export function continueStore(count: u32): bool {
  let i: u32 = 0;
  while (i < count) {
    const locals = LOCAL + (<usize>i << 3);
    const length = <u32>load<u8>(chunk, LENGTH);
    if (position < length) {
      const at = <usize>load<u32>(chunk, DATA) + (<usize>position << 3);
      const same = sameWords(at, locals, min(length - position, count - i));
      if (same) {
        if (!hold(same, i)) return false;
        i += same;
        continue;
      }
    }
    const child = childAt(chunk, position, load<u64>(locals));
    if (child) {
      chunk = child;
      position = 0;
      continue;
    }
    const added = position == length && length < CHUNK_BLOCKS && chunk != ROOT ? append(i, count) : hang(i, count);
    if (!added) return false;
    i += added;
  }
  return true;
}

/** Enters the last block: the likely parent of the next store, or the first to be removed. */
export function finishStore(): void {
  if (!lastRun) return;
  enter(lastRun, position - 1);
  settle(lastRun);
}

function append(i: u32, count: u32): u32 {
  const length = position;
  const added = min(CHUNK_BLOCKS - length, count - i);
  if (!widenChunk(chunk, length + added)) return 0;
  copyWords(<usize>load<u32>(chunk, DATA) + (<usize>length << 3), LOCAL + (<usize>i << 3), added);
  const full = load<u64>(chunk, FULL);
  store<u8>(chunk, <u8>(length + added), LENGTH);
  store<u64>(chunk, 0, FULL);
  if (hold(added, i)) return added;
  store<u8>(chunk, <u8>length, LENGTH);
  store<u64>(chunk, full, FULL);
  return 0;
}

function hang(i: u32, count: u32): u32 {
  const added = min(CHUNK_BLOCKS, count - i);
  const child = addChunk(chunk, position, LOCAL + (<usize>i << 3), added);
  if (!child) return 0;
  chunk = child;
  position = 0;
  if (hold(added, i)) return added;
  dropChunk(child);
  return 0;
}

/** Marks the next `count` blocks of the chunk as held, with the slice's engine hashes from `i` on. */
function hold(count: u32, i: u32): bool {
  let run = lastRun && <usize>load<u32>(lastRun, CHUNK) == chunk ? lastRun : findRun(chunk, sub);
  const end = position + count;
  if (!run) {
    run = addRun(chunk, sub, end);
    if (!run) return false;
  } else if (!widenRun(run, end)) {
    return false;
  }
  const added = write(run, ENGINE + 8 + (<usize>i << 3), count);
  const held = <u32>load<u8>(run, COUNT) + added;
  store<u8>(run, <u8>held, COUNT);
  if (added) countHeld(sub, added);
  advanceCut(run, end, held);
  if (lastRun && lastRun != run) settle(lastRun);
  lastRun = run;
  position = end;
  return true;
}

/** Writes engine hashes; how many of the blocks were not held before. */
function write(run: usize, hashes: usize, count: u32): u32 {
  const entries = entryAt(run, position);
  // Nothing is held from here on when the run has no hole and ends here: the usual case.
  if (position >= <u32>load<u8>(run, CUT) && load<u8>(run, CUT) == load<u8>(run, COUNT)) {
    copyWords(entries, hashes, count);
    replaceZeros(entries, count);
    return count;
  }
  let added: u32 = 0;
  for (let k: u32 = 0; k < count; k++) {
    const at = entries + (<usize>k << 3);
    const given = load<u64>(hashes + (<usize>k << 3));
    const hash = given ? given : ZERO_HASH;
    const before = load<u64>(at);
    if (!before) added++;
    else if (before != hash && (load<u64>(run, LISTED) >> <u64>(position + k)) & 1) unlist(run, position + k, before);
    store<u64>(at, hash);
  }
  return added;
}

function replaceZeros(at: usize, count: u32): void {
  const end = at + (<usize>count << 3);
  let p = at;
  if (ASC_FEATURE_SIMD) {
    for (; p + 64 <= end; p += 64) {
      if (!hasZero(v128.load(p), v128.load(p, 16), v128.load(p, 32), v128.load(p, 48))) continue;
      for (let q = p; q < p + 64; q += 8) if (!load<u64>(q)) store<u64>(q, ZERO_HASH);
    }
  }
  for (; p < end; p += 8) if (!load<u64>(p)) store<u64>(p, ZERO_HASH);
}

// @ts-ignore: decorator of AssemblyScript
@inline
function hasZero(a: v128, b: v128, c: v128, d: v128): bool {
  const none = i64x2.splat(0);
  const low = v128.or(i64x2.eq(a, none), i64x2.eq(b, none));
  return v128.any_true(v128.or(low, v128.or(i64x2.eq(c, none), i64x2.eq(d, none))));
}

function advanceCut(run: usize, end: u32, held: u32): void {
  let cut = <u32>load<u8>(run, CUT);
  if (position <= cut && end > cut) {
    cut = end;
    const limit = held > cut ? runCapacity(run) : cut;
    while (cut < limit && load<u64>(entryAt(run, cut))) cut++;
    store<u8>(run, <u8>cut, CUT);
  }
  if (!(sub & 3) && cut == <u32>load<u8>(chunk, LENGTH)) {
    store<u64>(chunk, load<u64>(chunk, FULL) | laneBit(sub), FULL);
  }
}

/** Place of the parent on the sub's own tier, or another of its lane; entered blocks first. */
function findParent(hash: u64): u64 {
  const own = findListed(sub, hash);
  if (own) return own;
  const lane = sub & ~3;
  for (let other = lane; other < lane + 4; other++) {
    const place = other == sub ? 0 : findListed(other, hash);
    if (place) return place;
  }
  for (let other = lane; other < lane + 4; other++) {
    enterPending(other, ENGINE, 1);
    const listed = findListed(other, hash);
    const place = listed ? listed : findUnlisted(other, hash);
    if (place) return place;
  }
  return 0;
}
