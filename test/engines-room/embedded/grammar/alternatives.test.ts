/** Lists of thousands of values are no heavier for the library than short ones. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneOf } from '../../../../src/engines/embedded/grammar/alternatives.js';
import { LIMITS } from '../../../../src/limits.js';
import { parseGrammar, writeText } from './gbnf.js';

const texts = fc.uniqueArray(
  fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\', 'é', '😀', '😁') }),
    fc.string({ unit: 'grapheme' }),
  ),
  { minLength: 1, maxLength: 60 },
);

/** Every text of a grammar without repetition: each choice is taken once. */
function allTexts(body: string): string[] {
  const grammar = parseGrammar(`root ::= ${body}\n`);
  const found: string[] = [];
  const open: number[][] = [[]];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const taken = [...path];
    const widths: number[] = [];
    const text = writeText(grammar, (below) => {
      widths.push(below);
      if (widths.length > taken.length) taken.push(0);
      return taken[widths.length - 1] as number;
    });
    found.push(text);
    for (let at = path.length; at < taken.length; at += 1) {
      for (let other = 1; other < (widths[at] as number); other += 1)
        open.push([...taken.slice(0, at), other]);
    }
  }
  return found;
}

describe('alternatives', () => {
  it('are exactly the texts given, each in one way', () => {
    fc.assert(
      fc.property(texts, (given) => {
        expect(allTexts(oneOf(given)).sort()).toEqual([...given].sort());
      }),
    );
  });

  it('begin with few branches, however many there are', () => {
    const many = Array.from({ length: 20_000 }, (_, at) => `value ${at}`);
    expect(oneOf(many)).toMatch(/^"value " \( "/);
    expect(oneOf(many)).not.toMatch(/(\d" \| ){12}/);
  });

  it('that each go on from the one before are not nested without end', () => {
    const growing = Array.from({ length: 2_000 }, (_, at) => 'a'.repeat(at + 1));
    const open = [...oneOf(growing)].filter((char) => char === '(').length;
    expect(open).toBeLessThan(LIMITS.grammarDepth);
  });
});
