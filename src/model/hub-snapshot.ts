/**
 * Fetches a model of the hub before an engine is started: an engine would do it too, in silence and without asking whether
 * there is room. Files go into huggingface_hub's own cache, so that engines and other programs find them.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { LIMITS } from '../limits.js';
import { requireDiskSpace } from './disk-space.js';
import { HubCache } from './hub-cache.js';
import { failure, type HubFile, HubUnreachable, listHubFiles } from './hub-listing.js';
import { fetchFromHub, isOffline } from './hub-source.js';
import { PartialFile, WrongContent } from './partial-file.js';
import { Meter, type PullProgress } from './progress.js';
import { takePullLock } from './pull-lock.js';
import { type Environment, SourceFailure } from './source.js';

export interface SnapshotOptions {
  id: string;
  revision: string;
  env?: Environment;
  signal?: AbortSignal;
  /** `at` of `of` files that are missing, from 1. */
  report?: (file: string, at: number, of: number, progress: PullProgress) => void;
  clock?: () => number;
}

export interface Snapshot {
  /** Null offline, when the cache does not know the revision: the engine will say so. */
  commit: string | null;
  /** Files that were fetched now, and their bytes. */
  fetched: number;
  bytes: number;
}

/** Rejects with `hub_model`, `disk_full` or the signal's reason; what was fetched is kept, and the next try goes on. */
export async function fetchSnapshot(options: SnapshotOptions): Promise<Snapshot> {
  const { id, revision, env = process.env, signal } = options;
  const cache = new HubCache(env, id);
  if (isOffline(env)) return { commit: await cache.commitOf(revision), fetched: 0, bytes: 0 };
  const known = await cache.commitOf(revision);
  const listing = await listHubFiles({ id, revision }, env, signal).catch((error: unknown) => {
    // An engine starts from the cache then, as without dynamo.
    if (error instanceof HubUnreachable && known !== null) return null;
    throw error;
  });
  if (listing === null) return { commit: known, fetched: 0, bytes: 0 };
  const { commit, files } = listing;
  await mkdir(path.join(cache.dir, 'blobs'), { recursive: true });
  const release = await takePullLock(path.join(cache.dir, '.dynamo.lock'), { signal });
  try {
    const missing = files.filter((file) => !cache.has(file));
    const bytes = missing.reduce((sum, file) => sum + file.bytes, 0);
    await requireDiskSpace(cache.dir, bytes + LIMITS.modelDiskMarginBytes);
    for (const [at, file] of missing.entries())
      await fetchFile(file, commit, cache, options, (progress) =>
        options.report?.(file.name, at + 1, missing.length, progress),
      );
    for (const file of files) await cache.link(commit, file);
    await cache.remember(revision, commit);
    return { commit, fetched: missing.length, bytes };
  } finally {
    await release();
  }
}

async function fetchFile(
  file: HubFile,
  commit: string,
  cache: HubCache,
  { id, env = process.env, signal, clock = Date.now }: SnapshotOptions,
  report: (progress: PullProgress) => void,
): Promise<void> {
  const meter = new Meter(clock);
  const onBytes = (phase: PullProgress['phase'], done: number) => report(meter.at(phase, done, file.bytes));
  const partial = await PartialFile.open({ ...file, path: cache.blob(file) });
  try {
    onBytes('connecting', partial.bytes);
    // The commit, not the revision: a branch may move between two files.
    const source = { kind: 'hub', repo: id, revision: commit, file: file.name } as const;
    const context = { model: file, env, onBytes, ...(signal === undefined ? {} : { signal }) };
    await fetchFromHub(source, partial, context);
    onBytes('checking', partial.bytes);
    await partial.finish();
  } catch (error) {
    if (!(error instanceof SourceFailure || error instanceof WrongContent)) throw error;
    throw failure(id, `${file.name}: ${error.message}`, 'Try again; what was fetched is kept.');
  } finally {
    await partial.close();
  }
}
