// The two records of the index and their links.
//
// Chunk: up to 64 consecutive blocks that follow each other in every prompt that reaches them. It hangs below block
// `attach - 1` of its parent (0 = below the root). It is never split: where prompts part, a new chunk hangs there.
// It lives while a lane holds a block of it or another chunk hangs on it.
//
// Run: the blocks one lane holds of one chunk on one tier, as the engine's own hashes (0 = not held). A "sub" is
// lane * 4 + tier. A run whose hashes are not all in the table of blocks is "pending".
import { allocate, release } from './memory';
import { bucketOf, erase, hasEmpty, insert, pageOf, placeAt, tagOf, withTag } from './table';

/** Stands for an engine hash of 0, which means "not held" in a run. */
export const ZERO_HASH: u64 = 0x9e3779b9;
export const CHUNK_BLOCKS: u32 = 64;
const CHUNK_SIZE: u32 = 6;
const RUN_SIZE: u32 = 5;

export const DATA: usize = 0;
export const PARENT: usize = 4;
/** The child last gone to below a full chunk or the root: the likely way on, found without the table. */
export const NEXT: usize = 8;
export const GPU_RUNS: usize = 12;
export const LOWER_RUNS: usize = 16;
export const CHILDREN: usize = 20;
/** Lanes that hold every block of the chunk on the gpu. */
export const FULL: usize = 24;
/** Lanes that hold any of them on the gpu. */
export const ANY: usize = 32;
/** First local hash, also in the data: spares a look there. */
export const FIRST: usize = 40;
export const LENGTH: usize = 48;
export const ATTACH: usize = 49;
const DATA_SIZE: usize = 50;
/** Blocks above the chunk. */
export const DEPTH: usize = 52;

export const CHUNK: usize = 0;
/** Next run of the same chunk. */
export const SIBLING: usize = 4;
export const ENTRIES: usize = 8;
const BEFORE: usize = 12;
/** Next run of the same sub, in the list of pending or of settled ones. */
export const AFTER: usize = 16;
export const SUB: usize = 20;
/** Blocks held from the chunk's first on without a hole. */
export const CUT: usize = 21;
export const COUNT: usize = 22;
const ENTRIES_SIZE: usize = 23;
/** Bit p is set when the entry at p is in the table of blocks. */
export const LISTED: usize = 24;
const PENDING_FLAG: u8 = 0x80;

/** Tables of blocks (sub, engine hash -> run, position) and of edges (chunk, position, local hash -> chunk). */
export const BLOCKS = memory.data(8, 8);
export const EDGES = memory.data(8, 8);
/** First run of each sub's two lists, and blocks held per sub. */
export const PENDING = memory.data(1024, 8);
export const SETTLED = memory.data(1024, 8);
export const HELD = memory.data(1024, 8);
/** The chunk without blocks that every first block hangs on. */
export const ROOT = memory.data(64, 64);

/** Bits of the hashes looked for in a pass over the pending runs. */
const FILTER = memory.data(8192, 64);
/** Runs of one step of such a pass. */
const BATCH_BYTES: usize = 128;
const BATCH = memory.data(128, 64);
const FILTER_MIX: u64 = 0x9e3779b97f4a7c15;
/** Blocks entered in one such pass beside those looked for: about 0.3 ms. */
const SEARCH_ENTERS: i32 = 2048;
/** Whether a block could not be entered for want of memory. */
let isTableFull: bool = false;

/** Blocks held on the three lower tiers together. */
export let lowerHeld: u32 = 0;

export function countHeld(sub: u32, change: i32): void {
  const at = HELD + (<usize>sub << 2);
  store<u32>(at, load<u32>(at) + change);
  if (sub & 3) lowerHeld += change;
}

// @ts-ignore: decorator of AssemblyScript
@inline
export function laneBit(sub: u32): u64 {
  return <u64>1 << (<u64>sub >> 2);
}

// @ts-ignore: decorator of AssemblyScript
@inline
export function entryAt(run: usize, position: u32): usize {
  return <usize>load<u32>(run, ENTRIES) + (<usize>position << 3);
}

// @ts-ignore: decorator of AssemblyScript
@inline
export function runCapacity(run: usize): u32 {
  return <u32>1 << ((load<u8>(run, ENTRIES_SIZE) & ~PENDING_FLAG) - 3);
}

/** The sub's run in the chunk, 0 when there is none. */
export function findRun(chunk: usize, sub: u32): usize {
  let run: usize;
  if (sub & 3) {
    run = <usize>load<u32>(chunk, LOWER_RUNS);
  } else {
    if (!(load<u64>(chunk, ANY) & laneBit(sub))) return 0;
    run = <usize>load<u32>(chunk, GPU_RUNS);
  }
  while (run && load<u8>(run, SUB) != sub) run = <usize>load<u32>(run, SIBLING);
  return run;
}

/** The child of the chunk below its first `position` blocks that begins with `local`, 0 when there is none. */
// @ts-ignore: decorator of AssemblyScript
@inline
export function childAt(chunk: usize, position: u32, local: u64): usize {
  if (!load<u32>(chunk, CHILDREN)) return 0;
  if (position & (CHUNK_BLOCKS - 1)) return findEdge(chunk, position, local);
  const next = <usize>load<u32>(chunk, NEXT);
  if (next && load<u64>(next, FIRST) == local) return next;
  const child = findEdge(chunk, position, local);
  if (child) store<u32>(chunk, <u32>child, NEXT);
  return child;
}

function findEdge(chunk: usize, position: u32, local: u64): usize {
  const tag = edgeTag(chunk, position, local);
  const page = pageOf(EDGES, tag);
  let b = tag;
  while (true) {
    const bucket = bucketOf(page, b++);
    for (let found = withTag(bucket, tag); found; found &= found - 1) {
      const child = <usize>placeAt(bucket, ctz(found));
      if (load<u64>(child, FIRST) != local || <usize>load<u32>(child, PARENT) != chunk) continue;
      if (<u32>load<u8>(child, ATTACH) == position) return child;
    }
    if (hasEmpty(bucket)) return 0;
  }
}

/** A chunk of `count` blocks hung below the first `position` blocks of `parent`; 0 when there is no room. */
export function addChunk(parent: usize, position: u32, locals: usize, count: u32): usize {
  const chunk = allocate(CHUNK_SIZE);
  const size = sizeFor(count);
  const data = allocate(size);
  const first = load<u64>(locals);
  if (!chunk || !data || !insert(EDGES, edgeTag(parent, position, first), <u64>chunk)) {
    if (chunk) release(CHUNK_SIZE, chunk);
    if (data) release(size, data);
    return 0;
  }
  copyWords(data, locals, count);
  for (let at: usize = 0; at < 64; at += 8) store<u64>(chunk + at, 0);
  store<u32>(chunk, <u32>data, DATA);
  store<u32>(chunk, <u32>parent, PARENT);
  store<u64>(chunk, first, FIRST);
  store<u8>(chunk, <u8>count, LENGTH);
  store<u8>(chunk, <u8>position, ATTACH);
  store<u8>(chunk, <u8>size, DATA_SIZE);
  store<u32>(chunk, load<u32>(parent, DEPTH) + position, DEPTH);
  store<u32>(parent, load<u32>(parent, CHILDREN) + 1, CHILDREN);
  if (!(position & (CHUNK_BLOCKS - 1))) store<u32>(parent, <u32>chunk, NEXT);
  return chunk;
}

/** Room for `length` blocks in the chunk's data; false when there is none. */
export function widenChunk(chunk: usize, length: u32): bool {
  const before = <u32>load<u8>(chunk, DATA_SIZE);
  const size = sizeFor(length);
  if (size <= before) return true;
  const data = allocate(size);
  if (!data) return false;
  copyWords(data, <usize>load<u32>(chunk, DATA), <u32>load<u8>(chunk, LENGTH));
  release(before, <usize>load<u32>(chunk, DATA));
  store<u32>(chunk, <u32>data, DATA);
  store<u8>(chunk, <u8>size, DATA_SIZE);
  return true;
}

/** Frees the chunk if nothing holds it any more, then those above it that only it kept. */
export function dropChunk(start: usize): void {
  let chunk = start;
  while (chunk != ROOT && !load<u32>(chunk, CHILDREN)) {
    if (load<u32>(chunk, GPU_RUNS) | load<u32>(chunk, LOWER_RUNS)) return;
    const parent = <usize>load<u32>(chunk, PARENT);
    const position = <u32>load<u8>(chunk, ATTACH);
    erase(EDGES, edgeTag(parent, position, load<u64>(chunk, FIRST)), <u64>chunk);
    if (<usize>load<u32>(parent, NEXT) == chunk) store<u32>(parent, 0, NEXT);
    store<u32>(parent, load<u32>(parent, CHILDREN) - 1, CHILDREN);
    release(<u32>load<u8>(chunk, DATA_SIZE), <usize>load<u32>(chunk, DATA));
    release(CHUNK_SIZE, chunk);
    chunk = parent;
  }
}

/** An empty run with room for `length` entries, all 0; 0 when there is no memory. */
export function addRun(chunk: usize, sub: u32, length: u32): usize {
  const run = allocate(RUN_SIZE);
  const size = sizeFor(length);
  const entries = allocate(size);
  if (!run || !entries) {
    if (run) release(RUN_SIZE, run);
    if (entries) release(size, entries);
    return 0;
  }
  clearWords(entries, <u32>1 << (size - 3));
  const head = sub & 3 ? LOWER_RUNS : GPU_RUNS;
  store<u32>(run, <u32>chunk, CHUNK);
  store<u32>(run, load<u32>(chunk + head), SIBLING);
  store<u32>(chunk + head, <u32>run);
  store<u32>(run, <u32>entries, ENTRIES);
  store<u8>(run, <u8>sub, SUB);
  store<u8>(run, 0, CUT);
  store<u8>(run, 0, COUNT);
  store<u8>(run, <u8>size, ENTRIES_SIZE);
  store<u64>(run, 0, LISTED);
  if (!(sub & 3)) store<u64>(chunk, load<u64>(chunk, ANY) | laneBit(sub), ANY);
  link(run, SETTLED);
  return run;
}

/** Room for `length` entries; false when there is none. */
export function widenRun(run: usize, length: u32): bool {
  const before = runCapacity(run);
  if (length <= before) return true;
  const size = sizeFor(length);
  const entries = allocate(size);
  if (!entries) return false;
  copyWords(entries, <usize>load<u32>(run, ENTRIES), before);
  clearWords(entries + (<usize>before << 3), (<u32>1 << (size - 3)) - before);
  const flag = load<u8>(run, ENTRIES_SIZE) & PENDING_FLAG;
  release(<u32>(load<u8>(run, ENTRIES_SIZE) & ~PENDING_FLAG), <usize>load<u32>(run, ENTRIES));
  store<u32>(run, <u32>entries, ENTRIES);
  store<u8>(run, <u8>size | flag, ENTRIES_SIZE);
  return true;
}

/** Frees a run whose entries are out of the table; the chunk stays (see `dropChunk`). */
export function dropRun(run: usize): void {
  const chunk = <usize>load<u32>(run, CHUNK);
  const sub = <u32>load<u8>(run, SUB);
  unlink(run);
  let at = chunk + (sub & 3 ? LOWER_RUNS : GPU_RUNS);
  while (<usize>load<u32>(at) != run) at = <usize>load<u32>(at) + SIBLING;
  store<u32>(at, load<u32>(run, SIBLING));
  if (!(sub & 3)) {
    const others = ~laneBit(sub);
    store<u64>(chunk, load<u64>(chunk, ANY) & others, ANY);
    store<u64>(chunk, load<u64>(chunk, FULL) & others, FULL);
  }
  release(<u32>(load<u8>(run, ENTRIES_SIZE) & ~PENDING_FLAG), <usize>load<u32>(run, ENTRIES));
  release(RUN_SIZE, run);
}

/** Puts the run into the list it belongs to after its entries changed; a pending one to the front. */
export function settle(run: usize): void {
  const isPending = popcnt(load<u64>(run, LISTED)) < <u64>load<u8>(run, COUNT);
  const size = load<u8>(run, ENTRIES_SIZE);
  if (!isPending && !(size & PENDING_FLAG)) return;
  const list = isPending ? PENDING : SETTLED;
  if (isPending && <usize>load<u32>(PENDING + (<usize>load<u8>(run, SUB) << 2)) == run) return;
  unlink(run);
  store<u8>(run, isPending ? size | PENDING_FLAG : size & ~PENDING_FLAG, ENTRIES_SIZE);
  link(run, list);
}

/** Enters the block at this position into the table of blocks, if it is held and not in it yet. */
export function enter(run: usize, position: u32): void {
  const bit = <u64>1 << <u64>position;
  if (load<u64>(run, LISTED) & bit || position >= runCapacity(run)) return;
  const hash = load<u64>(entryAt(run, position));
  if (!hash) return;
  if (insert(BLOCKS, blockTag(<u32>load<u8>(run, SUB), hash), placeOf(run, position))) {
    store<u64>(run, load<u64>(run, LISTED) | bit, LISTED);
  } else {
    isTableFull = true;
  }
}

/** Takes the entered block at this position out of the table again. */
export function unlist(run: usize, position: u32, hash: u64): void {
  erase(BLOCKS, blockTag(<u32>load<u8>(run, SUB), hash), placeOf(run, position));
  store<u64>(run, load<u64>(run, LISTED) & ~(<u64>1 << <u64>position), LISTED);
}

/** Place of a sub's engine hash among the entered blocks, 0 when it is not there. */
export function findListed(sub: u32, hash: u64): u64 {
  const tag = blockTag(sub, hash);
  const page = pageOf(BLOCKS, tag);
  let b = tag;
  while (true) {
    const bucket = bucketOf(page, b++);
    for (let found = withTag(bucket, tag); found; found &= found - 1) {
      const place = placeAt(bucket, ctz(found));
      const run = runOf(place);
      if (<u32>load<u8>(run, SUB) == sub && load<u64>(entryAt(run, positionOf(place))) == hash) return place;
    }
    if (hasEmpty(bucket)) return 0;
  }
}

/**
 * Makes sure that those of the `count` hashes at `hashes` that the sub holds can be found: enters them, and as many
 * other pending blocks as `SEARCH_ENTERS` allows, newest runs first. One pass over the pending runs whatever `count` is,
 * and after a few passes nothing is pending: an engine that names blocks in no order, or unknown ones, pays for
 * the full table once, but not in one call.
 */
export function enterPending(sub: u32, hashes: usize, count: u32): void {
  let run = <usize>load<u32>(PENDING + (<usize>sub << 2));
  if (!run) return;
  for (let i: u32 = 0; i < count; i++) mark(load<u64>(hashes + (<usize>i << 3)));
  let left = SEARCH_ENTERS;
  while (run) {
    const batch = gather(run);
    run = next;
    for (let i: usize = 0; i < batch; i += 4) left -= searchRun(<usize>load<u32>(BATCH + i), left > 0);
  }
  for (let i: u32 = 0; i < count; i++) unmark(load<u64>(hashes + (<usize>i << 3)));
}

/** Enters all blocks of a run, or the marked ones; how many it has. */
function searchRun(run: usize, isWhole: bool): i32 {
  const capacity = runCapacity(run);
  if (isWhole) {
    for (let p: u32 = 0; p < capacity; p++) enter(run, p);
  } else {
    for (let found = marked(<usize>load<u32>(run, ENTRIES), capacity); found; found &= found - 1) {
      enter(run, <u32>ctz(found));
    }
  }
  const held = load<u8>(run, COUNT);
  if (popcnt(load<u64>(run, LISTED)) == <u64>held) settle(run);
  return held;
}

/** Where the list goes on after a batch. */
let next: usize = 0;
/** Sum of what was read ahead, so that the reads are not optimized away. */
let seen: u64 = 0;

/** Takes the next runs of a list and reads their entries: memory is waited for once per batch, not once per run. */
function gather(first: usize): usize {
  let at: usize = 0;
  let run = first;
  let sum: u64 = 0;
  while (run && at < BATCH_BYTES) {
    store<u32>(BATCH + at, <u32>run);
    const entries = <usize>load<u32>(run, ENTRIES);
    const end = entries + (<usize>runCapacity(run) << 3);
    for (let line = entries; line < end; line += 64) sum += load<u64>(line);
    run = <usize>load<u32>(run, AFTER);
    at += 4;
  }
  seen += sum;
  next = run;
  return at;
}

/** Bit p is set where entry p may be one of the marked ones. */
// @ts-ignore: decorator of AssemblyScript
@inline
function marked(entries: usize, count: u32): u64 {
  let found: u64 = 0;
  for (let p: usize = 0; p < <usize>count; p++) {
    const bit = <u32>((load<u64>(entries + (p << 3)) * FILTER_MIX) >> 48);
    found |= <u64>((<u32>load<u8>(FILTER + <usize>(bit >> 3)) >> (bit & 7)) & 1) << <u64>p;
  }
  return found;
}

/** Place of a sub's engine hash, entered or not; for the time when the table has no room for more. */
export function findUnlisted(sub: u32, hash: u64): u64 {
  if (!isTableFull) return 0;
  for (let run = <usize>load<u32>(PENDING + (<usize>sub << 2)); run; run = <usize>load<u32>(run, AFTER)) {
    const capacity = runCapacity(run);
    for (let p: u32 = 0; p < capacity; p++) if (load<u64>(entryAt(run, p)) == hash) return placeOf(run, p);
  }
  return 0;
}

function filterBit(hash: u64): u32 {
  return <u32>(((hash ? hash : ZERO_HASH) * FILTER_MIX) >> 48);
}

function mark(hash: u64): void {
  const bit = filterBit(hash);
  const at = FILTER + <usize>(bit >> 3);
  store<u8>(at, load<u8>(at) | <u8>(<u32>1 << (bit & 7)));
}

function unmark(hash: u64): void {
  store<u8>(FILTER + <usize>(filterBit(hash) >> 3), 0);
}

// @ts-ignore: decorator of AssemblyScript
@inline
export function placeOf(run: usize, position: u32): u64 {
  return (<u64>run << 1) | <u64>position;
}

// @ts-ignore: decorator of AssemblyScript
@inline
export function runOf(place: u64): usize {
  return <usize>((place >> 6) << 5);
}

// @ts-ignore: decorator of AssemblyScript
@inline
export function positionOf(place: u64): u32 {
  return <u32>place & 63;
}

/** Exponent of the smallest record for `words` 64-bit words. */
// @ts-ignore: decorator of AssemblyScript
@inline
export function sizeFor(words: u32): u32 {
  return words <= 1 ? 3 : 35 - clz(words - 1);
}

// @ts-ignore: decorator of AssemblyScript
@inline
function edgeTag(chunk: usize, position: u32, local: u64): u32 {
  const x = (local ^ (((<u64>chunk << 7) | <u64>position) * 0x9e3779b97f4a7c15)) * 0xd6e8feb86659fd93;
  return tagOf((x ^ (x >> 32)) * 0xd6e8feb86659fd93);
}

// @ts-ignore: decorator of AssemblyScript
@inline
function blockTag(sub: u32, hash: u64): u32 {
  const x = (hash ^ (<u64>sub * 0x9e3779b97f4a7c15)) * 0xd6e8feb86659fd93;
  return tagOf((x ^ (x >> 32)) * 0xd6e8feb86659fd93);
}

/** Plain loops: a call to `memory.copy` costs more than up to 64 words do. */
export function copyWords(to: usize, from: usize, count: u32): void {
  const end = <usize>count << 3;
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 32 <= end; i += 32) {
      const low = v128.load(from + i);
      const high = v128.load(from + i, 16);
      v128.store(to + i, low);
      v128.store(to + i, high, 16);
    }
  }
  for (; i < end; i += 8) store<u64>(to + i, load<u64>(from + i));
}

export function clearWords(at: usize, count: u32): void {
  const end = <usize>count << 3;
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const none = i64x2.splat(0);
    for (; i + 32 <= end; i += 32) {
      v128.store(at + i, none);
      v128.store(at + i, none, 16);
    }
  }
  for (; i < end; i += 8) store<u64>(at + i, 0);
}

function link(run: usize, list: usize): void {
  const head = list + (<usize>load<u8>(run, SUB) << 2);
  const after = <usize>load<u32>(head);
  store<u32>(run, 0, BEFORE);
  store<u32>(run, <u32>after, AFTER);
  if (after) store<u32>(after, <u32>run, BEFORE);
  store<u32>(head, <u32>run);
}

function unlink(run: usize): void {
  const before = <usize>load<u32>(run, BEFORE);
  const after = <usize>load<u32>(run, AFTER);
  if (after) store<u32>(after, <u32>before, BEFORE);
  if (before) {
    store<u32>(before, <u32>after, AFTER);
    return;
  }
  const list = load<u8>(run, ENTRIES_SIZE) & PENDING_FLAG ? PENDING : SETTLED;
  store<u32>(list + (<usize>load<u8>(run, SUB) << 2), <u32>after);
}
