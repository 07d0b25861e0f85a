import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blockSeed,
  grownHashes,
  hashBlocks,
  promptSequence,
  sequenceHashes,
} from '../../../src/prompt/hash/block-hash.js';
import { plainHasher, wasmHasher } from '../../../src/prompt/hash/hash-module.js';
import { xxh3 } from '../../../src/prompt/hash/xxh3.js';

interface HashCase {
  name: string;
  block_size: number;
  tokens: number[];
  lora_name?: string;
  cache_salt?: string;
  local_hashes: string[];
  sequence_hashes: string[];
}

const fixtures = path.resolve(import.meta.dirname, '../../fixtures');
const dynamo: { cases: HashCase[] } = JSON.parse(
  readFileSync(path.join(fixtures, 'dynamo-hashes.json'), 'utf8'),
);
const reference: { cases: { bytes: number; seed: string; hash: string }[] } = JSON.parse(
  readFileSync(path.join(fixtures, 'xxh3/vectors.json'), 'utf8'),
);

const hashers = { wasm: wasmHasher(), plain: plainHasher() };
const SEED = 1337n;

describe('block hashes', () => {
  it('cover fifty cases of NVIDIA Dynamo', () => {
    expect(dynamo.cases).toHaveLength(50);
  });

  for (const [name, hasher] of Object.entries(hashers)) {
    it.each(dynamo.cases)(`${name}: equal Dynamo's for $name`, (c) => {
      const seed = blockSeed({ loraName: c.lora_name, cacheSalt: c.cache_salt });
      const local = hasher.blocks(Uint32Array.from(c.tokens), c.block_size, seed);
      expect([...local].map(String)).toEqual(c.local_hashes);
      expect([...hasher.chain(local, SEED)].map(String)).toEqual(c.sequence_hashes);
    });
  }

  it('of the public functions are the same', () => {
    const local = hashBlocks(Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 4, blockSeed({}));
    expect([...local]).toEqual([14643705804678351452n, 16777012769546811212n]);
    expect([...sequenceHashes(local)]).toEqual([14643705804678351452n, 4945711292740353085n]);
  });

  it('are the same in WebAssembly and plain JS for every block size', () => {
    const cases = fc.record({
      blockTokens: fc.integer({ min: 1, max: 1024 }),
      tokens: fc.uint32Array({ maxLength: 2100 }),
      seed: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    });
    fc.assert(
      fc.property(cases, ({ blockTokens, tokens, seed }) => {
        const wasm = hashers.wasm.blocks(tokens, blockTokens, seed);
        expect(wasm).toEqual(hashers.plain.blocks(tokens, blockTokens, seed));
        expect(hashers.wasm.chain(wasm, seed)).toEqual(hashers.plain.chain(wasm, seed));
      }),
      { numRuns: 150 },
    );
  });

  it('of prompts longer than one batch are the same', () => {
    const tokens = Uint32Array.from({ length: 70_000 }, (_, i) => Math.imul(i, 2654435761));
    for (const blockTokens of [1, 16, 1024]) {
      const wasm = hashers.wasm.blocks(tokens, blockTokens, SEED);
      expect(wasm).toEqual(hashers.plain.blocks(tokens, blockTokens, SEED));
      expect(hashers.wasm.chain(wasm, SEED)).toEqual(hashers.plain.chain(wasm, SEED));
    }
  });

  it('refuse a block size outside 1 to 1024', () => {
    for (const size of [0, -1, 1.5, 1025, Number.NaN]) {
      expect(() => hashBlocks(new Uint32Array(8), size, SEED)).toThrow(RangeError);
    }
  });
});

describe('seed', () => {
  it('differs between salts and LoRA names, and an empty one adds nothing', () => {
    const seeds = [{}, { loraName: 'a' }, { cacheSalt: 'a' }, { loraName: 'a', cacheSalt: 'a' }].map(
      blockSeed,
    );
    expect(new Set(seeds).size).toBe(4);
    expect(blockSeed({ loraName: '', cacheSalt: undefined })).toBe(SEED);
  });
});

describe('plain XXH3', () => {
  it.each(reference.cases)('equals the reference for $bytes bytes', ({ bytes, seed, hash }) => {
    const input = Uint8Array.from({ length: bytes }, (_, i) => i * 167 + bytes * 31 + (i >> 3));
    expect(String(xxh3(input, BigInt(seed)))).toBe(hash);
  });

  it.each(
    reference.cases.filter(({ bytes }) => bytes > 0 && bytes % 4 === 0),
  )('and the WebAssembly one for $bytes bytes', ({ bytes, seed, hash }) => {
    const input = Uint8Array.from({ length: bytes }, (_, i) => i * 167 + bytes * 31 + (i >> 3));
    const tokens = new Uint32Array(input.buffer);
    expect([...hashers.wasm.blocks(tokens, bytes / 4, BigInt(seed))].map(String)).toEqual([hash]);
  });
});

it('gives a prompt that goes on from another one the chain of all its blocks', () => {
  const hashes = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 9 });
  fc.assert(
    fc.property(
      hashes,
      fc.array(fc.tuple(hashes, fc.nat(), fc.boolean()), { maxLength: 4 }),
      (first, turns) => {
        let local = BigUint64Array.from(first);
        promptSequence(local);
        for (const [added, at, isRouted] of turns) {
          const kept = at % (local.length + 1);
          const whole = BigUint64Array.from([...local.subarray(0, kept), ...added]);
          local = grownHashes(local, kept, BigUint64Array.from(added));
          expect(local).toEqual(whole);
          if (isRouted) expect(promptSequence(local)).toEqual(sequenceHashes(whole));
        }
      },
    ),
  );
});
