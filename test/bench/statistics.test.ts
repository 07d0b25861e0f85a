import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spread } from '../../src/bench/statistics.js';
import { prose, sessionScripts } from '../../src/bench/workload.js';

describe('order statistics', () => {
  it('interpolate between samples', () => {
    expect(spread([4, 1, 3, 2])).toMatchObject({ min: 1, median: 2.5, max: 4, count: 4 });
  });

  it('are in order and within the samples', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const { min, median, p95, max } = spread(values);
        expect(min).toBe(Math.min(...values));
        expect(max).toBe(Math.max(...values));
        expect(min <= median && median <= p95 && p95 <= max).toBe(true);
      }),
    );
  });
});

describe('the workload', () => {
  it('is the same for the same seed and another for another', () => {
    expect(prose(7, 100)).toBe(prose(7, 100));
    expect(prose(7, 100)).not.toBe(prose(8, 100));
  });

  it('shares only the system prompt between sessions', () => {
    const [a, b] = sessionScripts({ sessions: 2, turns: 2, systemTokens: 50, turnTokens: 50 });
    expect(a?.system).toBe(b?.system);
    const texts = [...(a?.turns ?? []), ...(b?.turns ?? [])].map(({ text }) => text);
    expect(new Set(texts).size).toBe(4);
  });
});
