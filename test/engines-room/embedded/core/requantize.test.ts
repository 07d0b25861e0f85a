/** Conversion of the default model by the real program in its own process. */
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCore } from '../../../../src/engines/embedded/core/create-core.js';
import { requantizeIfNeeded } from '../../../../src/engines/embedded/core/requantize.js';
import { loadModelFacts } from '../../../../src/model/facts.js';
import { hashFile } from '../../../../src/model/verify.js';
import { answer, chatOf, testModelPath } from './real-model.js';

vi.setConfig({ testTimeout: 120_000 });

const root = path.resolve(import.meta.dirname, '../../../..');
const dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-requantize-'));
// Beside node_modules, where the program finds koffi and the platform package, as from dist.
const program = path.join(root, 'node_modules', '.cache', `requantize-main-${process.pid}.mjs`);
const converted = (): string[] => readdirSync(dir).filter((name) => name.includes('Q8_0'));

beforeAll(async () => {
  const entry = path.join(root, 'src/engines/embedded/core/requantize-main.ts');
  await build({
    entryPoints: [entry],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
  });
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
  rmSync(program, { force: true });
});

describe('requantizing', () => {
  it('converts Q4_1 once to a Q8_0 model that answers, several starts at a time', async () => {
    const phases: string[] = [];
    const convert = () => requantizeIfNeeded(testModelPath(), dir, ({ name }) => phases.push(name), program);
    const [first, second] = await Promise.all([convert(), convert()]);
    expect(first).toEqual(second);
    expect(phases).toContain('requantize');
    expect(converted()).toEqual([path.basename(first.path)]);
    expect((await loadModelFacts(first.path)).fileType).toBe(7);
    expect(first.sha256).toBe(await hashFile(first.path));

    const made = statSync(first.path).mtimeMs;
    phases.length = 0;
    expect(await convert()).toEqual(first);
    expect(statSync(first.path).mtimeMs).toBe(made);
    expect(phases).not.toContain('requantize');

    const core = await createCore({
      modelPath: first.path,
      modelSha256: first.sha256,
      contextTokens: 512,
      slots: 1,
    });
    const { text } = await answer(core, chatOf(core, 'Name the capital of France.'), { maxTokens: 30 });
    await core.close();
    expect(text).toContain('Paris');
  });

  it('uses a model of another type as it is', async () => {
    const [name] = converted();
    const source = path.join(dir, name!);
    const used = await requantizeIfNeeded(source, path.join(dir, 'other'), undefined, program);
    expect(used).toEqual({ path: source, sha256: await hashFile(source) });
  });

  it('replaces a target that is not whole, and removes what a killed conversion left', async () => {
    const name = converted()[0]!;
    writeFileSync(path.join(dir, name), 'cut off');
    // A process id that cannot be alive: above the kernel's largest.
    const leftover = path.join(dir, `${name}.99999999-x.tmp`);
    writeFileSync(leftover, 'half');
    const { path: target, sha256 } = await requantizeIfNeeded(testModelPath(), dir, undefined, program);
    expect(path.basename(target)).toBe(name);
    expect(sha256).toBe(await hashFile(target));
    expect(existsSync(leftover)).toBe(false);
  });

  it('says why when the library cannot convert, and leaves nothing behind', async () => {
    const broken = path.join(dir, 'broken.gguf');
    copyFileSync(testModelPath(), broken);
    // The head is whole, the weights are cut: only the library can notice.
    truncateSync(broken, 20_000_000);
    await expect(requantizeIfNeeded(broken, dir, undefined, program)).rejects.toMatchObject({
      code: 'start_failed',
    });
    expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(converted()).toHaveLength(1);
  });
});
