import { expect, it } from 'vitest';
import type { Plan } from '../../src/plan/types.js';
import { hubEnv } from '../../src/stack/hub-env.js';

const plan = (more: Partial<Plan>): Plan => more as Plan;

it('a model is fetched to where its engine will look', () => {
  const own = { HF_HOME: '/mine', HF_TOKEN: 't' };
  expect(hubEnv(plan({}), own)).toEqual(own);
  expect(hubEnv(plan({ engineEnv: { HF_HOME: '/recipe' } }), own)).toEqual({
    HF_HOME: '/recipe',
    HF_TOKEN: 't',
  });
  const moved = hubEnv(plan({ engineArgs: ['--tensor-parallel-size', '1', '--download-dir', '/big'] }), own);
  expect(moved).toMatchObject({ HF_HUB_CACHE: '/big' });
});

it('one that its engine fetches from another hub is left to it', () => {
  expect(hubEnv(plan({ engineEnv: { VLLM_USE_MODELSCOPE: 'True' } }), {})).toBeNull();
  expect(hubEnv(plan({}), { SGLANG_USE_MODELSCOPE: '1' })).toBeNull();
  expect(hubEnv(plan({}), { VLLM_USE_MODELSCOPE: '0' })).not.toBeNull();
});
