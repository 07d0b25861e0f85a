/** SGLang as the supervisor sees it: the user's own, found on PATH. */
import path from 'node:path';
import { DynamoError } from '../../errors.js';
import { findProgram } from '../../plan/find-program.js';
import type { Plan, WorkerPlan } from '../../plan/types.js';
import { capabilitiesOf, priorityFor, releaseProblem } from '../capabilities.js';
import { isAtLeast, pythonVersion } from '../release.js';
import { scratchEnv } from '../scratch-env.js';
import type { EngineAdapter } from '../types.js';
import { READY_TIMEOUT_MS } from '../vllm/command.js';
import { sglangCommand } from './command.js';
import { classifyExit } from './exit-cause.js';
import { phaseOf } from './phases.js';

export const sglangAdapter: EngineAdapter = {
  name: 'sglang',
  // 503 until its own warm-up request is answered.
  healthPath: '/health',
  readyTimeoutMs: READY_TIMEOUT_MS,
  metrics: capabilitiesOf('sglang').metrics,
  locate,
  prepare: async (plan) => plan,
  command,
  phaseOf,
  classify: classifyExit,
  enginePriority: (priority) => priorityFor('sglang', priority),
};

async function locate(plan: Plan): Promise<Plan> {
  const file = await findProgram('sglang');
  const install = 'Install SGLang (`uv pip install sglang`) in an environment and put its `bin` on PATH.';
  if (file === null) throw missing('it is not on PATH', install);
  const version = await pythonVersion(file, ['sglang']);
  const least = plan.minEngineVersion ?? null;
  if (version !== null && least !== null && !isAtLeast(version, least))
    throw missing(`${file} is release ${version}, and this variant needs ${least} or newer`, install);
  const problem = releaseProblem('sglang', version);
  if (problem !== null) throw missing(problem, install);
  return { ...plan, program: { file, version } };
}

function command(plan: Plan, worker: WorkerPlan): ReturnType<EngineAdapter['command']> {
  const command = sglangCommand(plan, worker);
  const program = plan.program?.file;
  if (program === undefined) return command;
  // Kernels are compiled at run time with programs that lie beside it (ninja).
  const PATH = [path.dirname(program), process.env['PATH']].filter(Boolean).join(path.delimiter);
  return { ...command, file: program, env: { PATH, ...scratchEnv(worker), ...command.env } };
}

const missing = (detail: string, remedy: string): DynamoError =>
  new DynamoError('engine_missing', { engine: 'sglang', detail, remedy });
