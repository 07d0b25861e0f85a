/** A folder as vLLM fills it: `<model>_r0/<hhh>/<hh>_g0/<hash>.bin`. */
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { EngineFiles } from '../../src/cache/engine-files.js';
import { folder } from './pages.js';

const NOW = 1_000_000_000;
const put = (dir: string, name: string, ageS: number, bytes = 100): string => {
  const file = path.join(dir, 'model_r0', name.slice(0, 3), `${name.slice(3, 5)}_g0`, `${name}.bin`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, Buffer.alloc(bytes));
  utimesSync(file, NOW / 1_000 - ageS, NOW / 1_000 - ageS);
  return file;
};

describe('a folder that engines only fill', () => {
  it('loses its oldest files over its quota, no folder, and nothing of the last minute', async () => {
    const dir = folder();
    const old = [300, 400, 500].map((age) => put(dir, `aaaaa${age}`, age));
    const fresh = [10, 20].map((age) => put(dir, `bbbbb${age}`, age));
    writeFileSync(path.join(dir, 'config.json'), '{}');
    const keeper = new EngineFiles({ dir, bytesMax: 320, now: () => NOW });
    expect(await keeper.sweep()).toEqual({ bytes: 300, files: 3, evicted: 2 });
    expect(old.map((file) => existsSync(file))).toEqual([true, false, false]);
    expect(fresh.every((file) => existsSync(file))).toBe(true);
    expect(existsSync(path.join(dir, 'config.json'))).toBe(true);
    expect(readdirSync(path.join(dir, 'model_r0'))).toHaveLength(2);
  });

  it('is left alone within it, and over it while all is fresh', async () => {
    const dir = folder();
    put(dir, 'aaaaa1', 5, 1_000);
    expect(await new EngineFiles({ dir, bytesMax: 2_000, now: () => NOW }).sweep()).toMatchObject({
      evicted: 0,
    });
    expect(await new EngineFiles({ dir, bytesMax: 10, now: () => NOW }).sweep()).toEqual({
      bytes: 1_000,
      files: 1,
      evicted: 0,
    });
  });

  it('that is gone is told', async () => {
    const keeper = new EngineFiles({ dir: '/nowhere/at/all', bytesMax: 1 });
    await expect(keeper.sweep()).rejects.toThrow(/ENOENT/);
  });
});
