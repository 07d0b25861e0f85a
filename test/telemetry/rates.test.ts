/** Figures over the last seconds and minutes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MedianHistory } from '../../src/telemetry/median-history.js';
import { TierRates } from '../../src/telemetry/tier-rates.js';

const tier = (readBytes: number, writtenBytes: number) => ({
  name: 'cpu' as const,
  bytes: 0,
  bytesMax: null,
  blocks: 0,
  hitTokens: 0,
  readBytes,
  writtenBytes,
  evicted: 0,
});

describe("a tier's rates", () => {
  it('are bytes a second over ten seconds, whatever came before', () => {
    const rates = new TierRates();
    rates.apply([tier(1_000, 50_000)], 100_000);
    rates.apply([tier(3_000, 50_000)], 115_000);
    expect(rates.of('cpu', 115_000)).toEqual({ readBytes: 200, writtenBytes: 0 });
    expect(rates.of('cpu', 130_000)).toEqual({ readBytes: 0, writtenBytes: 0 });
    expect(rates.of('disk', 130_000)).toEqual({ readBytes: 0, writtenBytes: 0 });
  });

  it('begin anew with a sum that begins anew', () => {
    const rates = new TierRates();
    rates.apply([tier(9_000, 0)], 0);
    rates.apply([tier(500, 0)], 60_000);
    expect(rates.of('cpu', 60_000).readBytes).toBe(50);
  });
});

describe('medians of the last minutes', () => {
  it('are of five seconds each, newest last, and stay when their values are gone', () => {
    const history = new MedianHistory();
    for (const [at, value] of [
      [1_000_000, 1],
      [1_001_000, 9],
      [1_002_000, 5],
      [1_006_000, 7],
    ] as const)
      history.add(at, value);
    expect(history.values(1_009_000).slice(-3)).toEqual([null, 5, 7]);
    expect(history.values(1_009_000 + 300_000).every((value) => value === null)).toBe(true);
  });

  it('stay near the true one however much is measured', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), (count) => {
        const history = new MedianHistory();
        for (let n = 0; n < count; n += 1) history.add(1_000, (n * 7_919) % 1_000);
        const told = history.values(1_000).at(-1)!;
        const sorted = Array.from({ length: count }, (_, n) => (n * 7_919) % 1_000).sort((a, b) => a - b);
        const rank = sorted.findIndex((value) => value >= told) / count;
        expect(Math.abs(rank - 0.5)).toBeLessThan(count < 10 ? 0.51 : 0.12);
      }),
      { numRuns: 30 },
    );
  });
});
