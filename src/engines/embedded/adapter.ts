/** The embedded engine as the supervisor sees it. */
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { recordsDir, verifyModel } from '../../model/verify.js';
import type { Plan, WorkerPlan } from '../../plan/types.js';
import type { EngineAdapter, Phase } from '../types.js';
import { requantizeIfNeeded } from './core/requantize.js';
import { classifyExit } from './exit-cause.js';
import { TOKEN_IDS_FIELD } from './types.js';

const SLOTS_DEFAULT = 4;

/** Model file in use per plan source, once prepared. */
const prepared = new Map<string, { path: string; sha256: string }>();

export const embeddedAdapter: EngineAdapter = {
  name: 'embedded',
  healthPath: '/health',
  tokenIdsField: TOKEN_IDS_FIELD,
  readyTimeoutMs: 60_000,
  metrics: {
    running: 'vllm:num_requests_running',
    waiting: 'vllm:num_requests_waiting',
    kvUsage: 'vllm:kv_cache_usage_perc',
  },
  prepare,
  command,
  phaseOf,
  classify: classifyExit,
  // vLLM's dialect: lower first.
  enginePriority: (priority) => (priority === 0 ? undefined : -priority),
};

/** Checksum, and the conversion to a faster tensor type where the recipe asks for it. */
async function prepare(plan: Plan, report: (phase: Phase) => void): Promise<void> {
  if (plan.model.kind !== 'gguf') return;
  const { path: source, sha256: expected } = plan.model;
  const dir = path.dirname(source);
  report({ name: 'checksum', progress: null });
  const sha256 = await verifyModel(source, { recordsDir: recordsDir(dir), expected, name: plan.model.name });
  const isConverted = plan.requantize === 'q8_0' && (await isWritable(dir));
  prepared.set(
    source,
    isConverted ? await requantizeIfNeeded(source, dir, report) : { path: source, sha256 },
  );
}

/** A user's own file may lie in a folder nobody may write to: it is then used as it is. */
async function isWritable(dir: string): Promise<boolean> {
  return access(dir, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Before `prepare` the argv names the file of the plan: what `dynamo plan` prints. */
function command(plan: Plan, worker: WorkerPlan): ReturnType<EngineAdapter['command']> {
  const source = plan.model.kind === 'gguf' ? plan.model.path : plan.model.id;
  const model = prepared.get(source);
  const { events } = worker;
  const args = [
    fileURLToPath(new URL('./main.js', import.meta.url)),
    ...['--model', model?.path ?? source],
    ...(model === undefined ? [] : ['--model-sha256', model.sha256]),
    ...[plan.servedModel, ...plan.aliases].flatMap((name) => ['--served-name', name]),
    ...['--host', worker.host, '--port', String(worker.port)],
    ...['--context', String(worker.contextTokens), '--slots', String(worker.slots ?? SLOTS_DEFAULT)],
    ...(events === null
      ? []
      : ['--events', events.events, '--replay', events.replay, '--topic', events.topic]),
  ];
  return { file: process.execPath, args, env: {} };
}

function phaseOf(line: string): Phase | null {
  const name = /^phase (\w+)/.exec(line)?.[1];
  return name === undefined ? null : { name, progress: null };
}
