import { expect, it } from 'vitest';
import { benchRoute } from '../../src/bench/route/decision.js';
import { familyModel } from '../prompt/support/requests.js';
import { FAMILIES } from '../prompt/support/templates.js';

it('measures turns of about the length asked for, in both ways', async () => {
  const model = await familyModel('bench-route-qwen', FAMILIES['qwen']!);
  for (const isWhole of [false, true]) {
    const result = await benchRoute({ model, promptTokens: 100_000, turns: 20, isWhole });
    expect(result).toMatchObject({ way: isWhole ? 'whole' : 'next turn', turns: 20 });
    expect(result.promptTokens / 100_000).toBeGreaterThan(0.8);
    expect(result.promptTokens / 100_000).toBeLessThan(1.2);
    expect(result.ms.p99).toBeGreaterThanOrEqual(result.routerMs.p50);
    expect(result.routerMs.p50).toBeGreaterThan(0);
  }
});
