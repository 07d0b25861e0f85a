/** A worker's folder for what its engine leaves behind. */
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { makeScratchFolder } from '../../src/stack/scratch-folder.js';

it('is empty, private, short, and the same at the next start of that worker', () => {
  const runtime = path.join('/nonexistent', `scratch-${process.pid}`);
  const folder = makeScratchFolder(runtime, 'w63');
  try {
    writeFileSync(path.join(folder, 'left'), '');
    expect(makeScratchFolder(runtime, 'w63')).toBe(folder);
    expect(existsSync(path.join(folder, 'left'))).toBe(false);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    // A socket named by a UUID must fit into an address.
    expect(path.basename(folder).length).toBeLessThan(45);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const other = makeScratchFolder(`${runtime}-other`, 'w63');
  rmSync(other, { recursive: true });
  expect(other).not.toBe(folder);
});
