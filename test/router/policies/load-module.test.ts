import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isModulePath } from '../../../src/router/policies/load-module.js';
import { policyMaker } from '../../../src/router/policies/load-policy.js';
import { checkRouter } from '../../../src/stack/check-router.js';

const examples = path.resolve(import.meta.dirname, '../../../examples/routers');
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-router-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const at = path.join(dir, name);
  writeFileSync(at, text);
  return at;
}

describe('a router file', () => {
  it.each([
    ['missing.mjs', null, /does not exist/],
    ['router.txt', 'export default 1', /no \.mjs or \.js file/],
    ['syntax.mjs', 'export default {', /cannot be loaded: /],
    ['throws.mjs', 'throw new Error("on load")', /cannot be loaded: Error: on load/],
    ['empty.mjs', 'export const select = () => 0', /its default export has no `select`/],
    [
      'maker.mjs',
      'export default () => { throw new Error("no") }',
      /fails when it makes its router: Error: no/,
    ],
    ['hook.mjs', 'export default { select: () => "w0", onOutcome: 3 }', /`onOutcome` is no function/],
    ['name.mjs', 'export default { name: "a b", select: () => "w0" }', /`name` must be/],
    ['bad.mjs', 'export default { select: () => [1] }', /asked about two idle workers.*1 scores for 2/],
    ['large.mjs', `//${' '.repeat(1024 * 1024)}\nexport default { select: () => "w0" }`, /larger than/],
  ])('%s is a usage error that says why', async (name, text, message) => {
    const at = text === null ? path.join(dir, name) : file(name, text);
    await expect(checkRouter(at.endsWith('.txt') ? `./${path.relative('.', at)}` : at)).rejects.toMatchObject(
      {
        code: 'usage',
        exit: 2,
        message: expect.stringMatching(message),
        remedy: expect.stringContaining('docs/routers.md'),
      },
    );
  });

  it('becomes an absolute path; a name stays one', async () => {
    const at = file('good.mjs', 'export default { select: (_r, [first]) => first.worker }');
    expect(path.isAbsolute(await checkRouter(path.relative(process.cwd(), at)))).toBe(true);
    expect(await checkRouter('power-of-two')).toBe('power-of-two');
    await expect(checkRouter('fastest')).rejects.toMatchObject({ code: 'usage' });
  });

  it('that exports a function starts anew each time', async () => {
    const text =
      'export default () => { let n = 0; return { select: (_r, all) => all[n++ % all.length].worker } }';
    const make = await policyMaker(file('state.mjs', text));
    const candidates = ['a', 'b'].map((worker) => ({
      worker,
      overlap: { gpu: 0, cpu: 0, disk: 0, remote: 0 },
      load: { activeRequests: 0, prefillTokens: 0, decodeBlocks: 0, waiting: 0 },
      kvBlocks: 0,
      liveBlocks: 0,
      isHome: false,
      prefillMsPerToken: 1,
    }));
    const request = {
      id: 'r',
      promptTokens: 64,
      blockTokens: 16,
      promptBlocks: 4,
      expectedOutputTokens: 1,
      priority: 0,
    };
    const first = make();
    const ask = (policy = first) => policy.select(request, candidates, { random: 0, turn: 0 }).worker;
    expect([ask(), ask()]).toEqual(['a', 'b']);
    expect(ask(make())).toBe('a');
    expect(first.name).toBe('state');
  });

  it('is told from a name', () => {
    expect(['./a.mjs', 'a.mjs', 'b/c', '/x.js'].every(isModulePath)).toBe(true);
    expect(['kv', 'round-robin'].some(isModulePath)).toBe(false);
  });
});

describe('the examples', () => {
  it('type-check against the interface that docs/routers.md names', () => {
    const files = ['thompson.mjs', 'least-cost-session.mjs'].map((name) => path.join(examples, name));
    const tsc = path.resolve(examples, '../../node_modules/typescript/bin/tsc');
    const flags = '--allowJs --checkJs --noEmit --strict --skipLibCheck --allowImportingTsExtensions';
    const target =
      '--target es2022 --lib es2023 --module nodenext --moduleResolution nodenext --ignoreConfig';
    const args = [tsc, ...`${flags} ${target}`.split(' '), '--types', '', ...files];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});
