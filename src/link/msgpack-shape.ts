/**
 * Whether a MessagePack value can be decoded without harm. A decoder makes an array as long as its header says before it
 * has seen one element: 40 bytes of nested headers took 2 GB. So every header is held to the bytes that follow it, and
 * nesting to a bound. The loop makes no objects: it runs over every batch of KV events.
 */

/** A batch holds events, an event lists, a list keys of blocks; nobody nests deeper. */
const DEPTH_MAX = 16;

/** Bytes of a scalar with its first byte; 0 for what announces a length or elements. */
const SCALAR = new Uint8Array(256).fill(1);
/** What the others are, and the width of the length behind the first byte. */
const KIND = new Uint8Array(256);
const WIDTH = new Uint8Array(256);
const TEXT = 1;
const EXTENSION = 2;
const ARRAY = 3;
const MAP = 4;
const NONE = 5;
fillTables();

/** Throws RangeError for a value that says it is longer than it is, or is nested too deeply. Text is not looked into. */
export function requireSaneShape(bytes: Uint8Array): void {
  const end = bytes.length;
  /** Elements still to come of each container that is open around the one that is read. */
  const outer = new Float64Array(DEPTH_MAX);
  let left = 1;
  let depth = 0;
  let at = 0;
  for (;;) {
    // Token ids and hashes: most of a batch.
    for (; left > 0 && at < end; left -= 1) {
      const step = SCALAR[bytes[at] as number] as number;
      if (step === 0) break;
      at += step;
    }
    if (left === 0) {
      if (depth === 0) return;
      depth -= 1;
      left = outer[depth] as number;
      continue;
    }
    if (at >= end) throw new RangeError('it ends too early');
    left -= 1;
    const first = bytes[at] as number;
    const kind = KIND[first] as number;
    const size = sizeOf(bytes, first, at + 1);
    at += 1 + (WIDTH[first] as number);
    if (kind === TEXT || kind === EXTENSION) {
      at += kind === TEXT ? size : size + 1;
      continue;
    }
    const elements = kind === MAP ? size * 2 : size;
    if (kind === NONE || elements > end - at)
      throw new RangeError('it is no MessagePack, or says it is longer than it is');
    if (elements === 0) continue;
    if (depth === DEPTH_MAX) throw new RangeError(`it is nested more than ${DEPTH_MAX} deep`);
    outer[depth] = left;
    depth += 1;
    left = elements;
  }
}

/** The length a header tells: in the first byte itself, or big-endian behind it; missing bytes count as zero. */
function sizeOf(bytes: Uint8Array, first: number, from: number): number {
  const width = WIDTH[first] as number;
  if (width === 0) return KIND[first] === TEXT ? first & 0x1f : first & 0x0f;
  let size = 0;
  for (let byte = 0; byte < width; byte += 1) size = size * 256 + (bytes[from + byte] ?? 0);
  return size;
}

function fillTables(): void {
  const head = (first: number, kind: number, width: number): void => {
    SCALAR[first] = 0;
    KIND[first] = kind;
    WIDTH[first] = width;
  };
  for (let first = 0x80; first < 0x90; first += 1) head(first, MAP, 0);
  for (let first = 0x90; first < 0xa0; first += 1) head(first, ARRAY, 0);
  for (let first = 0xa0; first < 0xc0; first += 1) head(first, TEXT, 0);
  head(0xc1, NONE, 0);
  for (const [at, width] of [1, 2, 4].entries()) {
    head(0xc4 + at, TEXT, width);
    head(0xc7 + at, EXTENSION, width);
    head(0xd9 + at, TEXT, width);
  }
  for (const [at, width] of [2, 4].entries()) {
    head(0xdc + at, ARRAY, width);
    head(0xde + at, MAP, width);
  }
  // Floats, integers and extensions of a fixed size, in the order of their first bytes.
  for (const [at, bytes] of [4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17].entries())
    SCALAR[0xca + at] = 1 + bytes;
}
