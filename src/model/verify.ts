/**
 * Checksums of model files, remembered. Hashing 98 MB takes some 0.1-0.3 s, too long for every start, so the
 * sum is kept with the file's size and times and computed again when any of them changed.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DynamoError } from '../errors.js';

interface ChecksumRecord {
  path: string;
  size: number;
  mtimeMs: number;
  ctimeMs: number;
  sha256: string;
}

export interface VerifyOptions {
  /** Folder the records are kept in; `<modelsDir>/.verified` in the product. */
  recordsDir: string;
  /** Sum the file must have, hex; null accepts any. */
  expected: string | null;
  /** Name used in the error's remedy. */
  name?: string;
}

/**
 * SHA-256 of the file, hex. Rejects with `model_missing`, or `model_corrupt` when it is not the expected one.
 * Records that cannot be written (read-only folder) only cost the next call its time.
 */
export async function verifyModel(file: string, options: VerifyOptions): Promise<string> {
  const resolved = path.resolve(file);
  const sha256 = await rememberedSum(resolved, options.recordsDir);
  if (options.expected !== null && sha256 !== options.expected) {
    const name = options.name ?? path.basename(file);
    throw new DynamoError('model_corrupt', { path: file, actual: sha256, expected: options.expected, name });
  }
  return sha256;
}

export const recordsDir = (modelsDir: string): string => path.join(modelsDir, '.verified');

async function rememberedSum(file: string, dir: string): Promise<string> {
  const facts = await fileFacts(file);
  const recordFile = path.join(dir, `${createHash('sha256').update(file).digest('hex').slice(0, 16)}.json`);
  const known = await readRecord(recordFile);
  const isCurrent =
    known?.path === file &&
    known.size === facts.size &&
    known.mtimeMs === facts.mtimeMs &&
    known.ctimeMs === facts.ctimeMs;
  if (isCurrent) return known.sha256;
  const sha256 = await hashFile(file);
  await writeRecord(recordFile, { path: file, ...facts, sha256 });
  return sha256;
}

async function fileFacts(file: string): Promise<Pick<ChecksumRecord, 'size' | 'mtimeMs' | 'ctimeMs'>> {
  try {
    const { size, mtimeMs, ctimeMs } = await stat(file);
    return { size, mtimeMs, ctimeMs };
  } catch (error) {
    const remedy = 'Check the path, or run `dynamo model pull`.';
    throw new DynamoError('model_missing', { path: file, remedy }, { cause: error });
  }
}

async function readRecord(file: string): Promise<ChecksumRecord | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is ChecksumRecord {
  return typeof value === 'object' && value !== null && typeof (value as ChecksumRecord).sha256 === 'string';
}

async function writeRecord(file: string, record: ChecksumRecord): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(temporary, JSON.stringify(record));
    await rename(temporary, file);
  } catch {
    // Only a saving of time is lost.
  }
}

/** SHA-256 of a file's bytes, hex. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
