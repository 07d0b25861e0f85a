import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  isAlive,
  isLockLeft,
  lockHolder,
  readState,
  takeName,
  writeState,
} from '../../src/stack/state-file.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-state-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('a stack’s name', () => {
  it('is taken once, and free again when given back', () => {
    const release = takeName(dir, 'default', 'http://h:1');
    expect(() => takeName(dir, 'default', 'http://h:2')).toThrow(/already running at http:\/\/h:1/);
    expect(lockHolder(dir)).toEqual({ pid: process.pid, url: 'http://h:1' });
    release();
    expect(isLockLeft(dir)).toBe(false);
    takeName(dir, 'default', 'http://h:2')();
  });

  it('is taken over from a dead process', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    writeFileSync(path.join(dir, 'lock'), JSON.stringify({ pid: child.pid, startTime: '1', url: 'x' }));
    expect(lockHolder(dir)).toBeNull();
    takeName(dir, 'default', 'http://h:1')();
  });

  it.runIf(process.platform === 'linux')('is taken over from a reused pid', () => {
    writeFileSync(path.join(dir, 'lock'), JSON.stringify({ pid: process.pid, startTime: '1', url: 'x' }));
    expect(lockHolder(dir)).toBeNull();
    expect(isAlive({ pid: process.pid, startTime: '1' })).toBe(false);
  });

  it('is had by one of many that find a dead one’s at the same moment', async () => {
    const module = path.resolve(import.meta.dirname, '../../dist/src/stack/state-file.js');
    // All begin at one moment; who has the name keeps it until its stdin closes.
    const code = `const { takeName } = await import(${JSON.stringify(module)});
      const [dir, at] = process.argv.slice(1);
      while (Date.now() < Number(at)) {}
      try { takeName(dir, 'default', 'x'); console.log('mine'); } catch (error) { console.log(error.code); }
      process.stdin.resume();`;
    writeFileSync(path.join(dir, 'lock'), JSON.stringify({ pid: process.pid, startTime: '1', url: 'x' }));
    const at = String(Date.now() + 500);
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', code, dir, at], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    const said = await Promise.all(
      children.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])),
    );
    for (const { stdin } of children) stdin.end();
    expect(said.map((word) => word.trim()).sort()).toEqual(['mine', ...Array(3).fill('stack_running')]);
  });

  it('is taken over from an unreadable lock', () => {
    writeFileSync(path.join(dir, 'lock'), '{');
    takeName(dir, 'default', 'http://h:1')();
    expect(existsSync(path.join(dir, 'lock'))).toBe(false);
  });
});

describe('stack.json', () => {
  it('is read back, and null when missing, broken or of another version', () => {
    expect(readState(dir)).toBeNull();
    writeState(dir, { name: 'n', url: 'u', recipe: 'r', workers: [] });
    expect(readState(dir)).toMatchObject({ version: 1, name: 'n', pid: process.pid, workers: [] });
    writeFileSync(path.join(dir, 'stack.json'), '{"version": 99}');
    expect(readState(dir)).toBeNull();
    writeFileSync(path.join(dir, 'stack.json'), 'nonsense');
    expect(readState(dir)).toBeNull();
  });
});
