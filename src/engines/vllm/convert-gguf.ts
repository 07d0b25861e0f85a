/** A GGUF model in the form vLLM loads (Hugging Face's folder), made once by the Python of vLLM's environment. */
import { execFile } from 'node:child_process';
import { access, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { DynamoError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import { requireDiskSpace } from '../../model/disk-space.js';
import { takePullLock } from '../../model/pull-lock.js';
import { recordsDir, verifyModel } from '../../model/verify.js';
import type { ModelRef } from '../../plan/types.js';
import { interpreterOf } from '../release.js';
import type { Phase } from '../types.js';
import { packageFile } from './package-file.js';

type GgufModel = Extract<ModelRef, { kind: 'gguf' }>;

/** Four-bit weights become sixteen-bit ones, and the tokenizer is written as JSON. */
const GROWTH = 4;

/**
 * The folder with the model's weights, tokenizer and chat template. Idempotent, safe to interrupt and to run twice at
 * once: the folder gets its name when it is whole, and the name carries the file's checksum. Rejects with
 * `model_corrupt`, `disk_full`, or `start_failed` when the conversion fails.
 */
export async function convertGguf(
  model: GgufModel,
  program: string,
  report: (phase: Phase) => void,
): Promise<string> {
  const { path: source, sha256: expected, name } = model;
  const parent = path.dirname(source);
  report({ name: 'checksum', progress: null });
  const sha256 = await verifyModel(source, { recordsDir: recordsDir(parent), expected, name });
  const base = path.basename(source).replace(/\.gguf$/i, '');
  const target = path.join(parent, `${base}-hf-${sha256.slice(0, 12)}`);
  if (await isThere(target)) return target;
  const release = await takePullLock(`${target}.lock`, {});
  try {
    if (await isThere(target)) return target;
    report({ name: 'convert', progress: null });
    await requireDiskSpace(parent, (await stat(source)).size * GROWTH);
    await removeLeftovers(target);
    await convert(program, source, target);
    return target;
  } finally {
    await release();
  }
}

async function convert(program: string, source: string, target: string): Promise<void> {
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    const python = await interpreterOf(program);
    if (python === null) throw new Error(`${program} is no Python script, so its interpreter is not known`);
    await promisify(execFile)(python, [packageFile('python/gguf-to-hf.py'), source, temporary], {
      timeout: LIMITS.convertMs,
      killSignal: 'SIGKILL',
      // Every file that is not there would be asked for, with retries of 50 s.
      env: { ...process.env, HF_HUB_OFFLINE: '1' },
    });
    await rename(temporary, target);
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const detail = `${source} could not be converted for vLLM: ${(stderr?.trim() || message).split('\n').at(-1)}`;
    const remedy = 'Install the engine again (`dynamo engine install vllm --cpu`), or take another recipe.';
    throw new DynamoError('start_failed', { detail, remedy }, { cause: error });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Of conversions that were killed; the caller holds the lock, so none is in use. */
async function removeLeftovers(target: string): Promise<void> {
  const parent = path.dirname(target);
  const prefix = `${path.basename(target)}.`;
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix) && name.endsWith('.tmp'));
  await Promise.all(names.map((name) => rm(path.join(parent, name), { recursive: true, force: true })));
}

const isThere = (folder: string): Promise<boolean> =>
  access(path.join(folder, 'config.json')).then(
    () => true,
    () => false,
  );
