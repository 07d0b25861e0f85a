/** Many texts of which one is to be written. */
import { LIMITS } from '../../../limits.js';
import { quoted } from './gbnf-text.js';

/** Up to this many are simply listed. */
const FEW = 8;
/** A rule's groups may be nested four times as deep before the library's parser is in danger. */
const NESTING_MAX = LIMITS.grammarDepth / 4;

/**
 * An expression for exactly one of the texts. Texts that begin alike share their beginning in a group: the library
 * follows every alternative at once, so that ten thousand in a row cost 0.7 s per token, and as a tree nothing.
 */
export function oneOf(texts: readonly string[]): string {
  const distinct = [...new Set(texts)];
  return distinct.length <= FEW ? listed(distinct) : branches(distinct.sort(), NESTING_MAX);
}

/** `sorted`: distinct, in the order of their code units, so that the first and last tell what all begin with. */
function branches(sorted: readonly string[], nesting: number): string {
  if (nesting === 0) return listed(sorted);
  const parts: string[] = [];
  for (let from = 0; from < sorted.length; ) {
    const first = sorted[from] as string;
    let to = from + 1;
    while (to < sorted.length && firstChar(sorted[to]) === firstChar(first)) to += 1;
    parts.push(branch(sorted.slice(from, to), nesting));
    from = to;
  }
  return parts.join(' | ');
}

/** Texts with the same first character. */
function branch(sorted: readonly string[], nesting: number): string {
  const first = sorted[0] as string;
  if (sorted.length === 1) return quoted(first);
  const length = sharedLength(first, sorted.at(-1) as string);
  const rest = sorted.map((text) => text.slice(length));
  return `${quoted(first.slice(0, length))} ( ${branches(rest, nesting - 1)} )`;
}

/** In code units, never ending inside a character. */
function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && firstChar(a, length) === firstChar(b, length)) {
    length += (firstChar(a, length) ?? 0) > 0xffff ? 2 : 1;
  }
  return length;
}

/** Code point; undefined past the end, where a text that others go on from is complete. */
function firstChar(text: string | undefined, at = 0): number | undefined {
  return text?.codePointAt(at);
}

function listed(texts: readonly string[]): string {
  return texts.map(quoted).join(' | ');
}
