/** vLLM without GPUs: a processor and a share of the memory for each worker. */
import { describe, expect, it } from 'vitest';
import { type CommandOf, makePlan } from '../../src/plan/plan.js';
import { cpuNumbers } from '../../src/plan/probe.js';
import { judgeRecipes, recipeListText } from '../../src/plan/recipe-verdicts.js';
import type { HostSnapshot, Plan } from '../../src/plan/types.js';
import { listRecipes } from '../../src/recipes/load.js';
import { parseRecipe } from '../../src/recipes/parse.js';
import { commandOf } from '../../src/stack/adapters.js';
import { spoiled } from '../recipes/recipe-text.js';

const GIB = 2 ** 30;
const HOST: HostSnapshot = {
  ...{ platform: 'linux', arch: 'x64', cpus: 4, cpuIds: [2, 3, 6, 7], cpuModel: 'test' },
  ...{ memoryBytes: 24 * GIB, freeMemoryBytes: 16 * GIB, gpus: [], driver: null },
  ...{ nodeVersion: '20.20.0', diskFreeBytes: null },
};

const entries = await listRecipes({ userDir: '/nonexistent' });
const recipe = entries.find(({ name }) => name === 'smollm2-vllm-cpu')!.recipe!;

function planFor(host: HostSnapshot, workers?: number, command: CommandOf = commandOf): Plan | string[] {
  const result = makePlan(recipe, host, {
    modelFile: (name) => ({ path: `/models/${name}.gguf`, sha256: 'a' }),
    commandOf: command,
    ...(workers === undefined ? {} : { workers }),
  });
  return result.ok ? result.plan : result.refusals.map(({ reason }) => reason);
}

function planned(host: HostSnapshot, workers?: number): Plan {
  const plan = planFor(host, workers);
  if (Array.isArray(plan)) throw new Error(plan.join('\n'));
  return plan;
}

describe('a plan for processors', () => {
  it('gives each worker one of those this process may use, and the catalogue’s model', () => {
    const { workers, model, blockTokens } = planned(HOST);
    expect(workers.map(({ cpus, gpus, kvBlocks }) => ({ cpus, gpus, kvBlocks }))).toEqual([
      { cpus: [2], gpus: [], kvBlocks: 546 },
      { cpus: [3], gpus: [], kvBlocks: 546 },
    ]);
    expect(model).toEqual({ kind: 'gguf', name: 'smollm2', path: '/models/smollm2.gguf', sha256: 'a' });
    expect(blockTokens).toBe(32);
  });

  it('binds its thread, bounds its cache, and leaves GPU flags out', () => {
    const { args, env } = planned(HOST).workers[1]!;
    expect(env).toMatchObject({ VLLM_CPU_OMP_THREADS_BIND: '3', HF_HUB_OFFLINE: '1' });
    expect(args).toContain('--enforce-eager');
    expect(args[args.indexOf('--kv-cache-memory-bytes') + 1]).toBe(String(0.375 * GIB));
    expect(args).not.toContain('--tensor-parallel-size');
  });

  it('has fewer workers where processors or memory are short, and says which', () => {
    const few = planned({ ...HOST, cpus: 1, cpuIds: [5] });
    expect(few.workers.map(({ cpus }) => cpus)).toEqual([[5]]);
    expect(few.reasons.join()).toContain('each needs a processor of its own (1 here)');
    const small = planned({ ...HOST, freeMemoryBytes: 5 * GIB }, 4);
    expect(small.workers).toHaveLength(1);
    expect(small.reasons.join()).toContain('1 worker instead of 4: memory is short');
  });

  it('is refused where a worker does not fit or has no package', () => {
    expect(planFor({ ...HOST, freeMemoryBytes: 2 * GIB })).toEqual([
      expect.stringMatching(/^needs 2\.\d+ GiB of memory per worker, this host has 2/),
    ]);
    expect(planFor({ ...HOST, arch: 'arm64' })).toEqual([expect.stringContaining('needs linux-x64')]);
  });
});

describe('the list of recipes', () => {
  it('says which command installs the engine that is missing', () => {
    const text = recipeListText(judgeRecipes(entries, HOST, { cpu: 'dynamo engine install vllm --cpu' }));
    expect(text).toMatch(/smollm2-vllm-cpu +no engine.*\n +needs: dynamo engine install vllm --cpu/);
    expect(recipeListText(judgeRecipes(entries, HOST))).toMatch(/smollm2-vllm-cpu +runs here/);
  });
});

describe('a recipe file', () => {
  it.each([
    [
      'names GPUs or says how much of the host it takes',
      spoiled('      - { gpu: h100, count: 1, source: test }\n', '').replace('    hardware:\n', ''),
      'variants[0].hardware',
    ],
    [
      'does not do both',
      spoiled('    args:', '    cpu: { kv_gib: 1, process_gib: 1 }\n    args:'),
      'variants[0].cpu',
    ],
  ])('%s', (_name, text, path) => {
    const parsed = parseRecipe(text);
    expect(parsed.ok ? [] : parsed.problems.map((problem) => problem.path)).toEqual([path]);
  });
});

describe('the processors of this process', () => {
  it('are read from the kernel’s list', () => {
    expect(cpuNumbers('0-2,6')).toEqual([0, 1, 2, 6]);
    expect(cpuNumbers('5')).toEqual([5]);
  });
});
