import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { RecordFiles, recordFolder } from '../../src/stack/record-files.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-record-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const LINE = `${'x'.repeat(99)}\n`;

async function write(files: RecordFiles, lines: number): Promise<void> {
  for (let n = 0; n < lines; n++) {
    if (files.needsFile()) files.begin(Date.UTC(2026, 0, 1), 'head\n');
    files.add(LINE);
    await files.flush();
  }
}

describe('record files', () => {
  it('begin a new file when one is full, each with its first line, for their owner only', async () => {
    const files = new RecordFiles(dir, { fileBytes: 250, totalBytes: 10_000 });
    await write(files, 7);
    await files.close();
    const names = readdirSync(dir).sort();
    expect(names).toHaveLength(3);
    for (const name of names) {
      expect(readFileSync(path.join(dir, name), 'utf8')).toMatch(/^head\n(x{99}\n)+$/);
      expect(statSync(path.join(dir, name)).mode & 0o777).toBe(0o600);
    }
    expect(files.stats()).toMatchObject({ files: 3, requests: 7, lost: 0, fault: null, bytes: 715 });
  });

  it('never take more than their bound: the oldest go, other people’s files stay', async () => {
    writeFileSync(path.join(dir, 'notes.jsonl'), 'mine');
    const files = new RecordFiles(dir, { fileBytes: 200, totalBytes: 900 });
    await write(files, 30);
    await files.close();
    const names = readdirSync(dir).sort();
    expect(names).toContain('notes.jsonl');
    expect(names.at(-2)).toMatch(/-0015\.jsonl$/);
    expect(files.stats().bytes).toBeLessThanOrEqual(900);
    expect(names.length).toBeGreaterThan(2);
  });

  it('lose lines, and count them, when the disk cannot follow', async () => {
    const files = new RecordFiles(dir);
    files.begin(0, 'head\n');
    const large = 'y'.repeat(LIMITS.recordBufferBytes / 4);
    const taken = Array.from({ length: 5 }, () => files.add(large));
    expect(taken).toEqual([true, true, true, false, false]);
    expect(files.stats()).toMatchObject({ requests: 3, lost: 2 });
    await files.flush();
    expect(files.add('z\n')).toBe(true);
    await files.close();
  });

  it('end with a fault, not with the stack, when the folder goes away', async () => {
    const files = new RecordFiles(dir);
    rmSync(dir, { recursive: true });
    await write(files, 2);
    expect(files.stats().fault).toMatch(/ENOENT/);
    expect(files.add(LINE)).toBe(false);
    await files.close();
  });

  it('are refused before the start where nothing can be written', () => {
    const file = path.join(dir, 'file');
    writeFileSync(file, '');
    expect(() => recordFolder(path.join(file, 'below'))).toThrow(/Nothing can be recorded/);
    expect(recordFolder(path.join(dir, 'new', 'folder'))).toBe(path.join(dir, 'new', 'folder'));
  });
});
