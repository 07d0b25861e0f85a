/** Where the elements of a body's conversation lie in its bytes. The bytes are JSON that was parsed already. */

export interface ListPlace {
  /** `messages` or `input`. */
  key: string;
  /** Offset after the opening bracket. */
  start: number;
  /** Offset after each element. */
  ends: number[];
  /** Offset of the closing bracket. */
  end: number;
}

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const SPACE = 32;

/** Null for a body whose conversation is not one plain list: its key missing, given twice or spelled with escapes. */
export function findList(bytes: Buffer): ListPlace | null {
  let found: ListPlace | null = null;
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== OPEN_OBJECT) return null;
  at = skipSpace(bytes, at + 1);
  while (bytes[at] === QUOTE) {
    const keyEnd = stringEnd(bytes, at);
    const key = bytes.toString('latin1', at + 1, keyEnd - 1);
    if (key.includes('\\')) return null;
    // After the colon.
    at = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1);
    if (key === 'messages' || key === 'input') {
      if (found !== null || bytes[at] !== OPEN_LIST) return null;
      const { ends, end } = elementEnds(bytes, at + 1);
      found = { key, start: at + 1, ends, end };
      at = end + 1;
    } else at = valueEnd(bytes, at);
    at = skipSpace(bytes, at);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  }
  return found;
}

/** Elements from `start`, which is inside the list, before an element or before the comma that announces one. */
export function elementEnds(bytes: Buffer, start: number): { ends: number[]; end: number } {
  const ends: number[] = [];
  let at = skipSpace(bytes, start);
  while (at < bytes.length && bytes[at] !== CLOSE_LIST) {
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    at = valueEnd(bytes, at);
    ends.push(at);
    at = skipSpace(bytes, at);
  }
  return { ends, end: at };
}

/** What stands at `at`, white space left out, ends an element of a list. */
export function isBoundary(bytes: Buffer, at: number): boolean {
  const byte = bytes[skipSpace(bytes, at)];
  return byte === COMMA || byte === CLOSE_LIST;
}

function valueEnd(bytes: Buffer, start: number): number {
  const first = bytes[start];
  if (first === QUOTE) return stringEnd(bytes, start);
  if (first === OPEN_OBJECT || first === OPEN_LIST) return nestEnd(bytes, start);
  let at = start;
  while (at < bytes.length && !isEndOfLiteral(bytes[at] as number)) at += 1;
  return at;
}

function nestEnd(bytes: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = stringEnd(bytes, at) - 1;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return bytes.length;
}

/** After the closing quote. */
function stringEnd(bytes: Buffer, start: number): number {
  for (let at = bytes.indexOf(QUOTE, start + 1); at !== -1; at = bytes.indexOf(QUOTE, at + 1)) {
    let slashes = 0;
    while (bytes[at - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at + 1;
  }
  return bytes.length;
}

function isEndOfLiteral(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_LIST || byte <= SPACE;
}

function skipSpace(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && (bytes[at] as number) <= SPACE) at += 1;
  return at;
}
