import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/telemetry/histogram.js';
import { RollingSum } from '../../src/telemetry/rolling.js';

describe('a histogram', () => {
  it('tells every quantile within one bucket of five per cent', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.02, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 }),
        (values) => {
          const histogram = new Histogram();
          for (const value of values) histogram.add(value);
          const sorted = [...values].sort((a, b) => a - b);
          for (const share of [0.5, 0.95, 0.99]) {
            const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!;
            expect(Math.abs(histogram.quantile(share)! - exact) / exact).toBeLessThan(0.06);
          }
        },
      ),
    );
  });

  it('knows nothing before the first value and ignores what is no latency', () => {
    const histogram = new Histogram();
    for (const value of [Number.NaN, -1, Number.POSITIVE_INFINITY]) histogram.add(value);
    expect(histogram.summary()).toEqual({ p50: null, p95: null, p99: null, count: 0 });
  });
});

describe('a rolling sum', () => {
  it('forgets what left its window', () => {
    const sum = new RollingSum(60_000, 60);
    sum.add(1_000_000, 5);
    sum.add(1_030_000, 7);
    expect(sum.sum(1_030_000)).toBe(12);
    expect(sum.sum(1_061_000)).toBe(7);
    expect(sum.sum(1_200_000)).toBe(0);
  });
});
