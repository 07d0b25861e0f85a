/** What every recipe that comes with dynamo becomes on the boxes people have: one line each, kept as a golden file. */
import { beforeAll, describe, expect, it } from 'vitest';
import { describedHost } from '../../src/plan/hardware.js';
import { makePlan } from '../../src/plan/plan.js';
import type { HostSnapshot } from '../../src/plan/types.js';
import { listRecipes } from '../../src/recipes/load.js';
import type { Recipe } from '../../src/recipes/schema.js';

const BOXES = [
  'none',
  '1xl4',
  '1xl40s',
  '1xrtx-3090',
  '1xrtx-5090',
  '1xrtx-pro-6000',
  '2xrtx-pro-6000',
  '4xrtx-pro-6000',
  '1xdgx-spark',
  '1xa100',
  '8xa100',
  '1xh100',
  '4xh100',
  '8xh100',
  '1xh200',
  '8xh200',
  '4xb200',
  '8xb200',
  '8xb300',
  '4xgb200',
  '4xgb300',
  '8xmi300x',
];

const HOST: HostSnapshot = {
  platform: 'linux',
  arch: 'x64',
  cpus: 16,
  cpuModel: 'test',
  memoryBytes: 128 * 2 ** 30,
  freeMemoryBytes: 120 * 2 ** 30,
  gpus: [],
  driver: null,
  nodeVersion: '20.20.0',
  diskFreeBytes: 2 ** 40,
};

let recipes: Recipe[];

beforeAll(async () => {
  const entries = await listRecipes({ userDir: '/nonexistent' });
  recipes = entries.flatMap(({ recipe }) => (recipe === null ? [] : [recipe]));
});

describe('the recipes on the boxes', () => {
  it.each(BOXES)('%s', async (box) => {
    const host = describedHost(box, HOST);
    const lines = recipes.map((recipe) => lineOf(recipe, host));
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`../fixtures/plans/${box}.txt`);
  });
});

it('SGLang’s variants on a box they fit', async () => {
  const host = describedHost('8xh200', HOST);
  const fitting = recipes.filter(({ variants }) => variants.some(({ engine }) => engine === 'sglang'));
  const lines = fitting.map((recipe) => lineOf(recipe, host, 'sglang'));
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../fixtures/plans/8xh200-sglang.txt');
});

/** `glm5 fp8: w0 on GPUs 0-7, 4578 blocks of 64, context 202752`, or the reasons why not. */
function lineOf(recipe: Recipe, host: HostSnapshot, engine?: 'sglang'): string {
  const result = makePlan(recipe, host, {
    ...(engine === undefined ? {} : { engine }),
    modelFile: (name) => ({ path: name, sha256: null }),
    commandOf: () => ({ file: '', args: [], env: {} }),
    alternatives: recipes,
  });
  if (!result.ok) {
    const reasons = result.refusals.map(({ variant, reason }) => `  ${variant}: ${reason}`);
    return [`${recipe.name}: refused; ${result.suggestion ?? 'nothing fits'}`, ...reasons].join('\n');
  }
  const { variant, workers, blockTokens, contextTokens, engineArgs = [] } = result.plan;
  const placed = workers.map(({ gpus, kvBlocks }) => `[${gpus.join(',')}] ${kvBlocks ?? '-'}`);
  const facts = `${workers.length} workers ${placed.join(' ')} blocks of ${blockTokens}, context ${contextTokens}`;
  return `${recipe.name} ${variant}: ${facts}\n  ${engineArgs.join(' ')}`.trimEnd();
}
