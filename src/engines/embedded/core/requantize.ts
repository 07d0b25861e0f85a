/**
 * One-time conversion of a model to a type with fast kernels. Q4_1 has none in ggml; as Q8_0 the same model
 * prefills about twice as fast with the same answers, and converting 98 MB takes half a second.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DynamoError } from '../../../errors.js';
import { isRunning } from '../../../is-running.js';
import { LIMITS } from '../../../limits.js';
import { requireDiskSpace } from '../../../model/disk-space.js';
import { loadModelFacts } from '../../../model/facts.js';
import { recordsDir, verifyModel } from '../../../model/verify.js';
import type { Phase } from '../../types.js';

/** `general.file_type` of the types that are converted. */
const Q4_1 = 3;
const Q8_0 = 7;
/** Q8_0 takes 34 bytes per 32 weights, Q4_1 20. */
const GROWTH = 34 / 20;

export interface ModelFile {
  path: string;
  /** Of the file at `path`, hex; remembered in `<targetDir>/.verified` by size and times. */
  sha256: string;
}

/**
 * The file to load for a model: converted into `targetDir` when its type is a slow one, else the source itself.
 * Idempotent, safe to interrupt and to run in several processes at once. Rejects with `model_missing`,
 * `model_invalid`, `disk_full`, or `start_failed` when the conversion fails.
 */
export async function requantizeIfNeeded(
  sourcePath: string,
  targetDir: string,
  onProgress: (phase: Phase) => void = () => {},
  program: string = fileURLToPath(new URL('./requantize-main.js', import.meta.url)),
): Promise<ModelFile> {
  const facts = await loadModelFacts(sourcePath);
  const checksum = { recordsDir: recordsDir(targetDir), expected: null };
  const sourceSha256 = await verifyModel(sourcePath, checksum);
  if (facts.fileType !== Q4_1) return { path: sourcePath, sha256: sourceSha256 };
  const target = targetPath(sourcePath, targetDir, sourceSha256);
  if (!(await isConverted(target))) {
    onProgress({ name: 'requantize', progress: null });
    await mkdir(targetDir, { recursive: true });
    await requireDiskSpace(targetDir, facts.fileBytes * GROWTH);
    await removeLeftovers(target);
    await convert(program, sourcePath, target);
  }
  onProgress({ name: 'checksum', progress: null });
  return { path: target, sha256: await verifyModel(target, checksum) };
}

/** The name carries the source's checksum: another source never finds this one's conversion. */
function targetPath(sourcePath: string, targetDir: string, sourceSha256: string): string {
  const name = path
    .basename(sourcePath)
    .replace(/\.gguf$/i, '')
    .replace(/[-_.]?q4_1$/i, '');
  return path.join(targetDir, `${name}-Q8_0-${sourceSha256.slice(0, 12)}.gguf`);
}

/** Only whole files get the name, but a disk that filled up or a stray copy must not stop every later start. */
async function isConverted(target: string): Promise<boolean> {
  const facts = await loadModelFacts(target).catch(() => null);
  return facts?.fileType === Q8_0;
}

async function convert(program: string, source: string, target: string): Promise<void> {
  const temporary = `${target}.${process.pid}-${randomUUID()}.tmp`;
  try {
    await promisify(execFile)(process.execPath, [program, source, temporary], {
      timeout: LIMITS.requantizeMs,
    });
    if ((await stat(temporary)).size === 0) throw new Error('the result is empty');
    await rename(temporary, target);
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const detail = `${source} could not be converted to Q8_0: ${(stderr?.trim() || message).split('\n').at(-1)}`;
    const remedy = 'Check the file with `dynamo model list`, or set `requantize: null` in the recipe.';
    throw new DynamoError('start_failed', { detail, remedy }, { cause: error });
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Temporary files of conversions whose process is gone. */
async function removeLeftovers(target: string): Promise<void> {
  const dir = path.dirname(target);
  const prefix = `${path.basename(target)}.`;
  for (const name of await readdir(dir)) {
    const pid = Number(/^(\d+)-.*\.tmp$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : '')?.[1]);
    if (pid > 0 && !isRunning(pid)) await rm(path.join(dir, name), { force: true });
  }
}
