import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { U64Table, wordsOf } from '../../src/router/u64-table.js';

const key = (value: bigint): Uint32Array => wordsOf(BigUint64Array.of(value));

describe('u64 table', () => {
  it('holds what a Map holds while nothing has to go', () => {
    const entry = fc.tuple(fc.bigInt({ min: 1n, max: 400n }), fc.nat(0xffff_ffff), fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 300 }), (entries) => {
        const table = new U64Table(1_000, { hasValues: true });
        const model = new Map<bigint, [number, number]>();
        for (const [name, low, high] of entries) {
          table.set(key(name), 0, low, high);
          model.set(name, [low, high]);
        }
        expect(table.size).toBe(model.size);
        const value = new Uint32Array(2);
        for (let name = 0n; name <= 400n; name++) {
          expect(table.has(key(name), 0, value)).toBe(model.has(name));
          if (model.has(name)) expect([...value]).toEqual(model.get(name));
        }
      }),
    );
  });

  it('stays within its bound, keeps the newest and what is read, forgets the rest', () => {
    const table = new U64Table(100, { hasValues: false });
    for (let name = 1n; name <= 1_000n; name++) {
      table.set(key(name), 0);
      expect(table.has(key(1n), 0)).toBe(true);
      expect(table.size).toBeLessThanOrEqual(200);
    }
    for (let name = 901n; name <= 1_000n; name++) expect(table.has(key(name), 0)).toBe(true);
    expect(table.has(key(2n), 0)).toBe(false);
  });

  it('grows from small to its bound without losing anything', () => {
    const table = new U64Table(20_000, { hasValues: true });
    const small = table.bytes;
    for (let name = 1; name <= 20_000; name++) table.set(key(BigInt(name) << 20n), 0, name, 1);
    const value = new Uint32Array(2);
    for (let name = 1; name <= 20_000; name++) {
      expect(table.has(key(BigInt(name) << 20n), 0, value)).toBe(true);
      expect(value[0]).toBe(name);
    }
    expect(table.bytes).toBeGreaterThan(small);
  });

  it('never holds the key 0', () => {
    const table = new U64Table(10, { hasValues: true });
    table.set(key(0n), 0, 1, 1);
    expect([table.has(key(0n), 0), table.size]).toEqual([false, 0]);
  });
});
