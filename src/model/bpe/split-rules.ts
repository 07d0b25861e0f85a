/**
 * How text is cut into words before byte-pair encoding, for the patterns that most models use. ASCII is scanned by hand
 * over bytes, ten times faster than the pattern; any other text goes through the pattern itself.
 */

/** A known pattern. `scan` answers the end of the word that starts at `at`; the text is ASCII. */
export interface SplitRule {
  /** The pattern as RegExp; with `digits` each digit was cut out before. */
  pattern: RegExp;
  scan(text: Uint8Array, at: number, end: number): number;
}

/** Kinds of ASCII characters, from `BLANK` on white space. */
const OTHER = 0;
const LETTER = 1;
const DIGIT = 2;
/** White space that is no line break. */
const BLANK = 3;
const BREAK = 4;

const SPACE = 32;
const QUOTE = 39;
const KINDS = new Uint8Array(256);
for (let code = 65; code <= 90; code++) KINDS[code] = KINDS[code + 32] = LETTER;
for (let code = 48; code <= 57; code++) KINDS[code] = DIGIT;
for (const code of [9, 11, 12, SPACE]) KINDS[code] = BLANK;
for (const code of [10, 13]) KINDS[code] = BREAK;

const kindAt = (text: Uint8Array, at: number): number => KINDS[text[at] as number] as number;

const isWhite = (kind: number): boolean => kind >= BLANK;

/** End of the run of one kind. */
function runEnd(text: Uint8Array, at: number, end: number, kind: number): number {
  let next = at;
  while (next < end && KINDS[text[next] as number] === kind) next += 1;
  return next;
}

/** `'s 't 're 've 'm 'll 'd` at a quote; its length, or 0. */
function contraction(text: Uint8Array, at: number, end: number, fold: number): number {
  if (at + 1 >= end) return 0;
  const first = (text[at + 1] as number) | fold;
  if (first === 115 || first === 116 || first === 109 || first === 100) return 2;
  if (at + 2 >= end) return 0;
  const second = (text[at + 2] as number) | fold;
  const isLong =
    (first === 114 && second === 101) ||
    (first === 118 && second === 101) ||
    (first === 108 && second === 108);
  return isLong ? 3 : 0;
}

function whiteEnd(text: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && isWhite(kindAt(text, next))) next += 1;
  return next;
}

/** GPT-2: a space joins the run after it; of more white space the last character is left for that. */
function scanGpt2(text: Uint8Array, at: number, end: number): number {
  const code = text[at] as number;
  if (code === QUOTE) {
    const length = contraction(text, at, end, 0);
    if (length > 0) return at + length;
  }
  const start = code === SPACE && at + 1 < end && !isWhite(kindAt(text, at + 1)) ? at + 1 : at;
  const kind = kindAt(text, start);
  if (!isWhite(kind)) return runEnd(text, start, end, kind);
  const next = whiteEnd(text, at, end);
  return next === end || next === at + 1 ? next : next - 1;
}

/** The same with every digit a word of its own, cut out first: white space before one is as at the end of the text. */
function scanDigits(text: Uint8Array, at: number, end: number): number {
  const code = text[at] as number;
  if (code === QUOTE) {
    const length = contraction(text, at, end, 0);
    if (length > 0) return at + length;
  }
  const after = code === SPACE && at + 1 < end ? kindAt(text, at + 1) : BREAK;
  const start = after === LETTER || after === OTHER ? at + 1 : at;
  const kind = kindAt(text, start);
  if (kind === DIGIT) return at + 1;
  if (!isWhite(kind)) return runEnd(text, start, end, kind);
  const next = whiteEnd(text, at, end);
  return next === end || next === at + 1 || kindAt(text, next) === DIGIT ? next : next - 1;
}

/** Llama 3 and Qwen: any one character joins the letters after it, line breaks join what stands before them. */
function scanCl100k(text: Uint8Array, at: number, end: number, digitsMax: number): number {
  const code = text[at] as number;
  if (code === QUOTE) {
    const length = contraction(text, at, end, 32);
    if (length > 0) return at + length;
  }
  const kind = kindAt(text, at);
  if (kind === LETTER) return runEnd(text, at, end, LETTER);
  if (kind === DIGIT) return Math.min(runEnd(text, at, end, DIGIT), at + digitsMax);
  const after = at + 1 < end ? kindAt(text, at + 1) : BREAK;
  if (kind !== BREAK && after === LETTER) return runEnd(text, at + 1, end, LETTER);
  if (kind === OTHER || (code === SPACE && at + 1 < end && after === OTHER)) {
    return runEnd(text, runEnd(text, kind === OTHER ? at : at + 1, end, OTHER), end, BREAK);
  }
  const next = whiteEnd(text, at, end);
  let lines = next;
  while (lines > at && kindAt(text, lines - 1) !== BREAK) lines -= 1;
  if (lines > at) return lines;
  return next === end || next === at + 1 ? next : next - 1;
}

/** Patterns as tokenizer.json files have them. */
const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const cl100k = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const LLAMA3 = cl100k(String.raw`\p{N}{1,3}`);
const QWEN2 = cl100k(String.raw`\p{N}`);
/** A digit, or what GPT-2's pattern matches of the text up to the next digit. */
const DIGITS = String.raw`\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+`;

/** Unicode's white space, not JavaScript's, which has the byte order mark in it; `(?i:…)` written out. */
function compiled(pattern: string): RegExp {
  const folded = "'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
  const source = pattern
    .replace(/\(\?i:[^)]*\)/, folded)
    .replaceAll(String.raw`\s`, String.raw`\p{White_Space}`)
    .replaceAll(String.raw`\S`, String.raw`\P{White_Space}`);
  return new RegExp(source, 'gu');
}

export const GPT2_RULE: SplitRule = { pattern: compiled(GPT2), scan: scanGpt2 };
export const DIGITS_RULE: SplitRule = { pattern: compiled(DIGITS), scan: scanDigits };
export const LLAMA3_RULE: SplitRule = {
  pattern: compiled(LLAMA3),
  scan: (text, at, end) => scanCl100k(text, at, end, 3),
};
export const QWEN2_RULE: SplitRule = {
  pattern: compiled(QWEN2),
  scan: (text, at, end) => scanCl100k(text, at, end, 1),
};

interface Step {
  type?: unknown;
  pattern?: { Regex?: unknown };
  behavior?: unknown;
  invert?: unknown;
  individual_digits?: unknown;
  add_prefix_space?: unknown;
  use_regex?: unknown;
}

const RULES = new Map<string, SplitRule>([
  [GPT2, GPT2_RULE],
  [LLAMA3, LLAMA3_RULE],
  [QWEN2, QWEN2_RULE],
]);

/** The rule of a tokenizer.json's `pre_tokenizer`; null for one that is not known. */
export function splitRuleOf(preTokenizer: unknown): SplitRule | null {
  const value = (preTokenizer ?? {}) as Step & { pretokenizers?: unknown };
  const steps = (value.type === 'Sequence' ? value.pretokenizers : [value]) as Step[];
  const last = Array.isArray(steps) ? steps.at(-1) : undefined;
  if (last?.type !== 'ByteLevel' || last.add_prefix_space === true) return null;
  const hasPattern = last.use_regex !== false;
  const cuts = steps.slice(0, -1).map(patternOf);
  if (cuts.some((cut) => cut === null)) return null;
  const patterns = [...(cuts as string[]), ...(hasPattern ? [GPT2] : [])];
  const [first = '', second] = patterns;
  if (patterns.length === 1) return RULES.get(first) ?? null;
  return patterns.length === 2 && first === DIGIT_CUT && second === GPT2 ? DIGITS_RULE : null;
}

const DIGIT_CUT = '\\p{N}';

function patternOf(step: Step): string | null {
  if (step.type === 'Digits') return step.individual_digits === true ? DIGIT_CUT : null;
  const regex = step.pattern?.Regex;
  const isIsolated = step.type === 'Split' && step.behavior === 'Isolated' && step.invert !== true;
  return isIsolated && typeof regex === 'string' ? regex : null;
}
