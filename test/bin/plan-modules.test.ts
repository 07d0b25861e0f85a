/** `dynamo plan` answers within 300 ms because of what it does not load and read; times are too noisy to test. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadRecipe } from '../../src/recipes/load.js';

const root = path.resolve(import.meta.dirname, '../..');
let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'dyn-plan-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function modulesOf(...args: string[]): Promise<string[]> {
  const hook = pathToFileURL(path.join(root, 'test/fixtures/tell-modules.mjs')).href;
  const { stderr, stdout } = await execa(
    process.execPath,
    ['--import', hook, path.join(root, 'bin/run.js'), ...args],
    { env: { DYNAMO_HOME: home } },
  );
  expect(stdout).toContain('recipe    glm5');
  return [...stderr.matchAll(/^module (\S+)$/gm)].map((match) => match[1]!);
}

it('a plan loads no screen, no engine, no settings’ schema, and few modules at all', async () => {
  const modules = await modulesOf('plan', '--recipe', 'glm5.1', '--hardware', '8xh200');
  expect(modules.some((url) => url.includes('/dist/src/plan/plan.js'))).toBe(true);
  const heavy = /node_modules\/(?:conf|ajv|ink|react|koffi|zeromq|undici|@huggingface|@aws-sdk|ws)\//;
  expect(modules.filter((url) => heavy.test(url))).toEqual([]);
  expect(modules.filter((url) => url.includes('/dist/')).length).toBeLessThan(130);
});

it('a recipe is found by name and by alias, and a name nobody has among all', async () => {
  const sources = { userDir: home };
  expect((await loadRecipe('GLM-5', sources)).name).toBe('glm5');
  expect((await loadRecipe('minimax', sources)).name).toBe('minimax-m2.5');
  await expect(loadRecipe('glm5.9', sources)).rejects.toMatchObject({ code: 'unknown_recipe' });
});
