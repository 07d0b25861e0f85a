/** `dynamo bench cache`: the default model, converted as the stack would, then the measurements. */
import { modelsDir, type Paths } from '../cli/paths.js';
import { adapterOf } from '../stack/adapters.js';
import { ensureModel } from '../stack/ensure-model.js';
import { resolvePlan } from '../stack/resolve-plan.js';
import { benchCache, type CacheBenchOptions, type CacheBenchResult } from './cache.js';

export interface RunCacheOptions extends Omit<CacheBenchOptions, 'modelPath'> {
  paths: Paths;
}

export async function runCacheBench({ paths, ...options }: RunCacheOptions): Promise<CacheBenchResult> {
  const { plan } = await resolvePlan({ recipe: 'smollm2', set: {} }, paths);
  await ensureModel(plan, modelsDir(paths));
  const prepared = await adapterOf(plan.engine).prepare(plan, () => {});
  const modelPath = prepared.model.kind === 'gguf' ? prepared.model.path : prepared.model.id;
  return benchCache({ ...options, modelPath });
}
