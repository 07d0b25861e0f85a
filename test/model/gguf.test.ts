import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadModelFacts } from '../../src/model/facts.js';
import { readGgufMetadata } from '../../src/model/gguf.js';
import { ggufBytes, type Typed, text, texts, tinyModel, u32, writeGguf } from './support/tiny-gguf.js';

const read = (bytes: Buffer) => readGgufMetadata(writeGguf(bytes));

describe('readGgufMetadata', () => {
  it('reads every value type', async () => {
    const entries: Record<string, Typed> = {
      a: { type: 'u8', value: 200 },
      b: { type: 'i8', value: -3 },
      c: { type: 'u16', value: 60_000 },
      d: { type: 'i16', value: -300 },
      e: { type: 'u32', value: 4_000_000_000 },
      f: { type: 'i32', value: -70_000 },
      g: { type: 'f32', value: 0.5 },
      h: { type: 'bool', value: true },
      i: text('größe 😀'),
      j: { type: 'u64', value: 2n ** 40n },
      k: { type: 'i64', value: -(2n ** 40n) },
      l: { type: 'f64', value: 1e-5 },
      m: { type: 'array', of: 'bool', items: [true, false] },
      n: { type: 'array', of: 'array', items: [{ type: 'array', of: 'u8', items: [1, 2] }, texts(['x'])] },
    };
    const { values, version, tensorCount } = await read(ggufBytes(entries, { tensors: 7 }));
    expect({ version, tensorCount }).toEqual({ version: 3, tensorCount: 7 });
    expect(Object.fromEntries(values)).toEqual({
      a: 200,
      b: -3,
      c: 60_000,
      d: -300,
      e: 4_000_000_000,
      f: -70_000,
      g: 0.5,
      h: true,
      i: 'größe 😀',
      j: 2 ** 40,
      k: -(2 ** 40),
      l: 1e-5,
      m: [true, false],
      n: [[1, 2], ['x']],
    });
  });

  it('reads a head longer than its first read', async () => {
    const long = Array.from({ length: 90_000 }, (_, index) => `token number ${index} ${'x'.repeat(40)}`);
    const bytes = ggufBytes({ long: texts(long), last: u32(9) });
    expect(bytes.length).toBeGreaterThan(4 * 1024 * 1024);
    const { values } = await read(bytes);
    expect(values.get('long')).toEqual(long);
    expect(values.get('last')).toBe(9);
  });

  it('says that a file is no GGUF, missing, a folder, or of another version', async () => {
    await expect(read(Buffer.from('PK\u0003\u0004 a zip'))).rejects.toMatchObject({ code: 'model_invalid' });
    await expect(read(Buffer.from(''))).rejects.toThrow(/not a GGUF file/);
    await expect(read(ggufBytes({}, { version: 1 }))).rejects.toThrow(/version 1 is not 2 or 3/);
    await expect(readGgufMetadata('/nonexistent/x.gguf')).rejects.toMatchObject({ code: 'model_missing' });
    await expect(readGgufMetadata('/')).rejects.toMatchObject({ name: 'DynamoError' });
  });

  it('refuses every truncation of a good file', async () => {
    const whole = ggufBytes(tinyModel());
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 4, max: whole.length - 1 }), async (length) => {
        await expect(read(whole.subarray(0, length))).rejects.toThrow(/cut off/);
      }),
      { numRuns: 60 },
    );
  });

  it('ends in model_invalid or a value, never in a hang or another error, on damaged bytes', async () => {
    const whole = ggufBytes(tinyModel());
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        const outcome = await read(bytes).then(
          () => 'read',
          (error: { code: string }) => error.code,
        );
        expect(['read', 'model_invalid']).toContain(outcome);
      }),
      { numRuns: 150 },
    );
  });

  it('refuses absurd lengths without allocating them', async () => {
    const head = ggufBytes({ x: texts([]) });
    const bytes = Buffer.from(head);
    bytes.writeBigUInt64LE(2n ** 50n, bytes.length - 8);
    await expect(read(bytes)).rejects.toThrow(/items/);
    bytes.writeBigUInt64LE(2n ** 63n, bytes.length - 8);
    await expect(read(bytes)).rejects.toThrow(/impossible length/);
  });
});

describe('loadModelFacts', () => {
  it('tells what the rest of the stack needs', async () => {
    const facts = await loadModelFacts(writeGguf(ggufBytes(tinyModel())));
    expect(facts).toMatchObject({
      name: 'Tiny',
      architecture: 'tiny',
      contextTokens: 512,
      vocabTokens: 5 + 256 + 13,
      bosToken: '<|im_start|>',
      eosId: 1,
      specialIds: [0, 1, 2, 3, 4],
      addBos: false,
      layers: 2,
      kvHeads: 2,
      headDim: 16,
      // 2 layers × 2 heads × (16 + 16) × 2 bytes
      kvBytesPerToken: 256,
    });
  });

  it('counts heads per layer and own key and value lengths', async () => {
    const model = tinyModel({
      'tiny.attention.head_count_kv': { type: 'array', of: 'i32', items: [2, 0] },
      'tiny.attention.key_length': u32(24),
      'tiny.attention.value_length': u32(8),
    });
    const facts = await loadModelFacts(writeGguf(ggufBytes(model)));
    expect(facts).toMatchObject({ kvHeads: 2, headDim: 24, kvBytesPerToken: 2 * (24 + 8) * 2 });
  });

  it('names the key a file lacks, and falls back to the file name', async () => {
    const { 'general.name': _name, 'tiny.block_count': layers, ...rest } = tinyModel();
    await expect(loadModelFacts(writeGguf(ggufBytes(rest)))).rejects.toThrow(/tiny\.block_count/);
    const file = writeGguf(ggufBytes({ ...rest, 'tiny.block_count': layers! }), 'My-Model.gguf');
    expect((await loadModelFacts(file)).name).toBe('My-Model');
  });
});
