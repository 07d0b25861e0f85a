// Blocks that left. Engines evict a prompt from its end, so after one block was found the one above it is guessed to
// be next; each guess is checked by its hash, so order never matters for the result.
import {
  ATTACH,
  CHILDREN,
  CHUNK,
  clearWords,
  COUNT,
  countHeld,
  CUT,
  dropChunk,
  dropRun,
  enter,
  enterPending,
  entryAt,
  findListed,
  findRun,
  findUnlisted,
  FULL,
  GPU_RUNS,
  laneBit,
  LENGTH,
  LISTED,
  LOWER_RUNS,
  PARENT,
  PENDING,
  positionOf,
  ROOT,
  runCapacity,
  runOf,
  settle,
  SETTLED,
  SIBLING,
  SUB,
  unlist,
  ZERO_HASH,
} from './records';
import { ENGINE } from './store';

/** The block guessed to be next; run 0 when there is no guess. */
let guessRun: usize = 0;
let guessPosition: u32 = 0;

export function beginRemove(): void {
  guessRun = 0;
}

/** Removes the `count` engine hashes from word 1 of the buffer on; how many were known. */
export function continueRemove(sub: u32, count: u32): u32 {
  let known: u32 = 0;
  let isSearched = false;
  for (let i: u32 = 0; i < count; ) {
    if (!guessed(i)) {
      const hash = hashAt(i);
      let place = findListed(sub, hash);
      if (!place && !isSearched) {
        isSearched = true;
        enterPending(sub, ENGINE + 8 + (<usize>i << 3), count - i);
        place = findListed(sub, hash);
      }
      if (!place) place = findUnlisted(sub, hash);
      if (!place) {
        i++;
        continue;
      }
      guessRun = runOf(place);
      guessPosition = positionOf(place);
    }
    const removed = removeUpwards(i, count);
    known += removed;
    i += removed;
    countHeld(sub, -(<i32>removed));
  }
  return known;
}

/** Enters the new last block: the next to be removed, or the parent of the next store. */
export function finishRemove(): void {
  if (!guessRun) return;
  enter(guessRun, guessPosition);
  settle(guessRun);
}

/** Forgets everything a sub holds. */
export function clearSub(sub: u32): void {
  clearList(PENDING + (<usize>sub << 2), sub);
  clearList(SETTLED + (<usize>sub << 2), sub);
}

function clearList(head: usize, sub: u32): void {
  for (let run = <usize>load<u32>(head); run; run = <usize>load<u32>(head)) {
    for (let listed = load<u64>(run, LISTED); listed; listed &= listed - 1) {
      const position = <u32>ctz(listed);
      unlist(run, position, load<u64>(entryAt(run, position)));
    }
    countHeld(sub, -(<i32>load<u8>(run, COUNT)));
    const chunk = <usize>load<u32>(run, CHUNK);
    dropRun(run);
    dropChunk(chunk);
  }
}

// @ts-ignore: decorator of AssemblyScript
@inline
function hashAt(i: u32): u64 {
  const hash = load<u64>(ENGINE + 8 + (<usize>i << 3));
  return hash ? hash : ZERO_HASH;
}

// @ts-ignore: decorator of AssemblyScript
@inline
function guessed(i: u32): bool {
  return guessRun != 0 && load<u64>(entryAt(guessRun, guessPosition)) == hashAt(i);
}

/** Removes the guessed block and those above it in the same run, as far as the hashes say so; how many. */
function removeUpwards(first: u32, count: u32): u32 {
  const run = guessRun;
  const removed = sameUpwards(entryAt(run, guessPosition), first, min(guessPosition + 1, count - first));
  const lowest = guessPosition + 1 - removed;
  // Bits lowest .. guessPosition.
  const range = (~(<u64>0) >> <u64>(64 - removed)) << <u64>lowest;
  for (let listed = load<u64>(run, LISTED) & range; listed; listed &= listed - 1) {
    const position = <u32>ctz(listed);
    unlist(run, position, load<u64>(entryAt(run, position)));
  }
  afterRemoval(run, lowest, removed);
  return removed;
}

/** Hashes of the buffer from `first` on that equal the entries from `at` upwards (towards the first block). */
function sameUpwards(at: usize, first: u32, count: u32): u32 {
  const hashes = ENGINE + 8 + (<usize>first << 3);
  // The first is known to be equal.
  let i: u32 = 1;
  if (ASC_FEATURE_SIMD) {
    for (; i + 4 <= count; i += 4) {
      const entry = at - (<usize>i << 3);
      const hash = hashes + (<usize>i << 3);
      const a = v128.load(hash);
      const b = v128.load(hash, 16);
      const low = v128.xor(v128.load(entry - 8), v128.shuffle<u64>(a, a, 1, 0));
      const high = v128.xor(v128.load(entry - 24), v128.shuffle<u64>(b, b, 1, 0));
      if (v128.any_true(v128.or(low, high))) break;
    }
  }
  while (i < count && load<u64>(at - (<usize>i << 3)) == hashAt(first + i)) i++;
  return i;
}

function afterRemoval(run: usize, lowest: u32, removed: u32): void {
  const chunk = <usize>load<u32>(run, CHUNK);
  const sub = <u32>load<u8>(run, SUB);
  const left = <u32>load<u8>(run, COUNT) - removed;
  store<u8>(run, <u8>left, COUNT);
  if (lowest < <u32>load<u8>(run, CUT)) store<u8>(run, <u8>lowest, CUT);
  if (!(sub & 3)) store<u64>(chunk, load<u64>(chunk, FULL) & ~laneBit(sub), FULL);
  if (lowest) {
    guessPosition = lowest - 1;
  } else {
    guessAbove(chunk, sub);
  }
  if (!left) {
    if (guessRun == run) guessAbove(chunk, sub);
    dropRun(run);
    dropChunk(chunk);
    return;
  }
  clearWords(entryAt(run, lowest), removed);
  settle(run);
  trim(chunk, run, sub);
}

/** Guesses the block that the chunk hangs on. A run found there keeps its chunk from being freed. */
function guessAbove(chunk: usize, sub: u32): void {
  const parent = <usize>load<u32>(chunk, PARENT);
  guessRun = parent == ROOT ? 0 : findRun(parent, sub);
  guessPosition = <u32>load<u8>(chunk, ATTACH) - 1;
  if (guessRun && guessPosition >= runCapacity(guessRun)) guessRun = 0;
}

/** A chunk that only this run keeps ends where the run ends, so that the next blocks can be appended to it. */
function trim(chunk: usize, run: usize, sub: u32): void {
  const cut = load<u8>(run, CUT);
  if (!cut || cut != load<u8>(run, COUNT) || load<u32>(chunk, CHILDREN)) return;
  const gpu = <usize>load<u32>(chunk, GPU_RUNS);
  const lower = <usize>load<u32>(chunk, LOWER_RUNS);
  if (load<u32>(run, SIBLING) || (sub & 3 ? gpu || lower != run : lower || gpu != run)) return;
  store<u8>(chunk, cut, LENGTH);
  if (!(sub & 3)) store<u64>(chunk, load<u64>(chunk, FULL) | laneBit(sub), FULL);
}
