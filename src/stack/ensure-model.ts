/** The plan's model file, there and whole before a worker is started. */
import { existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { DynamoError } from '../errors.js';
import { CATALOG } from '../model/catalog.js';
import { fetchSnapshot } from '../model/hub-snapshot.js';
import { type ProgressOutput, progressOutput } from '../model/progress-output.js';
import { pullModel } from '../model/pull.js';
import type { Plan } from '../plan/types.js';
import { hubEnv } from './hub-env.js';

/** Fetches a model of the catalogue or the hub with progress on stderr; a user's own file must exist. Ctrl-C aborts cleanly. */
export async function ensureModel(plan: Plan, modelsDir: string): Promise<void> {
  const { model } = plan;
  if (plan.engine === 'simulator' || plan.engine === 'external') return;
  if (model.kind === 'hub') return await ensureSnapshot(model, hubEnv(plan, process.env));
  const isKnown = CATALOG.some((entry) => entry.name === model.name);
  if (!isKnown) {
    const isThere = await access(model.path).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    throw new DynamoError('model_missing', { path: model.path, remedy: 'Check the path in the recipe.' });
  }
  const output = progressOutput(model.name, process.stderr);
  try {
    await untilInterrupted((signal) =>
      pullModel(model.name, { modelsDir, report: output.report, note: output.note, signal }),
    );
  } finally {
    output.close();
  }
}

/** Into the cache that engines look into, a line of progress per file; nothing when all is there. */
async function ensureSnapshot(
  { id, revision }: { id: string; revision: string },
  env: ReturnType<typeof hubEnv>,
): Promise<void> {
  if (env === null) return;
  // A folder or an address of another store is the engine's own business.
  if (existsSync(id) || !/^[\w.-]+\/[\w.-]+$/.test(id)) return;
  let line: { file: string; output: ProgressOutput } | undefined;
  try {
    await untilInterrupted((signal) =>
      fetchSnapshot({
        ...{ id, revision, env, signal },
        report: (file, at, of, progress) => {
          if (line?.file !== file) {
            line?.output.close();
            line = { file, output: progressOutput(`${file} (${at} of ${of})`, process.stderr) };
          }
          line.output.report(progress);
        },
      }),
    );
  } finally {
    line?.output.close();
  }
}

/** Ctrl-C aborts cleanly: what was fetched is kept. */
async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const onInterrupt = () => abort.abort();
  process.once('SIGINT', onInterrupt);
  try {
    return await work(abort.signal);
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
}
