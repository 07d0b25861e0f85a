/** Byte-level BPE at memory speed for the models whose rules are known; equal to the reference, which tests hold it to. */
import type { BpeVocabulary } from './merges.js';
import { MergeTable } from './merges.js';
import type { SplitRule } from './split-rules.js';
import { WordTable } from './word-table.js';

export type PlainEncoder = (text: string) => Uint32Array;

const LINE_FEED = 10;

/** Null when the vocabulary is not a plain byte-level one. `isComposed` = text is brought to NFC first. */
export function fastEncoder(
  vocabulary: BpeVocabulary,
  rule: SplitRule,
  { isComposed }: { isComposed: boolean },
): PlainEncoder | null {
  const merges = MergeTable.create(vocabulary);
  if (merges === null) return null;
  const words = new WordTable((word) => merges.encode(word));
  // Written by each call and read before it returns; a call that needs more leaves more to the next.
  let bytes = Buffer.alloc(SCRATCH_BYTES);
  let out = new Uint32Array(SCRATCH_BYTES);
  return (text) => {
    const size = Buffer.byteLength(text);
    // One token stands for a byte at least; composing may take three bytes more for a character.
    const most = size + (isComposed && size !== text.length ? text.length * 3 : 0);
    if (most > out.length) out = new Uint32Array(most);
    if (size > bytes.length) bytes = Buffer.alloc(size);
    let length = 0;
    for (const { part, isAscii } of size === text.length ? [{ part: text, isAscii: true }] : partsOf(text)) {
      length = isAscii
        ? encodeAscii(bytes, bytes.write(part, 0, 'latin1'), rule, words, out, length)
        : encodeOther(isComposed ? part.normalize('NFC') : part, rule, words, out, length);
    }
    const ids = out.slice(0, length);
    if (out.length > SCRATCH_MAX) out = new Uint32Array(SCRATCH_BYTES);
    if (bytes.length > SCRATCH_MAX) bytes = Buffer.alloc(SCRATCH_BYTES);
    return ids;
  };
}

/** Bytes worked on at first, and kept for the next text at most. */
const SCRATCH_BYTES = 64 * 1024;
const SCRATCH_MAX = 4 * 1024 * 1024;

function encodeAscii(
  text: Uint8Array,
  end: number,
  rule: SplitRule,
  words: WordTable,
  out: Uint32Array,
  from: number,
): number {
  let length = from;
  for (let at = 0; at < end; ) {
    const next = rule.scan(text, at, end);
    length = words.write(text, at, next, out, length);
    at = next;
  }
  return length;
}

function encodeOther(
  text: string,
  { pattern }: SplitRule,
  words: WordTable,
  out: Uint32Array,
  from: number,
): number {
  let length = from;
  for (const word of text.match(pattern) ?? []) {
    const bytes = Buffer.from(word, 'utf8');
    length = words.write(bytes, 0, bytes.length, out, length);
  }
  return length;
}

/**
 * Text with other than ASCII in it, cut where its lines are ASCII. A single line break between two characters that are
 * not white space is always the end of a word, whatever stands around them.
 */
function partsOf(text: string): { part: string; isAscii: boolean }[] {
  const parts: { part: string; isAscii: boolean }[] = [];
  let start = 0;
  let isAscii: boolean | null = null;
  let line = 0;
  while (line < text.length) {
    const end = lineEnd(text, line);
    const piece = text.slice(line, end);
    const isPlain = Buffer.byteLength(piece) === piece.length;
    if (isAscii !== null && isPlain !== isAscii) {
      parts.push({ part: text.slice(start, line), isAscii });
      start = line;
    }
    isAscii = isPlain;
    line = end;
  }
  if (isAscii !== null) parts.push({ part: text.slice(start), isAscii });
  return parts;
}

/** After the next line break that is a certain end. */
function lineEnd(text: string, from: number): number {
  for (let at = text.indexOf('\n', from); at !== -1; at = text.indexOf('\n', at + 1)) {
    if (isInk(text.charCodeAt(at - 1)) && isInk(text.charCodeAt(at + 1))) return at + 1;
  }
  return text.length;
}

/** Visible ASCII. */
function isInk(code: number): boolean {
  return code > 32 && code < 127 && code !== LINE_FEED;
}
