import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyModel } from '../../src/model/verify.js';

let folder: string;
let file: string;
let recordsDir: string;
const sum = (text: string) => createHash('sha256').update(text).digest('hex');

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'dynamo-verify-'));
  file = path.join(folder, 'model.gguf');
  recordsDir = path.join(folder, '.verified');
  writeFileSync(file, 'weights');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('verifyModel', () => {
  it('gives the sum and refuses another one', async () => {
    expect(await verifyModel(file, { expected: null, recordsDir })).toBe(sum('weights'));
    await expect(verifyModel(file, { expected: sum('other'), recordsDir, name: 'm' })).rejects.toMatchObject({
      code: 'model_corrupt',
      remedy: expect.stringContaining('dynamo model rm m'),
    });
    await expect(verifyModel(`${file}x`, { expected: null, recordsDir })).rejects.toMatchObject({
      code: 'model_missing',
    });
  });

  it('does not read an unchanged file again', async () => {
    await verifyModel(file, { expected: null, recordsDir });
    const record = path.join(recordsDir, readdirSync(recordsDir)[0]!);
    const { size, mtimeMs, ctimeMs } = statSync(file);
    // A record with a sum that no reading could give shows where the answer comes from.
    writeFileSync(record, JSON.stringify({ path: file, size, mtimeMs, ctimeMs, sha256: 'from the record' }));
    expect(await verifyModel(file, { expected: null, recordsDir })).toBe('from the record');
  });

  it('reads a changed file again, even one of the same size and time', async () => {
    const old = new Date(1_000_000_000_000);
    utimesSync(file, old, old);
    await verifyModel(file, { expected: null, recordsDir });
    writeFileSync(file, 'WEIGHTS');
    utimesSync(file, old, old);
    expect(await verifyModel(file, { expected: null, recordsDir })).toBe(sum('WEIGHTS'));
  });

  it('works with a damaged record and without a place for records', async () => {
    await verifyModel(file, { expected: null, recordsDir });
    writeFileSync(path.join(recordsDir, readdirSync(recordsDir)[0]!), '{"sha2');
    expect(await verifyModel(file, { expected: null, recordsDir })).toBe(sum('weights'));
    expect(await verifyModel(file, { expected: null, recordsDir: path.join(file, 'no-folder') })).toBe(
      sum('weights'),
    );
  });
});
