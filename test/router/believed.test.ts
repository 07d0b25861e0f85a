import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BelievedBlocks } from '../../src/router/believed.js';
import { PredictedBlocks } from '../../src/router/predicted.js';
import { wordsOf } from '../../src/router/u64-table.js';
import { FakeClock } from './support/fake-clock.js';

const one = (hash: bigint): Uint32Array => wordsOf(BigUint64Array.of(hash));

describe('believed blocks', () => {
  it('hold what an ordered map holds, through growth and any removals', () => {
    const hash = fc.integer({ min: 0, max: 3_000 }).map((n) => BigInt(n) * 0x9e37_79b9_7f4a_7c15n);
    const step = fc.record({
      kind: fc.constantFrom('touch', 'touch', 'touch', 'remove', 'take'),
      hashes: fc.array(hash, { minLength: 1, maxLength: 200 }),
    });
    const run = (steps: { kind: string; hashes: bigint[] }[]): void => {
      const blocks = new BelievedBlocks();
      const model = new Map<bigint, number>();
      steps.forEach(({ kind, hashes }, time) => {
        if (kind === 'take') {
          const left = hashes.length;
          const gone = [...model.keys()].slice(0, Math.max(0, model.size - left));
          for (const key of gone) model.delete(key);
          expect([...blocks.takeOldest((_expiry, size) => size > left)]).toEqual(gone);
        }
        for (const key of hashes.map((h) => BigInt.asUintN(64, h))) {
          if (kind === 'remove') {
            blocks.remove(one(key), 0);
            model.delete(key);
          } else if (kind === 'touch') {
            expect(blocks.touch(one(key), 0, time)).toBe(model.delete(key));
            model.set(key, time);
          }
        }
        expect(blocks.size).toBe(model.size);
      });
      for (const [key, expiry] of model) expect(blocks.expiryOf(one(key), 0)).toBe(expiry);
      expect([...blocks.takeOldest(() => true)]).toEqual([...model.keys()]);
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), run), { numRuns: 60 });
  });
});

describe('predicted blocks', () => {
  const clock = new FakeClock();
  const of = (...hashes: number[]): BigUint64Array => BigUint64Array.from(hashes.map(BigInt));

  it('count a repeated prompt once per request, until each has been computed and its grace is over', () => {
    const predicted = new PredictedBlocks(clock, 100);
    const first = predicted.add('w0', of(1, 12, 123));
    const second = predicted.add('w0', of(1, 12, 123));
    predicted.add('w0', of(1, 14));
    predicted.add('w1', of(9));
    expect(predicted.lookup('w0', of(1, 12, 129))).toBe(2);
    predicted.computed(first);
    clock.advance(50);
    predicted.computed(second);
    predicted.computed(first);
    clock.advance(50);
    expect(predicted.lookup('w0', of(1, 12, 129))).toBe(2);
    predicted.remove(second);
    predicted.remove(second);
    expect(predicted.lookup('w0', of(1, 12, 129))).toBe(1);
  });
});
