/** Our encoder against the reference one, over every rule and any text. */
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainEncoder } from '../../src/model/bpe/plain-encoder.js';
import { PRE_TOKENIZERS } from '../../src/model/pre-tokenizers.js';

/** GPT-2's byte alphabet, with merges of common pairs and of longer words. */
function vocabulary(): { vocab: Record<string, number>; merges: [string, string][] } {
  let other = 256;
  const alphabet = Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(isPrintable ? byte : other++);
  });
  const merges: [string, string][] = [];
  const texts = [...alphabet];
  const add = (left: string, right: string): void => {
    if (texts.includes(left + right)) return;
    merges.push([left, right]);
    texts.push(left + right);
  };
  const space = alphabet[32] as string;
  const line = alphabet[10] as string;
  for (const [a, b] of [
    'th',
    'he',
    'in',
    'er',
    'an',
    're',
    'll',
    '12',
    '--',
    '==',
    "'s",
    "'l",
    'ab',
    'ba',
    'aa',
  ].map((p) => [...p]))
    add(a as string, b as string);
  add('th', 'e');
  add(space, 'the');
  add(space, 't');
  add(space, space);
  add(space + space, space + space);
  add(line, line);
  add('--', '--');
  add('aa', 'aa');
  add('aa', 'a');
  add(alphabet[0xc3] as string, alphabet[0xb6] as string);
  // Some vocabularies leave out bytes that never begin a character.
  const known = texts
    .map((text, id): [string, number] => [text, id])
    .filter(([text]) => text !== alphabet[0xf0]);
  return { vocab: Object.fromEntries(known), merges };
}

function json(pre: string, normalizer: object | null, ignoreMerges: boolean): object {
  const { vocab, merges } = vocabulary();
  return {
    version: '1.0',
    added_tokens: [],
    normalizer,
    pre_tokenizer: { type: 'Sequence', pretokenizers: PRE_TOKENIZERS[pre]?.steps },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', ignore_merges: ignoreMerges, vocab, merges },
  };
}

const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'the',
      ' the',
      'a',
      'aaaa',
      ' ',
      '  ',
      '\n',
      '\r\n',
      '\t',
      '\n\n',
      "'s",
      "'LL",
      "'re",
      "'",
      '--',
      '------',
      '12',
      '1',
      '1234',
      '(',
      ').',
      '=',
      '_',
      '\u001c',
      '\u0000',
      '\u007f',
      'Ab',
      '\f',
      '\v',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'ö',
      'o\u0308',
      '汉字',
      '😀',
      '\u00a0',
      '\u2028',
      '٣',
      '²',
      'ſ',
      "'ſ",
      '\ufeff',
      'K',
      '\u0085',
      '\ud800',
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
);
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

describe.each([
  ['gpt-2', null, false],
  ['smollm', null, false],
  ['llama-bpe', null, true],
  ['qwen2', { type: 'NFC' }, false],
] as const)('the encoder of %s', (pre, normalizer, ignoreMerges) => {
  const made = json(pre, normalizer, ignoreMerges);
  const hub = new HubTokenizer(made, {});
  const encode = plainEncoder(hub, made);
  const reference = (given: string): number[] =>
    given === '' ? [] : hub.encode(given, { add_special_tokens: false }).ids;

  it('gives the ids of the reference for any text', () => {
    fc.assert(
      fc.property(text, (given) => {
        expect([...encode(given)]).toEqual(reference(given));
      }),
      { numRuns: 1_500 },
    );
  });

  it('and for long words, in time that does not explode', () => {
    for (const given of ['a'.repeat(5_000), '-'.repeat(3_000), `${' '.repeat(2_000)}x`, 'ab'.repeat(700)])
      expect([...encode(given)]).toEqual(reference(given));
  });
});

it('is ours for these rules, and the reference for unknown ones', () => {
  const known = json('qwen2', null, false);
  let asked = 0;
  const hub = { encode: () => ({ ids: [asked++] }) } as unknown as HubTokenizer;
  plainEncoder(hub, known)('the');
  expect(asked).toBe(0);
  plainEncoder(hub, { ...known, pre_tokenizer: { type: 'Whitespace' } })('the');
  plainEncoder(hub, { ...known, normalizer: { type: 'Lowercase' } })('the');
  expect(asked).toBe(2);
});
