/** The prompt room for one stack: the model's own tokenizer, proven against a worker, or the next best thing. */
import { simulatedPromptModel } from '../engines/simulator/prompt-model.js';
import { loadPromptModel, type PromptFile } from '../model/hub-tokenizer.js';
import type { PromptModel } from '../model/local-model.js';
import type { Plan } from '../plan/types.js';
import { engineTokenizer } from '../prompt/engine-tokenize.js';
import { selfCheck } from '../prompt/self-check.js';
import { createPromptService, type SwitchablePromptService } from '../prompt/service.js';
import { threadStarter } from '../prompt/start-thread.js';
import type { TelemetryEvent } from '../telemetry/types.js';
import { adapterOf } from './adapters.js';
import type { WorkerSet } from './worker-set.js';

/** Loads tokenizer and template; a model whose file says too little is used through the engine instead. `signal` ends its threads. */
export async function loadPrompt(
  plan: Plan,
  emit: (event: TelemetryEvent) => void,
  signal: AbortSignal,
): Promise<SwitchablePromptService> {
  const warn = (code: string, message: string): void => emit({ type: 'warning', code, message });
  const local = await localModel(plan).catch((error: Error) => error);
  if (local instanceof Error)
    warn('tokenizer_missing', `The prompt cannot be tokenized here: ${local.message}`);
  const file = promptFile(plan);
  const service = createPromptService({
    local: local instanceof Error ? null : local,
    ...(local instanceof Error || file === null ? {} : { startThread: threadStarter(file) }),
    blockTokens: plan.blockTokens,
    isExact: adapterOf(plan.engine).tokenIdsField !== undefined,
    warn: (sentence) => warn('tokenizer_fallback', sentence),
  });
  void service.learn();
  signal.addEventListener('abort', () => void service.close(), { once: true });
  return service;
}

async function localModel(plan: Plan): Promise<PromptModel | null> {
  // A simulated model has tokens of its own, whatever model it stands for.
  if (plan.engine === 'simulator') return simulatedPromptModel();
  const file = promptFile(plan);
  return file === null ? null : loadPromptModel(file);
}

/** Where tokenizer and template lie; null where no file has them. */
function promptFile({ engine, model, tokenizer }: Plan): PromptFile | null {
  if (engine === 'simulator') return null;
  if (tokenizer !== undefined) return { path: tokenizer, isModel: false };
  return model.kind === 'gguf' ? { path: model.path, isModel: true } : null;
}

/** Compares our tokens with the first ready worker's; the service switches by itself when they differ. */
export async function checkPrompt(
  service: SwitchablePromptService,
  plan: Plan,
  workers: WorkerSet,
): Promise<string> {
  const link = workers.anyLink();
  if (link === undefined) return 'no worker to compare with';
  const { detail } = await selfCheck(
    service,
    engineTokenizer((method, path, body) => link.json(method, path, body), plan.servedModel),
  );
  return detail;
}
