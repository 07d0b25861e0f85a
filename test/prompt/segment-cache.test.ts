import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { readGgufMetadata } from '../../src/model/gguf.js';
import { buildTokenizer, type Tokenizer } from '../../src/model/tokenizer.js';
import { SegmentCache } from '../../src/prompt/segment-cache.js';
import { ggufBytes, SPECIALS, tinyModel, writeGguf } from '../model/support/tiny-gguf.js';

let tokenizer: Tokenizer;
let encodedTexts: string[];
/** The same tokenizer, telling what it was asked to encode. */
let watched: Tokenizer;

beforeAll(async () => {
  tokenizer = buildTokenizer(await readGgufMetadata(writeGguf(ggufBytes(tinyModel()))));
  encodedTexts = [];
  watched = {
    ...tokenizer,
    encodePlain: (text) => {
      encodedTexts.push(text);
      return tokenizer.encodePlain(text);
    },
  };
});

const pieces = fc.constantFrom(...SPECIALS, '<|im_', '|>', 'hello', ' the', 'user\n', '😀', '\ud800', ' ');
const anyText = fc
  .array(fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 20 })
  .map((list) => list.join(''));

describe('SegmentCache', () => {
  it('gives the ids of the whole encoding, cold or warm, however small it is', () => {
    for (const bytesMax of [0, 2_000, 1e6]) {
      const cache = new SegmentCache(tokenizer, bytesMax);
      fc.assert(
        fc.property(anyText, (text) => {
          const whole = tokenizer.encode(text);
          expect(cache.encode(text).tokens).toEqual(whole);
          expect(cache.encode(text).tokens).toEqual(whole);
          expect(cache.bytes).toBeLessThanOrEqual(bytesMax);
        }),
        { numRuns: 100 },
      );
    }
  });

  it('tells where each run is, in characters and in tokens', () => {
    const cache = new SegmentCache(tokenizer, 1e6);
    fc.assert(
      fc.property(anyText, (text) => {
        const { tokens, runs } = cache.encode(text);
        for (const run of runs) {
          expect(text.slice(run.charStart, run.charStart + run.text.length)).toBe(run.text);
          expect(tokens.subarray(run.tokenStart, run.tokenStart + run.tokens.length)).toEqual(run.tokens);
        }
        expect(runs.map((run) => run.text).join('')).toBe(text);
      }),
    );
  });

  it('encodes only what is new when a conversation grows', () => {
    const cache = new SegmentCache(watched, 1e6);
    const first = '<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n';
    cache.encode(first);
    encodedTexts.length = 0;
    cache.encode(`${first}the answer<|im_end|>\n<|im_start|>user\nmore<|im_end|>\n<|im_start|>assistant\n`);
    expect(encodedTexts).toEqual(['assistant\nthe answer', 'user\nmore']);
  });

  it('drops the least recently used segment first', () => {
    const cache = new SegmentCache(watched, 1_000);
    for (const text of ['aaaa', 'bbbb', 'cccc', 'aaaa', 'dddd', 'eeee']) cache.encode(text);
    encodedTexts.length = 0;
    for (const text of ['eeee', 'dddd', 'aaaa', 'bbbb']) cache.encode(text);
    expect(encodedTexts).toEqual(['bbbb']);
  });
});
