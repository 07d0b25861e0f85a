/** Recipes come from other people: they are data, and nothing in one may run, read or open what the user did not mean. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelsDir, resolvePaths } from '../../src/cli/paths.js';
import { removeModel } from '../../src/model/stored-models.js';
import { foreignCodeFlags } from '../../src/plan/foreign-code.js';
import { readSettings } from '../../src/plan/settings.js';
import { listRecipes, loadRecipe } from '../../src/recipes/load.js';
import { parseRecipe } from '../../src/recipes/parse.js';

let base: string;
beforeAll(() => {
  base = mkdtempSync(path.join(os.tmpdir(), 'dynamo-recipes-'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const recipe = (variant: string): string => `
name: mine
title: Mine
family: x
licence: MIT
model:
  id: a/b
  served_name: mine
  context: 1000
  kv: { bytes_per_token: 10, derivation: "1 x 10" }
variants:
  - name: v
    engine: vllm
    checkpoint: a/b
    precision: fp8
    weights_gb: 1
    min_engine_version: 0.19.1
    hardware: [{ gpu: h200, count: 1, source: test }]
    why: test
${variant}`;

const problemsOf = (text: string): string[] => {
  const parsed = parseRecipe(text);
  return parsed.ok ? [] : parsed.problems.map(({ path: at, message }) => `${at}: ${message}`);
};

describe('the environment a recipe sets', () => {
  it.each([
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'PATH',
    'PYTHONPATH',
    'PYTHONSTARTUP',
    'NODE_OPTIONS',
    'HOME',
    'HTTPS_PROXY',
    'BASH_ENV',
    'DYNAMO_HOME',
  ])('cannot be %s', (name) => {
    expect(problemsOf(recipe(`    env: { ${name}: x }`)).join()).toContain(`env.${name}`);
  });

  it('is that of engines, and the user may set what he likes', () => {
    expect(
      problemsOf(
        recipe('    env: { VLLM_USE_FLASHINFER_MOE_FP4: "1", NCCL_DEBUG: INFO, HF_HUB_OFFLINE: "1" }'),
      ),
    ).toEqual([]);
    expect(readSettings({ 'env.LD_LIBRARY_PATH': '/x' }).settings.env).toEqual({ LD_LIBRARY_PATH: '/x' });
  });
});

describe('the arguments a recipe sets', () => {
  it.each([
    'host',
    'port',
    'config',
    'api-key',
    'uds',
    'allowed-local-media-path',
    'allowed-media-domains',
    'kv-events-config',
  ])('cannot be --%s', (flag) => {
    expect(problemsOf(recipe(`    args: { ${flag}: x }`)).join()).toContain(`args.${flag}`);
    expect(() => readSettings({ [`args.${flag}`]: 'x' })).toThrow(/is not possible/);
  });

  it('are words, never more than one argument', () => {
    expect(problemsOf(recipe('    args: { "x --trust-remote-code": y }')).join()).toContain(
      'flag without its dashes',
    );
    expect(problemsOf(recipe('    args: { "x;reboot": y }')).join()).toContain('flag without its dashes');
  });

  it.each([
    [['--trust-remote-code']],
    [['--trust_remote_code=true']],
    [['--middleware', 'evil.Middleware']],
    [['--worker-cls', 'evil.Worker']],
    [['--tool-parser-plugin', '/tmp/x.py']],
    [['--kv-transfer-config', '{"kv_connector":"X","kv_connector_module_path":"evil.x"}']],
    [['--kv-transfer-config.kv_connector_module_path', 'evil.x']],
  ])('that bring foreign code are known: %j', (engineArgs) => {
    expect(
      foreignCodeFlags({
        engine: 'vllm',
        engineArgs: ['--tensor-parallel-size', '8', ...engineArgs, '--dtype', 'auto'],
      }),
    ).toEqual([engineArgs[0]]);
  });

  it('that bring none are not taken for such', async () => {
    const plain = ['--dtype', 'auto', '--speculative-config.method', 'mtp', '--reasoning-parser', 'glm45'];
    expect(foreignCodeFlags({ engine: 'vllm', engineArgs: plain })).toEqual([]);
    expect(foreignCodeFlags({ engine: 'simulator', engineArgs: ['--trust-remote-code'] })).toEqual([]);
  });
});

describe('names', () => {
  it.each([
    '../../etc/passwd',
    '..',
    '.',
    '/etc/passwd',
    'a\0b',
    '%2e%2e',
    'smollm2/../../x',
  ])('of models and recipes stay in their folders: %j', async (name) => {
    await expect(removeModel(name, modelsDir(resolvePaths({ DYNAMO_HOME: base })))).rejects.toMatchObject({
      exit: 2,
    });
    await expect(loadRecipe(name, { userDir: base })).rejects.toMatchObject({ exit: 2 });
  });

  it('inside a recipe cannot leave it', () => {
    for (const name of ['../x', 'a/b', '/x', 'a b', '__proto__', ''])
      expect(problemsOf(recipe('').replace('name: mine', `name: "${name}"`)).length).toBeGreaterThan(0);
  });
});

describe('a recipe file', () => {
  it.each([
    ['tags that would run something', '!!js/function "function () { process.exit() }"'],
    ['a Python object', '!!python/object/apply:os.system ["true"]'],
    [
      'aliases that grow without end',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((c, at) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[at]}`).join(',')}]`).join('\n')}`,
    ],
    ['names of prototypes', '__proto__: { polluted: 1 }\nconstructor: { prototype: { polluted: 1 } }'],
  ])('with %s is refused, and nothing happens', async (_name, text) => {
    writeFileSync(path.join(base, 'evil.yaml'), text);
    await expect(loadRecipe(path.join(base, 'evil.yaml'), { userDir: base })).rejects.toMatchObject({
      code: 'invalid_recipe',
    });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    const evil = (await listRecipes({ userDir: base })).find(({ name }) => name === 'evil');
    expect(evil?.recipe).toBeNull();
  });
});
