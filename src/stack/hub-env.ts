/** Under which settings an engine would look for its model, so that it is fetched to the same place. Pure. */
import type { Plan } from '../plan/types.js';

type Env = Record<string, string | undefined>;

/** Settings with which engines fetch from another hub than Hugging Face's. */
const OTHER_HUBS = ['VLLM_USE_MODELSCOPE', 'SGLANG_USE_MODELSCOPE'];

/** What the recipe sets counts as for its workers; null where the engine gets its model in another way, from elsewhere. */
export function hubEnv({ engineArgs = [], engineEnv }: Plan, own: Env): Env | null {
  const env = { ...own, ...engineEnv };
  if (OTHER_HUBS.some((name) => /^(?:1|true)$/i.test(env[name] ?? ''))) return null;
  const at = engineArgs.indexOf('--download-dir');
  return at < 0 ? env : { ...env, HF_HUB_CACHE: engineArgs[at + 1] };
}
