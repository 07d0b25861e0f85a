/** The plan's model file, there and whole before a worker is started. */
import { access } from 'node:fs/promises';
import { DynamoError } from '../errors.js';
import { CATALOG } from '../model/catalog.js';
import { progressOutput } from '../model/progress-output.js';
import { pullModel } from '../model/pull.js';
import type { Plan } from '../plan/types.js';

/** Fetches a catalogue model with a progress bar on stderr; a user's own file must exist. Ctrl-C aborts cleanly. */
export async function ensureModel(plan: Plan, modelsDir: string): Promise<void> {
  const { model } = plan;
  if (model.kind !== 'gguf' || plan.engine === 'simulator') return;
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
  const abort = new AbortController();
  const onInterrupt = () => abort.abort();
  process.once('SIGINT', onInterrupt);
  try {
    await pullModel(model.name, {
      modelsDir,
      report: output.report,
      note: output.note,
      signal: abort.signal,
    });
  } finally {
    process.removeListener('SIGINT', onInterrupt);
    output.close();
  }
}
