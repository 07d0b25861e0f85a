/** The folder that takes the place of a harness's own configuration home. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makePrivateDir, type Paths, stackStateDir } from './paths.js';

export type HomeFile =
  | { kind: 'replaced'; path: string; text: string }
  | { kind: 'merged'; path: string; values: Record<string, unknown> };

/** `<state>/<stack>/harness/<name>`: kept, so that a harness finds its sessions again. */
export function harnessHome(paths: Paths, stack: string, harness: string): string {
  return path.join(stackStateDir(paths, stack), 'harness', harness);
}

/** A new empty folder only its owner can enter, and the function that removes it with all in it. */
export function temporaryHome(harness: string): { dir: string; remove: () => void } {
  const dir = mkdtempSync(path.join(os.tmpdir(), `dynamo-${harness}-`));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Writes each file whole, readable by its owner alone; merged files keep what the harness wrote there itself. */
export function writeHome(dir: string, files: readonly HomeFile[]): void {
  makePrivateDir(dir);
  for (const file of files) {
    mkdirSync(path.dirname(file.path), { recursive: true, mode: 0o700 });
    const text = file.kind === 'replaced' ? file.text : mergedText(file.path, file.values);
    const temporary = `${file.path}.${process.pid}.tmp`;
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, file.path);
  }
}

/** A file that is missing or no JSON object counts as empty: the harness could not read it either. */
function mergedText(file: string, values: Record<string, unknown>): string {
  let present: unknown = null;
  try {
    present = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Nothing to keep.
  }
  const kept = typeof present === 'object' && !Array.isArray(present) ? present : null;
  return `${JSON.stringify({ ...kept, ...values }, null, 2)}\n`;
}
