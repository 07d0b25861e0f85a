import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crcOf, decodeHead, encodeHead, HEAD_BYTES } from '../../src/cache/page-format.js';
import { NAMESPACE, page } from './pages.js';

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anyPage = fc.record({
  key: u64,
  parent: fc.option(u64),
  localHash: u64,
  origin: fc.constantFrom('prefill' as const, 'decode' as const),
  priority: fc.integer({ min: 0, max: 100 }),
  expiresAt: fc.integer({ min: 0, max: 4e12 }),
  tokens: fc
    .array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 108 })
    .map((tokens) => Uint32Array.from(tokens)),
  payload: fc.uint8Array({ maxLength: 300 }),
});

describe('a head', () => {
  it('says of any page what it was written with', () => {
    fc.assert(
      fc.property(anyPage, (one) => {
        const { payload, ...rest } = one;
        const head = decodeHead(encodeHead(one, NAMESPACE), NAMESPACE);
        expect(head).toEqual({ ...rest, payloadBytes: payload.length, payloadCrc: crcOf([payload]) });
      }),
    );
  });

  it('with any bit flipped is none', () => {
    const head = encodeHead(page(5n), NAMESPACE);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: HEAD_BYTES * 8 - 1 }), (bit) => {
        const altered = Buffer.from(head);
        altered[bit >> 3] = altered[bit >> 3]! ^ (1 << (bit & 7));
        expect(decodeHead(altered, NAMESPACE)).toBeNull();
      }),
    );
  });

  it('of other bytes is none, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(decodeHead(Buffer.from(bytes), NAMESPACE)).toBeNull();
      }),
    );
  });

  it('of another model is none', () => {
    expect(decodeHead(encodeHead(page(5n), NAMESPACE), 'f'.repeat(32))).toBeNull();
  });

  it('refuses more tokens than it has room for', () => {
    expect(() => encodeHead(page(1n, { tokens: new Uint32Array(109) }), NAMESPACE)).toThrow(RangeError);
  });
});

it('a checksum of pieces is that of the whole', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (pieces) => {
      expect(crcOf(pieces)).toBe(crcOf([Buffer.concat(pieces)]));
    }),
  );
});
