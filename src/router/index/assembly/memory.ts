// Memory of the index: records of a few fixed sizes, taken from pieces at the end of linear memory and given back
// to a free list per size. Nothing ever moves. An allocation returns 0 when the bound is reached.

/** Bytes taken from the end at once for one record size. */
const PIECE_BYTES: usize = 16 * 1024;
/** WebAssembly pages (64 KiB) added at once: views die with each growth, so not too few. */
const GROW_PAGES: i32 = 32;
/** Sizes are powers of two named by their exponent; one more for the pages of a table. */
const SIZES: usize = 32;
export const PAGE_SIZE_CLASS: u32 = 31;
export const PAGE_BYTES: usize = 64 + 4096;

const FREE = memory.data(128, 16);
const CURSOR = memory.data(128, 16);
const END = memory.data(128, 16);

let top: usize = 0;
let ceiling: usize = 0;
let touched: usize = 0;

/** Must be called once before anything else. */
export function openMemory(maxBytes: usize): void {
  top = (__heap_base + 63) & ~63;
  touched = top;
  const room = <usize>0xfffe0000 - top;
  ceiling = top + (maxBytes < room ? maxBytes : room);
}

/** Bytes taken for records, free ones included. */
export function heldBytes(): usize {
  return top - ((__heap_base + 63) & ~63);
}

/** A record of 2^size bytes (or a table page), 0 when there is no room. Its content is arbitrary. */
export function allocate(size: u32): usize {
  const at = <usize>size << 2;
  const free = <usize>load<u32>(FREE + at);
  if (free) {
    store<u32>(FREE + at, load<u32>(free));
    return free;
  }
  const bytes: usize = size == PAGE_SIZE_CLASS ? PAGE_BYTES : <usize>1 << size;
  const cursor = <usize>load<u32>(CURSOR + at);
  if (cursor + bytes <= <usize>load<u32>(END + at)) {
    store<u32>(CURSOR + at, <u32>(cursor + bytes));
    return cursor;
  }
  const piece = bytes > PIECE_BYTES ? bytes : (PIECE_BYTES / bytes) * bytes;
  const start = extend((piece + 63) & ~63);
  if (!start) return 0;
  store<u32>(CURSOR + at, <u32>(start + bytes));
  store<u32>(END + at, <u32>(start + piece));
  return start;
}

export function release(size: u32, record: usize): void {
  const at = <usize>size << 2;
  store<u32>(record, load<u32>(FREE + at));
  store<u32>(FREE + at, <u32>record);
}

/** Touches `bytes` of fresh memory ahead of use, so that the kernel's work for it is not done under load. */
export function touchAhead(bytes: usize): void {
  let end = touched + bytes;
  if (end > ceiling) end = ceiling;
  if (touched < top) touched = top;
  if (end <= touched || !ensure(end)) return;
  for (let at = (touched + 4095) & ~4095; at < end; at += 4096) store<u8>(at, 0);
  touched = end;
}

function extend(bytes: usize): usize {
  const start = top;
  const end = start + bytes;
  if (end > ceiling || !ensure(end)) return 0;
  top = end;
  return start;
}

function ensure(end: usize): bool {
  const missing = <i32>((end + 0xffff) >> 16) - memory.size();
  if (missing <= 0) return true;
  if (memory.grow(missing > GROW_PAGES ? missing : GROW_PAGES) >= 0) return true;
  return memory.grow(missing) >= 0;
}
