/** Argv and environment of one vLLM worker. Pure. */
import type { Plan, WorkerPlan } from '../../plan/types.js';
import { kvEventsConfig, plannedEndpoints } from '../kv-events-config.js';
import { vllmTierArgs } from './tiers.js';

/**
 * Time from the start of a worker to its first answer. Weights of 700 GB take half an hour from a slow disk, and two
 * hours where vLLM fetches them first.
 */
export const READY_TIMEOUT_MS = 3 * 3_600_000;

/**
 * The complete command line. Before the stack has chosen sockets the printed plan shows where they will be.
 * Flags are those of vLLM 0.16-0.32; `minEngineVersion` of the plan says what the model itself needs.
 */
export function vllmCommand(plan: Plan, worker: WorkerPlan): Pick<WorkerPlan, 'file' | 'args' | 'env'> {
  return { file: 'vllm', args: vllmArgs(plan, worker), env: vllmEnv(plan, worker) };
}

function vllmArgs(plan: Plan, worker: WorkerPlan): string[] {
  const model = plan.model.kind === 'hub' ? plan.model.id : plan.model.path;
  const revision =
    plan.model.kind === 'hub' && plan.model.revision !== 'main' ? ['--revision', plan.model.revision] : [];
  return [
    'serve',
    model,
    ...revision,
    '--served-model-name',
    plan.servedModel,
    '--host',
    worker.host,
    '--port',
    String(worker.port),
    '--max-model-len',
    String(worker.contextTokens),
    '--block-size',
    String(worker.blockTokens),
    ...(plan.engineArgs ?? []),
    ...vllmTierArgs(plan),
    // Without it a priority is accepted and silently ignored.
    '--scheduling-policy',
    'priority',
    // Off by default; cached tokens, and so every hit rate, come from it.
    '--enable-prompt-tokens-details',
    '--kv-events-config',
    kvEventsConfig(worker.events ?? plannedEndpoints(worker.id), { enable_kv_cache_events: true }),
  ];
}

function vllmEnv(plan: Plan, worker: WorkerPlan): Record<string, string> {
  return {
    ...(worker.gpus.length > 0 ? { CUDA_VISIBLE_DEVICES: worker.gpus.join(',') } : {}),
    // `auto` puts the thread of every worker on the same processor.
    ...(worker.cpus === undefined ? {} : { VLLM_CPU_OMP_THREADS_BIND: worker.cpus.join(',') }),
    // Workers that share a disk tier must name equal blocks equally; older releases seed their hashes with it.
    PYTHONHASHSEED: '0',
    // Nothing leaves this machine unasked.
    VLLM_NO_USAGE_STATS: '1',
    // Processes that name themselves (`VLLM::EngineCore`) would write over the environment by which the supervisor finds them.
    SPT_NOENV: '1',
    // Its own limit, ten minutes, is shorter than large models take; ours holds.
    VLLM_ENGINE_READY_TIMEOUT_S: String(READY_TIMEOUT_MS / 1_000),
    ...plan.engineEnv,
  };
}
