// Longest prefix for all lanes at once. A query comes in slices of the buffer; the place reached is kept between
// them. While every lane still in the race holds all of a chunk, no lane is looked at by itself.
import {
  ANY,
  ATTACH,
  childAt,
  CUT,
  DATA,
  enter,
  entryAt,
  FULL,
  GPU_RUNS,
  laneBit,
  LENGTH,
  LOWER_RUNS,
  lowerHeld,
  PARENT,
  ROOT,
  runCapacity,
  SIBLING,
  SUB,
} from './records';

/** Local hashes of one slice. */
export const QUERY = memory.data(32768, 64);
/** The answer: blocks per lane and tier, then a word whose bits are the lanes with an entry. */
export const OUT = memory.data(1032, 64);
const ANSWERED: usize = 1024;
/** Chunks of the prompt met so far with their first block's number, for the lower tiers. */
const PATH_MAX: u32 = 65536;
const PATH = memory.data(524288, 64);
/** Lanes whose last matched block is entered into the table: it is the likely parent of the next store. */
const ANCHORS: i32 = 8;

let chunk: usize = ROOT;
/** Number of the chunk's first block, and blocks of it matched. */
let start: u32 = 0;
let matched: u32 = 0;
let active: u64 = 0;
let isTiered: bool = false;
/** Whether the lanes that end in this chunk have been scored. */
let isLeft: bool = false;
let pathLength: u32 = 0;
// Where the best of the scored lanes ended.
let best: u32 = 0;
let bestChunk: usize = 0;
let bestPosition: u32 = 0;
let bestLanes: u64 = 0;
export function beginMatch(): void {
  chunk = ROOT;
  start = 0;
  matched = 0;
  active = ~0;
  isTiered = lowerHeld > 0;
  isLeft = false;
  pathLength = 0;
  best = 0;
  bestChunk = 0;
  for (let rest = load<u64>(OUT, ANSWERED); rest; rest &= rest - 1) {
    const at = OUT + (<usize>ctz(rest) << 4);
    store<u64>(at, 0);
    store<u64>(at, 0, 8);
  }
  store<u64>(OUT, 0, ANSWERED);
}

/** Goes on with the `count` hashes at `query`; true when more could be matched. */
export function continueMatch(query: usize, count: u32): bool {
  if (isLeft) return false;
  let i: u32 = 0;
  while (true) {
    const room = <u32>load<u8>(chunk, LENGTH) - matched;
    if (room && i < count) {
      const at = <usize>load<u32>(chunk, DATA) + (<usize>matched << 3);
      const same = sameWords(at, query + (<usize>i << 3), min(room, count - i));
      matched += same;
      i += same;
    }
    if (i == count) return true;
    if (!leave()) return false;
    const child = childAt(chunk, matched, load<u64>(query + (<usize>i << 3)));
    if (!child) return false;
    chunk = child;
    start += matched;
    matched = 0;
    isLeft = false;
  }
}

/** Scores the lanes still in the race and the lower tiers; the best lane's total. */
export function finishMatch(): u32 {
  if (!isLeft) leave();
  const depth = start + matched;
  if (active && depth) {
    score(active, depth);
    best = depth;
    bestChunk = chunk;
    bestPosition = matched - 1;
    bestLanes = active;
  }
  if (bestChunk) anchor(bestChunk, bestPosition, bestLanes);
  return isTiered ? continueBelow(depth) : best;
}

/** Equal leading words of two arrays, at most `count`. */
// @ts-ignore: decorator of AssemblyScript
@inline
export function sameWords(a: usize, b: usize, count: u32): u32 {
  let i: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 8 <= count; i += 8) {
      const at = <usize>i << 3;
      const p = a + at;
      const q = b + at;
      const low = v128.or(
        v128.xor(v128.load(p), v128.load(q)),
        v128.xor(v128.load(p, 16), v128.load(q, 16)),
      );
      const high = v128.or(
        v128.xor(v128.load(p, 32), v128.load(q, 32)),
        v128.xor(v128.load(p, 48), v128.load(q, 48)),
      );
      if (v128.any_true(v128.or(low, high))) break;
    }
  }
  while (i < count && load<u64>(a + (<usize>i << 3)) == load<u64>(b + (<usize>i << 3))) i++;
  return i;
}

/** Scores the lanes that end in this chunk; false when none is left and nobody needs the path. */
function leave(): bool {
  isLeft = true;
  if (chunk == ROOT) return true;
  if (isTiered && pathLength < PATH_MAX) {
    store<u32>(PATH + (<usize>pathLength << 3), <u32>chunk);
    store<u32>(PATH + (<usize>pathLength << 3), start, 4);
    pathLength++;
  }
  const dropped = active & ~load<u64>(chunk, FULL);
  if (dropped) drop(dropped);
  return active != 0 || isTiered;
}

function drop(dropped: u64): void {
  const absent = dropped & ~load<u64>(chunk, ANY);
  if (absent) endAt(absent, 0);
  let partial = dropped ^ absent;
  for (let run = <usize>load<u32>(chunk, GPU_RUNS); run && partial; run = <usize>load<u32>(run, SIBLING)) {
    const lane = laneBit(<u32>load<u8>(run, SUB));
    if (!(partial & lane)) continue;
    partial ^= lane;
    const cut = <u32>load<u8>(run, CUT);
    if (cut < matched) endAt(lane, cut);
  }
}

/** These lanes hold the first `held` blocks of the chunk and no more. */
function endAt(lanes: u64, held: u32): void {
  active &= ~lanes;
  const depth = start + held;
  if (!depth) return;
  score(lanes, depth);
  if (depth <= best) return;
  best = depth;
  bestChunk = held ? chunk : <usize>load<u32>(chunk, PARENT);
  bestPosition = (held ? held : <u32>load<u8>(chunk, ATTACH)) - 1;
  bestLanes = lanes;
}

function score(lanes: u64, depth: u32): void {
  store<u64>(OUT, load<u64>(OUT, ANSWERED) | lanes, ANSWERED);
  for (let rest = lanes; rest; rest &= rest - 1) store<u32>(OUT + (<usize>ctz(rest) << 4), depth);
}

function anchor(at: usize, position: u32, lanes: u64): void {
  let left = ANCHORS;
  for (let run = <usize>load<u32>(at, GPU_RUNS); run && left; run = <usize>load<u32>(run, SIBLING)) {
    if (!(lanes & laneBit(<u32>load<u8>(run, SUB)))) continue;
    enter(run, position);
    left--;
  }
}

/** The lower tiers: each goes on where the one above it ended, over the chunks of the path. */
function continueBelow(depth: u32): u32 {
  for (let tier: u32 = 1; tier < 4; tier++) {
    for (let i: u32 = 0; i < pathLength; i++) {
      const at = PATH + (<usize>i << 3);
      const first = load<u32>(at, 4);
      const end = i + 1 < pathLength ? load<u32>(at, 12) : depth;
      let run = <usize>load<u32>(<usize>load<u32>(at), LOWER_RUNS);
      for (; run; run = <usize>load<u32>(run, SIBLING)) {
        if ((<u32>load<u8>(run, SUB) & 3) == tier) continueRun(run, tier, first, end - first);
      }
    }
  }
  let most: u32 = 0;
  for (let lane: usize = 0; lane < 64; lane++) most = max(most, laneTotal(lane));
  return most;
}

function continueRun(run: usize, tier: u32, first: u32, length: u32): void {
  const lane = <usize>load<u8>(run, SUB) >> 2;
  const total = laneTotal(lane);
  if (total < first || total >= first + length) return;
  const from = total - first;
  const limit = min(length, runCapacity(run));
  let position = max(from, min(<u32>load<u8>(run, CUT), length));
  while (position < limit && load<u64>(entryAt(run, position))) position++;
  if (position == from) return;
  store<u64>(OUT, load<u64>(OUT, ANSWERED) | (<u64>1 << <u64>lane), ANSWERED);
  const at = OUT + (lane << 4) + (<usize>tier << 2);
  store<u32>(at, load<u32>(at) + position - from);
}

// @ts-ignore: decorator of AssemblyScript
@inline
function laneTotal(lane: usize): u32 {
  const at = OUT + (lane << 4);
  return load<u32>(at) + load<u32>(at, 4) + load<u32>(at, 8) + load<u32>(at, 12);
}
