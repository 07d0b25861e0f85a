import { expect, it } from 'vitest';
import type { Plan } from '../../src/plan/types.js';
import { needsStrictTools } from '../../src/stack/engine-fields.js';

it('only where every worker is vLLM', () => {
  const plan = (engine: string, ...attached: string[]) =>
    ({ engine, workers: attached.map((each) => ({ attached: { engine: each } })) }) as unknown as Plan;
  expect(needsStrictTools(plan('vllm'))).toBe(true);
  expect(needsStrictTools(plan('embedded'))).toBe(false);
  expect(needsStrictTools(plan('external', 'vllm', 'vllm'))).toBe(true);
  expect(needsStrictTools(plan('external', 'vllm', 'sglang'))).toBe(false);
});
