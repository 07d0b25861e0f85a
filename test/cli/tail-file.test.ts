import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { tailFile } from '../../src/cli/tail-file.js';

const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-tail-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('the end of a log', () => {
  const file = path.join(dir, 'a.log');

  it('is its last lines, or fewer when there are fewer', () => {
    writeFileSync(file, 'one\ntwo\nthree\n');
    expect(tailFile(file, 2)).toEqual(['two', 'three']);
    expect(tailFile(file, 10)).toEqual(['one', 'two', 'three']);
    expect(tailFile(file, 0)).toEqual([]);
  });

  it('is empty for an empty file', () => {
    writeFileSync(file, '');
    expect(tailFile(file, 5)).toEqual([]);
  });
});
