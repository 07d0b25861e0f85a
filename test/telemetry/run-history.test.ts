/** The run in steps: the sums stay what they are however often the steps get longer. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HistoryBook } from '../../src/telemetry/run-history.js';
import type { StampedEvent } from '../../src/telemetry/types.js';

const finished = (at: number, cached: number): StampedEvent => ({
  type: 'request.finished',
  id: `${at}`,
  usage: { promptTokens: 100, cachedTokens: cached, outputTokens: 1, reasoningTokens: 0 },
  e2eMs: 1,
  stopReason: 'stop',
  at,
  sequence: 0,
});

describe('the history of a run', () => {
  it('loses nothing, keeps its order and its bound', () => {
    const times = fc.array(fc.tuple(fc.nat(3_600_000), fc.nat(100)), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(times, (events) => {
        const book = new HistoryBook();
        for (const [at, cached] of events.sort(([a], [b]) => a - b)) book.apply(finished(at, cached));
        const { stepMs, points } = book.history();
        expect(points.length).toBeLessThanOrEqual(240);
        expect(points.reduce((sum, { requests }) => sum + requests, 0)).toBe(events.length);
        expect(points.reduce((sum, { cachedTokens }) => sum + cachedTokens, 0)).toBe(
          events.reduce((sum, [, cached]) => sum + cached, 0),
        );
        for (const [at, point] of points.entries()) {
          expect(point.at % stepMs).toBe(0);
          expect(point.at).toBeGreaterThan(points[at - 1]?.at ?? -1);
        }
      }),
    );
  });

  it('takes what tiers tell as sums since the start', () => {
    const book = new HistoryBook();
    const tier = {
      name: 'cpu' as const,
      bytes: 0,
      bytesMax: null,
      blocks: 0,
      readBytes: 0,
      writtenBytes: 0,
      evicted: 0,
    };
    for (const [at, hitTokens] of [
      [1_000, 64],
      [1_500, 64],
      [3_000, 192],
    ] as const)
      book.apply({ type: 'tier.stats', tiers: [{ ...tier, hitTokens }], at, sequence: 0 });
    expect(book.history().points.map(({ at, tierTokens }) => [at, tierTokens])).toEqual([
      [1_000, { cpu: 64 }],
      [3_000, { cpu: 128 }],
    ]);
  });

  it('takes a clock that was set back for the newest step', () => {
    const book = new HistoryBook();
    book.apply(finished(9_000, 1));
    book.apply(finished(2_000, 2));
    expect(book.history().points).toMatchObject([{ at: 9_000, requests: 2, cachedTokens: 3 }]);
  });
});
