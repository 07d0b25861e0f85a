import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DynamoError } from '../../src/errors.js';
import { LIMITS } from '../../src/limits.js';
import {
  builtInRecipes,
  checkRecipe,
  listRecipes,
  loadRecipe,
  recipeSource,
} from '../../src/recipes/load.js';
import { GOOD, spoiled } from './recipe-text.js';

let userDir: string;

beforeEach(() => {
  userDir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-recipes-'));
});

afterEach(() => rmSync(userDir, { recursive: true, force: true }));

const failureOf = async (promise: Promise<unknown>): Promise<DynamoError> => {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DynamoError);
  return error as DynamoError;
};

describe('the recipes that come with dynamo', () => {
  test('are all good', async () => {
    const entries = await listRecipes({ userDir });
    expect(entries.flatMap(({ name, problems }) => problems.map((problem) => [name, problem]))).toEqual([]);
    expect(entries.map(({ name }) => name)).toEqual([
      'deepseek-v4-flash',
      'glm4.5-air',
      'glm4.7',
      'glm5.2',
      'glm5.3-flash',
      'glm5',
      'gpt-oss-120b',
      'gpt-oss-20b',
      'kimi-k2.6',
      'minimax-m2.5',
      'minimax-m2.7',
      'minimax-m3',
      'qwen3-coder-next',
      'qwen3.6-35b-a3b',
      'smollm2-vllm-cpu',
      'smollm2',
    ]);
  });

  test.each([
    ['glm5', 'glm5'],
    ['GLM-5', 'glm5'],
    ['glm-5.1', 'glm5'],
    ['minimax', 'minimax-m2.5'],
    ['minimax2.5', 'minimax-m2.5'],
    ['glm-5.2', 'glm5.2'],
    ['glm-4.5-air', 'glm4.5-air'],
    ['gpt-oss', 'gpt-oss-120b'],
    ['kimi', 'kimi-k2.6'],
    ['smollm2', 'smollm2'],
  ])('%s means %s', async (asked, name) => {
    expect((await loadRecipe(asked, { userDir })).name).toBe(name);
  });

  test('share no name and no alias', async () => {
    const entries = await listRecipes({ userDir });
    const names = entries.flatMap(({ name, recipe }) => [name, ...recipe!.aliases]);
    expect(new Set(names).size).toBe(names.length);
  });

  test('have KV figures that follow from their derivations', async () => {
    for (const { recipe } of await listRecipes({ userDir })) {
      const { derivation, bytes_per_token } = recipe!.model.kv!;
      const arithmetic = derivation.slice(0, derivation.indexOf('=')).replaceAll('×', '*').replace(/,/g, '');
      const numbers = arithmetic
        .replace(/\([A-Za-z][^)]*\)/g, '')
        .replace(/[A-Za-z][\w-]*/g, '')
        .replace(/[^0-9*+() ]/g, '')
        .replace(/(\d)\s+(?=\d)/g, '$1*');
      expect(Number(evaluate(numbers)), derivation).toBe(bytes_per_token);
    }
  });
});

describe('a name nobody has', () => {
  test.each([
    ['smolm2', 'smollm2'],
    ['glm5.5', 'glm5.1'],
    ['minimx', 'minimax'],
  ])('%s suggests %s', async (asked, suggestion) => {
    const error = await failureOf(loadRecipe(asked, { userDir }));
    expect(error.code).toBe('unknown_recipe');
    expect(error.exit).toBe(2);
    expect(error.remedy).toContain(`\`${suggestion}\``);
  });

  test('that is like no other lists them all', async () => {
    const error = await failureOf(loadRecipe('qqqqqqqqqqqq', { userDir }));
    expect(error.remedy).toMatch(/^There are: deepseek-v4-flash, .*minimax-m2\.5.*, smollm2\.$/);
  });
});

describe('the user’s own recipes', () => {
  test('are found by name and alias, and win over built-in ones', async () => {
    writeFileSync(path.join(userDir, 'tiny.yaml'), GOOD);
    writeFileSync(
      path.join(userDir, 'mine.yml'),
      spoiled('name: tiny', 'name: smollm2').replace('[little]', '[]'),
    );
    expect((await loadRecipe('little', { userDir })).name).toBe('tiny');
    expect((await loadRecipe('smollm2', { userDir })).title).toBe('Tiny');
    const sources = (await listRecipes({ userDir })).map(({ name, source }) => `${name}:${source}`);
    expect(sources.slice(0, 2)).toEqual(['smollm2:user', 'tiny:user']);
    expect(sources).toContain('glm5:built-in');
    expect(sources).not.toContain('smollm2:built-in');
  });

  test('when broken, break only themselves', async () => {
    writeFileSync(path.join(userDir, 'broken.yaml'), 'name: [');
    expect((await loadRecipe('smollm2', { userDir })).name).toBe('smollm2');
    const error = await failureOf(loadRecipe('broken', { userDir }));
    expect(error.code).toBe('invalid_recipe');
  });

  test('are read from a path, with every problem in the error', async () => {
    const file = path.join(userDir, 'bad.yaml');
    writeFileSync(file, spoiled('licence: MIT', 'license: MIT').replace('context: 4096', 'context: 0'));
    const error = await failureOf(loadRecipe(file, { userDir }));
    expect(error.message).toContain('has 3 problem(s)');
    expect(error.message).toMatch(/5:1 {2}license: is not a known key/);
    expect(error.message).toMatch(/9:3 {2}model\.context: /);
  });

  test('are shown as they are written', async () => {
    const file = path.join(userDir, 'tiny.yaml');
    writeFileSync(file, `# a remark\n${GOOD}`);
    expect(await recipeSource(file, { userDir })).toContain('# a remark');
    expect(await recipeSource('tiny', { userDir })).toContain('# a remark');
  });
});

describe('paths that lead nowhere', () => {
  test('a missing file', async () => {
    const error = await failureOf(loadRecipe(path.join(userDir, 'none.yaml'), { userDir }));
    expect(error.code).toBe('unknown_recipe');
    expect(error.remedy).toContain('ENOENT');
  });

  test('a folder', async () => {
    mkdirSync(path.join(userDir, 'dir.yaml'));
    const error = await failureOf(loadRecipe(path.join(userDir, 'dir.yaml'), { userDir }));
    expect(error.code).toBe('unknown_recipe');
  });

  test('a file too large to be a recipe is not read', async () => {
    const file = path.join(userDir, 'huge.yaml');
    writeFileSync(file, Buffer.alloc(LIMITS.recipeBytes + 1, 'x'));
    const error = await failureOf(checkRecipe(file));
    expect(error.code).toBe('invalid_recipe');
  });

  test('a GGUF file that is missing, or is something else', async () => {
    const missing = await failureOf(loadRecipe(path.join(userDir, 'none.gguf'), { userDir }));
    expect(missing.code).toBe('model_missing');
    const file = path.join(userDir, 'text.gguf');
    writeFileSync(file, 'this is no model');
    const invalid = await failureOf(loadRecipe(file, { userDir }));
    expect(invalid.code).toBe('model_invalid');
  });
});

test('the built-in folder is the one beside package.json', () => {
  expect(path.basename(builtInRecipes())).toBe('recipes');
  expect(path.dirname(builtInRecipes())).toBe(path.resolve(import.meta.dirname, '..', '..'));
});

/** Sums and products of whole numbers with brackets: just what derivations are made of. */
function evaluate(text: string): number {
  const tokens = text.match(/\d+|[*+()]/g) ?? [];
  let at = 0;
  const factor = (): number => {
    if (tokens[at] !== '(') return Number(tokens[at++]);
    at++;
    const value = sum();
    at++;
    return value;
  };
  const product = (): number => {
    let value = factor();
    while (tokens[at] === '*') {
      at++;
      value *= factor();
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (tokens[at] === '+') {
      at++;
      value += product();
    }
    return value;
  };
  return sum();
}
