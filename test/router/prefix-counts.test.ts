import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixCounts } from '../../src/router/prefix-counts.js';

/** Blocks named by what they are and all before them, as sequence hashes are. */
function sequence(path: readonly number[]): BigUint64Array {
  let hash = 1n;
  return BigUint64Array.from(path, (step) => {
    hash = BigInt.asUintN(64, hash * 0x9e37_79b9_7f4a_7c15n + BigInt(step) + 1n);
    return hash;
  });
}

function common(a: readonly number[], b: readonly number[]): number {
  const end = a.findIndex((step, at) => step !== b[at]);
  return end === -1 ? a.length : end;
}

describe('prefix counts', () => {
  const path = fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 12 });

  it('count what a list of prompts compared one by one has in common', () => {
    const step = fc.record({ kind: fc.constantFrom('add', 'add', 'remove'), path, pick: fc.nat() });
    const run = (steps: { kind: string; path: number[]; pick: number }[]): void => {
      const counts = new PrefixCounts();
      const model: number[][] = [];
      for (const { kind, path, pick } of steps) {
        const lengths = model.map((other) => common(path, other));
        const longest = Math.max(0, ...lengths);
        expect(counts.lookup(sequence(path))).toBe(longest);
        if (kind === 'add') {
          expect(counts.add(sequence(path))).toBe(path.length - longest);
          model.push(path);
        } else if (model.length > 0) {
          const gone = model.splice(pick % model.length, 1)[0] as number[];
          const left = Math.max(0, ...model.map((other) => common(gone, other)));
          expect(counts.remove(sequence(gone))).toBe(gone.length - left);
        }
      }
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), run), { numRuns: 200 });
  });
});
