import { describe, expect, it } from 'vitest';
import { type CacheFacts, cacheStatsText } from '../../src/cli/cache-text.js';

const facts = (over: Partial<CacheFacts> = {}): CacheFacts => ({
  tiers: [],
  warm: { causes: {}, promptTokens: 0, computedTokens: 0, share: null, promises: { kept: 0, broken: 0 } },
  hitRate: { total: 0.5, lastMinute: null, reachable: null },
  tokens: { prompt: 1_000, cached: 500, predicted: 0, reachable: 0, generated: 0 },
  readWriteRatio: 1,
  ...over,
});

describe('cache stats', () => {
  it('tell what was computed ahead apart from the requests', () => {
    const warm = {
      causes: { next_turn: { done: 3, superseded: 1 }, asked: { done: 1 } },
      promptTokens: 4_000,
      computedTokens: 250,
      share: 1 / 3,
      promises: { kept: 2, broken: 1 },
    };
    const text = cacheStatsText(facts({ warm }));
    expect(text).toContain('computed ahead  250 of 4000 prompt tokens (33.3 % of all computed)');
    expect(text).toContain('next turn  3 done, 1 superseded');
    expect(text).toContain('2 lifetimes kept, 1 not');
    expect(cacheStatsText(facts())).not.toContain('ahead');
  });
});
