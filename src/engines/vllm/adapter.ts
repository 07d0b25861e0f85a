/** vLLM as the supervisor sees it: on GPUs, or on processors with the build for them. */
import path from 'node:path';
import type { Plan, WorkerPlan } from '../../plan/types.js';
import { capabilitiesOf, priorityFor } from '../capabilities.js';
import { scratchEnv } from '../scratch-env.js';
import type { EngineAdapter, Phase } from '../types.js';
import { READY_TIMEOUT_MS, vllmCommand } from './command.js';
import { VLLM_CONTINUATION } from './continuation.js';
import { convertGguf } from './convert-gguf.js';
import { classifyExit } from './exit-cause.js';
import { requireVllm } from './find-program.js';
import { phaseOf } from './phases.js';

export const vllmAdapter: EngineAdapter = {
  name: 'vllm',
  healthPath: '/health',
  // Guards its `/v1` routes: the only ones that compute or tell of prompts.
  keyVariable: 'VLLM_API_KEY',
  readyTimeoutMs: READY_TIMEOUT_MS,
  metrics: capabilitiesOf('vllm').metrics,
  continuation: VLLM_CONTINUATION,
  locate,
  prepare,
  command,
  phaseOf,
  classify: classifyExit,
  // Lower first, with `--scheduling-policy priority`, which every worker is started with.
  enginePriority: (priority) => priorityFor('vllm', priority),
};

async function locate(plan: Plan, dataDir: string): Promise<Plan> {
  const build = isOnProcessors(plan) ? 'cpu' : 'cuda';
  const minVersion = plan.minEngineVersion ?? null;
  const { file, version } = await requireVllm({ build, minVersion }, dataDir);
  return { ...plan, program: { file, version } };
}

/** A model that is only at hand as a GGUF file is converted to the form vLLM loads. */
async function prepare(plan: Plan, report: (phase: Phase) => void): Promise<Plan> {
  if (plan.model.kind !== 'gguf' || plan.program === undefined) return plan;
  const folder = await convertGguf(plan.model, plan.program.file, report);
  return { ...plan, model: { ...plan.model, path: folder } };
}

function command(plan: Plan, worker: WorkerPlan): ReturnType<EngineAdapter['command']> {
  const command = vllmCommand(plan, worker);
  const program = plan.program?.file;
  if (program === undefined) return command;
  // Kernels are compiled at run time with programs that lie beside it (ninja).
  const PATH = [path.dirname(program), process.env['PATH']].filter(Boolean).join(path.delimiter);
  return { ...command, file: program, env: { PATH, ...scratchEnv(worker), ...command.env } };
}

const isOnProcessors = ({ workers }: Plan): boolean => workers.some(({ cpus }) => cpus !== undefined);
