/** Cuts text at special tokens exactly as llama.cpp does with `parse_special`: longer tokens first. */

export interface SpecialToken {
  id: number;
  text: string;
}

/** A run of plain text, or one special token (`special` is its id, else -1). */
export interface Segment {
  text: string;
  special: number;
}

/** Leading characters of a text whose cuts no text after it can change. */
export type SettledChars = (text: string) => number;

/** Where tokens can overlap, one that becomes whole may free another before it, and that a third: so far as a few of them. */
const OVERLAPS = 4;

export function settledChars(tokens: readonly SpecialToken[]): SettledChars {
  const texts = tokens.filter(({ text }) => text !== '');
  const longest = texts.reduce((most, { text }) => Math.max(most, text.length), 0);
  if (canOverlap(texts)) return ({ length }) => Math.max(0, length - longest * OVERLAPS);
  const beginnings = new Set(texts.flatMap(({ text }) => prefixes(text)));
  return (text) => {
    for (let at = Math.max(0, text.length - longest + 1); at < text.length; at++)
      if (beginnings.has(text.slice(at))) return at;
    return text.length;
  };
}

export type SpecialSplitter = (text: string) => Segment[];

/**
 * One scan suffices when no special token can overlap another one; then leftmost-longest and llama.cpp's
 * "all places of the longest token, then of the next" find the same places.
 */
export function specialSplitter(tokens: readonly SpecialToken[]): SpecialSplitter {
  const longestFirst = tokens
    .filter((token) => token.text !== '')
    .sort((left, right) => right.text.length - left.text.length || left.id - right.id);
  if (longestFirst.length === 0) return (text) => (text === '' ? [] : [{ text, special: -1 }]);
  return canOverlap(longestFirst) ? (text) => splitByToken(text, longestFirst) : scanner(longestFirst);
}

function scanner(tokens: readonly SpecialToken[]): SpecialSplitter {
  const ids = new Map(tokens.map((token) => [token.text, token.id]));
  const pattern = new RegExp(tokens.map((token) => escapePattern(token.text)).join('|'), 'g');
  return (text) => {
    const segments: Segment[] = [];
    let end = 0;
    for (const match of text.matchAll(pattern)) {
      if (match.index > end) segments.push({ text: text.slice(end, match.index), special: -1 });
      segments.push({ text: match[0], special: ids.get(match[0]) ?? -1 });
      end = match.index + match[0].length;
    }
    if (end < text.length) segments.push({ text: text.slice(end), special: -1 });
    return segments;
  };
}

function splitByToken(text: string, tokens: readonly SpecialToken[]): Segment[] {
  let segments: Segment[] = text === '' ? [] : [{ text, special: -1 }];
  for (const token of tokens) {
    if (!text.includes(token.text)) continue;
    segments = segments.flatMap((segment) =>
      segment.special >= 0 ? [segment] : splitPlain(segment.text, token),
    );
  }
  return segments;
}

function splitPlain(text: string, token: SpecialToken): Segment[] {
  const pieces = text.split(token.text);
  return pieces.flatMap((piece, index) => {
    const plain = piece === '' ? [] : [{ text: piece, special: -1 }];
    return index === 0 ? plain : [{ text: token.text, special: token.id }, ...plain];
  });
}

/** Whether the end of one token can be the beginning of another, or one lies inside another past its start. */
function canOverlap(tokens: readonly SpecialToken[]): boolean {
  const texts = tokens.map((token) => token.text);
  const beginnings = new Set(texts.flatMap((text) => prefixes(text)));
  return texts.some(
    (text) =>
      suffixes(text).some((suffix) => beginnings.has(suffix)) ||
      texts.some((other) => other !== text && text.indexOf(other, 1) > 0),
  );
}

function prefixes(text: string): string[] {
  return Array.from({ length: text.length - 1 }, (_, index) => text.slice(0, index + 1));
}

function suffixes(text: string): string[] {
  return Array.from({ length: text.length - 1 }, (_, index) => text.slice(index + 1));
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
