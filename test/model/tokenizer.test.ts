import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../src/model/tokenizer.js';
import { ggufBytes, SPECIALS, text, tinyModel, writeGguf } from './support/tiny-gguf.js';

const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...SPECIALS, '<|im_', 'hello', ' the', 'user\n', '\n\n', '😀', '\u0000'),
      fc.string({ unit: 'binary', maxLength: 6 }),
    ),
  )
  .map((parts) => parts.join(''));

describe('a tokenizer made from a GGUF file', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(writeGguf(ggufBytes(tinyModel())));
  });

  it('merges as the vocabulary says and cuts out special tokens', () => {
    const names = [...tokenizer.encode('hello the<|im_end|>user')].map((id) => tokenizer.decode([id]));
    expect(names).toEqual(['hello', ' the', '<|im_end|>', 'user']);
  });

  it('encodes a whole text as its segments one after another', () => {
    fc.assert(
      fc.property(anyText, (whole) => {
        const parts = tokenizer
          .segments(whole)
          .flatMap((segment) =>
            segment.special >= 0 ? [segment.special] : [...tokenizer.encodePlain(segment.text)],
          );
        expect([...tokenizer.encode(whole)]).toEqual(parts);
      }),
    );
  });

  it('gives the text back, and token lengths that add up to its bytes', () => {
    fc.assert(
      fc.property(anyText, (whole) => {
        const ids = tokenizer.encode(whole);
        expect(tokenizer.decode(ids)).toBe(whole);
        expect(ids.reduce((sum, id) => sum + tokenizer.byteLength(id), 0)).toBe(Buffer.byteLength(whole));
      }),
    );
  });

  it('encodes lone surrogates like the replacement character they are sent as', () => {
    expect(tokenizer.encode('a\ud800b')).toEqual(tokenizer.encode('a\ufffdb'));
  });
});

describe('a vocabulary we do not know', () => {
  const load = (changes: Parameters<typeof tinyModel>[0]) =>
    loadTokenizer(writeGguf(ggufBytes(tinyModel(changes))));

  it('is refused by name, never guessed', async () => {
    await expect(load({ 'tokenizer.ggml.pre': text('tekken') })).rejects.toThrow(
      /`tekken` is not known; known are smollm/,
    );
    await expect(load({ 'tokenizer.ggml.pre': text('constructor') })).rejects.toMatchObject({
      code: 'model_invalid',
    });
    await expect(load({ 'tokenizer.ggml.model': text('llama') })).rejects.toThrow(/only byte-level BPE/);
    await expect(load({ 'tokenizer.ggml.merges': text('') })).rejects.toThrow(/no merges/);
  });
});

/** Ids computed by llama.cpp (`llama_tokenize` with `parse_special`) from the default model's file. */
const MODEL = process.env['DYNAMO_TEST_MODEL'];
describe.skipIf(MODEL === undefined)('the default model (DYNAMO_TEST_MODEL, set by `npm test`)', () => {
  it('gives llama.cpp’s ids for hard strings', async () => {
    const fixture = path.resolve(import.meta.dirname, '../fixtures/data/smollm2-tokens.json');
    const cases = JSON.parse(readFileSync(fixture, 'utf8')) as { text: string; tokens: number[] }[];
    const tokenizer = await loadTokenizer(MODEL!);
    expect(cases.length).toBeGreaterThan(150);
    for (const { text: whole, tokens } of cases)
      expect({ whole, tokens: [...tokenizer.encode(whole)] }).toEqual({ whole, tokens });
  });
});
