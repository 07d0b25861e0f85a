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
  return (text) => {
    const bytes = Buffer.byteLength(text);
    // One token stands for a byte at least.
    const out = new Uint32Array(bytes + (isComposed && bytes !== text.length ? text.length * 3 : 0));
    if (bytes === text.length)
      return out.slice(0, encodeAscii(Buffer.from(text, 'latin1'), rule, words, out, 0));
    let length = 0;
    for (const { part, isAscii } of partsOf(text)) {
      length = isAscii
        ? encodeAscii(Buffer.from(part, 'latin1'), rule, words, out, length)
        : encodeOther(isComposed ? part.normalize('NFC') : part, rule, words, out, length);
    }
    return out.slice(0, length);
  };
}

function encodeAscii(
  text: Uint8Array,
  rule: SplitRule,
  words: WordTable,
  out: Uint32Array,
  from: number,
): number {
  const end = text.length;
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
