import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sequenceHashes } from '../../src/prompt/hash/block-hash.js';
import { ReachableSet } from '../../src/router/reachable.js';

const locals = (names: readonly number[]): BigUint64Array =>
  BigUint64Array.from(names, (name) => BigInt(name) + 1_000n);
const sequence = (names: readonly number[]): BigUint64Array => sequenceHashes(locals(names));

describe('reachable set', () => {
  it('answers the longest prefix any earlier prompt shares', () => {
    const prompt = fc.array(fc.nat(2), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(prompt, { maxLength: 12 }), prompt, (before, asked) => {
        const set = new ReachableSet();
        for (const one of before) set.addPrompt(sequence(one));
        const shared = (one: number[]): number => {
          let at = 0;
          while (at < one.length && at < asked.length && one[at] === asked[at]) at += 1;
          return at;
        };
        expect(set.prefix(sequence(asked))).toBe(Math.max(0, ...before.map(shared)));
      }),
    );
  });

  it('places an answer an engine stored behind its prompt, by the engine’s own hashes', () => {
    const set = new ReachableSet();
    set.addStored(0, null, BigUint64Array.of(71n, 72n), locals([1, 2]));
    set.addStored(0, 72n, BigUint64Array.of(73n), locals([3]));
    set.addStored(0, 73n, BigUint64Array.of(74n, 75n), locals([4, 5]));
    expect(set.prefix(sequence([1, 2, 3, 4, 5, 6]))).toBe(5);
  });

  it('keeps workers’ hashes apart and leaves out what it cannot place', () => {
    const set = new ReachableSet();
    set.addStored(0, null, BigUint64Array.of(71n), locals([1]));
    set.addStored(1, 71n, BigUint64Array.of(72n), locals([2]));
    expect(set.prefix(sequence([1, 2]))).toBe(1);
    set.addStored(1, null, BigUint64Array.of(71n), locals([9]));
    set.addStored(1, 71n, BigUint64Array.of(72n), locals([2]));
    expect(set.prefix(sequence([9, 2]))).toBe(2);
    expect(set.prefix(sequence([1, 2]))).toBe(1);
  });

  it('stays within its memory however much is seen', () => {
    const set = new ReachableSet({ seen: 500, places: 500 });
    const hash = BigUint64Array.of(0n);
    for (let n = 1; n < 20_000; n++) {
      hash[0] = BigInt(n);
      set.addStored(0, null, hash, locals([n]));
    }
    const { bytes } = set;
    for (let n = 20_000; n < 40_000; n++) {
      hash[0] = BigInt(n);
      set.addStored(0, null, hash, locals([n]));
    }
    expect(set.bytes).toBe(bytes);
    expect(set.prefix(sequence([39_999]))).toBe(1);
    expect(set.prefix(sequence([1]))).toBe(0);
  });
});
