/** The text of a freeform call comes out piece by piece, whole, whatever the pieces are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FreeformReader } from '../../src/dialects/responses/freeform-reader.js';
import { freeformText } from '../../src/dialects/tools.js';

/** Text as the reader gives it, in as many deltas as it chose. */
function read(args: string, cuts: readonly number[] = []): { text: string; deltas: string[] } {
  const reader = new FreeformReader();
  const places = [...new Set(cuts.map((cut) => cut % (args.length + 1)))].sort((one, other) => one - other);
  const deltas: string[] = [];
  let from = 0;
  for (const to of [...places, args.length]) {
    deltas.push(reader.push(args.slice(from, to)));
    from = to;
  }
  deltas.push(reader.finish(args));
  return { text: reader.text, deltas };
}

const texts = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
const cuts = fc.array(fc.nat(200), { maxLength: 12 });

describe('freeform text', () => {
  it('is the same however it is cut', () => {
    fc.assert(
      fc.property(texts, cuts, fc.constantFrom(0, 2), (text, places, indent) => {
        const told = read(JSON.stringify({ input: text }, null, indent), places);
        expect(told.text).toBe(text);
        expect(told.deltas.join('')).toBe(text);
      }),
    );
  });

  it('of any other arguments is what it always was', () => {
    fc.assert(
      fc.property(texts, cuts, (text, places) => {
        fc.pre(!/^\s*\{\s*"input"\s*:\s*"/.test(text));
        const told = read(text, places);
        expect([told.text, told.deltas.join('')]).toEqual([freeformText(text), freeformText(text)]);
      }),
    );
    expect(read(JSON.stringify({ patch: 'x' })).text).toBe('{"patch":"x"}');
    expect(read('"bare"').text).toBe('bare');
  });

  it('is told as it is written', () => {
    const reader = new FreeformReader();
    const pieces = ['{"in', 'put": "*** Be', 'gin\\', 'n\\u00', 'e9', '"', '}'];
    expect(pieces.map((piece) => reader.push(piece))).toEqual(['', '*** Be', 'gin', '\n', 'é', '', '']);
  });

  it.each([
    ['with bare line breaks', '{"input":"a\nb"}', 'a\nb'],
    ['with a bare quote', '{"input":"say "hi" now"}', 'say "hi" now"}'],
    ['that was cut', '{"input":"*** Begin Pat', '*** Begin Pat'],
    ['that was cut within an escape', '{"input":"a\\u00', 'a\\u00'],
    ['with another argument beside it', '{"input":"a","mode":"b"}', 'a'],
  ])('%s is not lost', (_, args, text) => {
    expect(read(args).text).toBe(text);
    expect(read(args, [3, 12, 14]).deltas.join('')).toBe(text);
  });
});
