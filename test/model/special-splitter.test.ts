/**
 * Goal: the fast scan and llama.cpp's rule (every place of the longest token, then of the next) give the same cuts.
 * Method: random texts made of whole and broken special tokens, against a plain restatement of the rule.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Segment,
  type SpecialToken,
  settledChars,
  specialSplitter,
} from '../../src/model/special-splitter.js';

const tokens = (...texts: string[]): SpecialToken[] => texts.map((text, id) => ({ id, text }));

function byRule(text: string, specials: readonly SpecialToken[]): Segment[] {
  let out: Segment[] = [{ text, special: -1 }];
  for (const token of [...specials].sort((a, b) => b.text.length - a.text.length || a.id - b.id)) {
    out = out.flatMap((segment) => {
      if (segment.special >= 0) return [segment];
      const [first = '', ...rest] = segment.text.split(token.text);
      return [
        { text: first, special: -1 },
        ...rest.flatMap((piece) => [
          { text: token.text, special: token.id },
          { text: piece, special: -1 },
        ]),
      ];
    });
  }
  return out.filter((segment) => segment.text !== '');
}

const SETS = {
  'separate tokens': tokens('<|im_start|>', '<|im_end|>', '<think>', '</think>', '<|im|>'),
  'tokens that overlap': tokens('<a><b>', '<b><c>', 'b', '><', '<a>', 'aba'),
  'tokens with pattern characters': tokens('[INST]', '(.*)', '$', '\\d', '{2}', 'a|b'),
};

describe.each(Object.entries(SETS))('%s', (_name, specials) => {
  const split = specialSplitter(specials);
  const pieces = specials.flatMap(({ text }) => [text, text.slice(0, -1), text.slice(1)]);
  const anyText = fc
    .array(
      fc.oneof(fc.constantFrom(...pieces, 'a', 'b', '<', '>', '\n', '😀', ' '), fc.string({ maxLength: 3 })),
      { maxLength: 14 },
    )
    .map((parts) => parts.join(''));

  it('stay as they are before what is settled, whatever follows', () => {
    const settled = settledChars(specials);
    let known = 0;
    fc.assert(
      fc.property(anyText, anyText, (text, more) => {
        const end = settled(text);
        let at = 0;
        const cuts = (whole: string): Segment[] => {
          at = 0;
          return split(whole).filter((segment) => {
            at += segment.text.length;
            return segment.special >= 0 && at <= end;
          });
        };
        const before = cuts(text);
        expect(cuts(text + more)).toEqual(before);
        known += before.length;
      }),
      { numRuns: 2_000 },
    );
    expect(known).toBeGreaterThan(5);
  });

  it('are cut by llama.cpp’s rule', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(split(text)).toEqual(byRule(text, specials));
      }),
      { numRuns: 1_000 },
    );
  });

  it('lose no character', () => {
    fc.assert(
      fc.property(
        anyText,
        (text) =>
          split(text)
            .map((part) => part.text)
            .join('') === text,
      ),
    );
  });
});

it('without special tokens a text is one segment', () => {
  expect(specialSplitter([])('abc')).toEqual([{ text: 'abc', special: -1 }]);
  expect(specialSplitter([])('')).toEqual([]);
});
