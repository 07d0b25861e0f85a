/** Spans of text as regions of tokens. Every function returns regions that tile [0, tokens) in order, none empty. */
import type { Tokenizer } from '../model/tokenizer.js';
import type { EncodedText, TokenRun } from './segment-cache.js';
import type { TextSpan } from './text-spans.js';
import type { Region, RegionKind } from './types.js';

/** A part of a prompt whose place is only known by its share of the whole. */
export interface WeightedPart {
  kind: RegionKind;
  message: number;
  /** Any unit; zero-weight parts get no region. */
  weight: number;
}

/** One region over everything. */
export function wholeRegion(tokens: number): Region[] {
  return tokens === 0 ? [] : [{ kind: 'conversation', start: 0, end: tokens, message: -1 }];
}

/**
 * Exact regions: spans begin where special tokens or token ends are; a token across a border belongs to the span
 * it begins in. `messageOf` maps the span's message index to the request's.
 */
export function regionsOfSpans(
  spans: readonly TextSpan[],
  encoded: EncodedText,
  byteLength: Tokenizer['byteLength'],
  messageOf: readonly number[],
): Region[] {
  const regions: Region[] = [];
  let run = 0;
  let start = 0;
  for (const span of spans) {
    while (run < encoded.runs.length && charEnd(encoded.runs[run]) <= span.end) run++;
    const inside = encoded.runs[run];
    const end =
      inside === undefined ? encoded.tokens.length : tokenAt(inside, span.end - inside.charStart, byteLength);
    pushRegion(regions, { kind: span.kind, start, end, message: messageOf[span.message] ?? -1 });
    start = Math.max(start, end);
  }
  return regions;
}

/** Regions by share, for prompts whose tokens cannot be traced back to text. */
export function regionsByShare(parts: readonly WeightedPart[], tokens: number): Region[] {
  const total = parts.reduce((sum, part) => sum + part.weight, 0);
  if (total <= 0) return wholeRegion(tokens);
  const regions: Region[] = [];
  let weight = 0;
  let start = 0;
  for (const part of parts) {
    weight += part.weight;
    const end = Math.round((weight / total) * tokens);
    pushRegion(regions, { kind: part.kind, start, end, message: part.message });
    start = end;
  }
  return regions;
}

function pushRegion(regions: Region[], region: Region): void {
  const last = regions.at(-1);
  if (region.end <= region.start) return;
  if (last !== undefined && last.kind === region.kind && last.message === region.message)
    last.end = region.end;
  else regions.push(region);
}

function charEnd(run: TokenRun | undefined): number {
  return run === undefined ? 0 : run.charStart + run.text.length;
}

/** Token index at a character offset inside a run; the first token that begins at or after it. */
function tokenAt(run: TokenRun, chars: number, byteLength: Tokenizer['byteLength']): number {
  const target = Buffer.byteLength(run.text.slice(0, Math.max(0, chars)));
  let bytes = 0;
  let index = 0;
  while (bytes < target && index < run.tokens.length) bytes += byteLength(run.tokens[index++]!);
  return run.tokenStart + index;
}
