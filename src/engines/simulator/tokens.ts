/**
 * The tokens of a simulated model: no vocabulary, every id says its own bytes. Up to five characters of
 * `[ _0-9A-Za-z]` are one token, up to three other bytes are one token, special tokens are cut out first. Text and
 * code come to about as many tokens as with a real tokenizer; what matters is that gateway and worker agree at
 * the cost of a loop over the bytes.
 */
import { type SpecialToken, settledChars, specialSplitter } from '../../model/special-splitter.js';
import type { Tokenizer } from '../../model/tokenizer.js';

/** Ids are places in this list. */
export const SPECIAL_TEXTS = [
  '<|endoftext|>',
  '<|system|>',
  '<|user|>',
  '<|assistant|>',
  '<|observation|>',
  '<tool_call>',
  '</tool_call>',
  '<think>',
  '</think>',
] as const;

/** The token that ends an answer; never shown. */
export const END_TOKEN = 0;

const WORD_CHARS = ' _0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const WORD_MAX = 5;
const BYTES_MAX = 3;

/** First id of tokens of n other bytes, and of n word characters. */
const BYTES_FROM = [0, 256, 512, 512 + 2 ** 16];
const WORDS_FROM = wordStarts(512 + 2 ** 16 + 2 ** 24);

export const VOCAB_TOKENS = (WORDS_FROM[WORD_MAX] as number) + 64 ** WORD_MAX;

/** Digit of each byte that is a word character, else -1. */
const DIGITS = new Int8Array(256).fill(-1);
for (const [digit, char] of [...WORD_CHARS].entries()) DIGITS[char.charCodeAt(0)] = digit;

const specials: SpecialToken[] = SPECIAL_TEXTS.map((text, id) => ({ id, text }));
const segments = specialSplitter(specials);

/** Bytes of one token; empty for an id that is none. */
export function bytesOf(token: number): Uint8Array {
  if (token < SPECIAL_TEXTS.length) return Buffer.from(SPECIAL_TEXTS[token] ?? '');
  if (token >= (WORDS_FROM[1] as number)) return wordBytes(token);
  for (let length = BYTES_MAX; length >= 1; length--) {
    const from = BYTES_FROM[length] as number;
    if (token < from) continue;
    return Uint8Array.from({ length }, (_, at) => ((token - from) >>> (8 * (length - 1 - at))) & 255);
  }
  return new Uint8Array();
}

export const isSpecial = (token: number): boolean => token < SPECIAL_TEXTS.length;

export const simulatedTokenizer: Tokenizer = {
  vocabTokens: VOCAB_TOKENS,
  settledChars: settledChars(specials),
  encodePlain,
  segments,
  encode(text) {
    const runs = segments(text).map(({ text: plain, special }) =>
      special < 0 ? encodePlain(plain) : Uint32Array.of(special),
    );
    return joined(runs);
  },
  decode: (tokens) => Buffer.concat(Array.from(tokens, bytesOf)).toString('utf8'),
  byteLength: (token) => bytesOf(token).length,
};

function encodePlain(text: string): Uint32Array {
  const bytes = Buffer.from(text, 'utf8');
  const out = new Uint32Array(bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    const isWord = (DIGITS[bytes[at] as number] as number) >= 0;
    const end = Math.min(bytes.length, at + (isWord ? WORD_MAX : BYTES_MAX));
    let value = 0;
    let length = 0;
    for (; at < end; at++, length++) {
      const byte = bytes[at] as number;
      const digit = DIGITS[byte] as number;
      if (digit >= 0 !== isWord) break;
      value = isWord ? value * 64 + digit : value * 256 + byte;
    }
    out[count] = ((isWord ? WORDS_FROM : BYTES_FROM)[length] as number) + value;
  }
  return out.slice(0, count);
}

function wordBytes(token: number): Uint8Array {
  let length = WORD_MAX;
  while (token < (WORDS_FROM[length] as number)) length--;
  const bytes = new Uint8Array(length);
  let value = token - (WORDS_FROM[length] as number);
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = WORD_CHARS.charCodeAt(value % 64);
    value = Math.floor(value / 64);
  }
  return bytes;
}

/** At index n: the first id of words of n characters. */
function wordStarts(first: number): number[] {
  const starts = [0];
  let next = first;
  for (let length = 1; length <= WORD_MAX; length++) {
    starts.push(next);
    next += 64 ** length;
  }
  return starts;
}

function joined(runs: readonly Uint32Array[]): Uint32Array {
  const out = new Uint32Array(runs.reduce((sum, run) => sum + run.length, 0));
  let at = 0;
  for (const run of runs) {
    out.set(run, at);
    at += run.length;
  }
  return out;
}
