// Block index: what JavaScript calls. Hashes travel through the buffers: a query's in slices of at most 4,096, others of 1,024.
import { heldBytes, openMemory, touchAhead } from './memory';
import { beginMatch, continueMatch, finishMatch, OUT, QUERY } from './match';
import {
  AFTER,
  BLOCKS,
  CHUNK,
  DATA,
  DEPTH,
  EDGES,
  entryAt,
  HELD,
  PENDING,
  runCapacity,
  SETTLED,
} from './records';
import { beginRemove, clearSub, continueRemove, finishRemove } from './remove';
import { beginStore, continueStore, ENGINE, finishStore, LOCAL } from './store';
import { openTable } from './table';

/** Slice flags. */
const FIRST: u32 = 1;
const LAST: u32 = 2;
const SLICE: u32 = 1024;
const SUBS: usize = 256;

/** `match` answers this while it wants the next slice. */
const MORE: i32 = -1;

export function queryAt(): usize {
  return QUERY;
}

export function engineAt(): usize {
  return ENGINE;
}

export function localAt(): usize {
  return LOCAL;
}

export function outAt(): usize {
  return OUT;
}

/** Once, before anything else; false when `maxBytes` is too little for an empty index. */
export function open(maxBytes: usize): bool {
  openMemory(maxBytes);
  return openTable(BLOCKS) && openTable(EDGES);
}

export function touch(bytes: usize): void {
  touchAhead(bytes);
}

/** Goes on with the `count` hashes from `at` on in the query buffer. Best total, or `MORE`; the answer lies in the out buffer. */
export function match(at: u32, count: u32, flags: u32): i32 {
  if (flags & FIRST) beginMatch();
  if (continueMatch(QUERY + (<usize>at << 3), count) && !(flags & LAST)) return MORE;
  return <i32>finishMatch();
}

/** 1 stored, 0 parent unknown, -1 no room. The first slice brings the parent in word 0 of the engine buffer. */
export function put(sub: u32, count: u32, flags: u32): i32 {
  if (flags & FIRST && !beginStore(sub)) return 0;
  const isStored = continueStore(count);
  if (!isStored || flags & LAST) finishStore();
  return isStored ? 1 : -1;
}

/** How many of the slice's hashes were known. */
export function remove(sub: u32, count: u32, flags: u32): u32 {
  if (flags & FIRST) beginRemove();
  const known = continueRemove(sub, count);
  if (flags & LAST) finishRemove();
  return known;
}

export function clear(sub: u32): void {
  clearSub(sub);
}

export function blocks(): f64 {
  let sum: f64 = 0;
  for (let sub: usize = 0; sub < SUBS; sub++) sum += <f64>load<u32>(HELD + (sub << 2));
  return sum;
}

export function bytes(): f64 {
  return <f64>heldBytes();
}

let dumpRun: usize = 0;
let dumpPosition: u32 = 0;
let dumpNext: usize = 0;

export function dumpBegin(sub: u32): void {
  dumpRun = <usize>load<u32>(PENDING + (<usize>sub << 2));
  dumpNext = <usize>load<u32>(SETTLED + (<usize>sub << 2));
  dumpPosition = 0;
}

/** Writes local hashes, engine hashes and depths (into the query buffer, as u32) of further blocks; how many. */
export function dump(): u32 {
  let count: u32 = 0;
  while (count < SLICE) {
    if (!dumpRun) {
      dumpRun = dumpNext;
      dumpNext = 0;
      if (!dumpRun) break;
    }
    if (dumpPosition == runCapacity(dumpRun)) {
      dumpRun = <usize>load<u32>(dumpRun, AFTER);
      dumpPosition = 0;
      continue;
    }
    const hash = load<u64>(entryAt(dumpRun, dumpPosition));
    if (hash) {
      const chunk = <usize>load<u32>(dumpRun, CHUNK);
      const at = <usize>count << 3;
      store<u64>(ENGINE + 8 + at, hash);
      store<u64>(LOCAL + at, load<u64>(<usize>load<u32>(chunk, DATA) + (<usize>dumpPosition << 3)));
      store<u32>(QUERY + (<usize>count << 2), load<u32>(chunk, DEPTH) + dumpPosition + 1);
      count++;
    }
    dumpPosition++;
  }
  return count;
}
