/** The engines this build knows: how each is planned, and which it can start. */
import { embeddedAdapter } from '../engines/embedded/adapter.js';
import { externalAdapter } from '../engines/external/adapter.js';
import { sglangAdapter } from '../engines/sglang/adapter.js';
import { simulatorAdapter } from '../engines/simulator/adapter.js';
import type { EngineAdapter } from '../engines/types.js';
import { vllmAdapter } from '../engines/vllm/adapter.js';
import { DynamoError } from '../errors.js';
import type { EngineName, Plan, WorkerPlan } from '../plan/types.js';

const ADAPTERS: Partial<Record<EngineName, EngineAdapter>> = {
  embedded: embeddedAdapter,
  external: externalAdapter,
  sglang: sglangAdapter,
  simulator: simulatorAdapter,
  vllm: vllmAdapter,
};

/** The adapter of an engine; `engine_missing` for one that is planned for but cannot be started here. */
export function adapterOf(engine: EngineName): EngineAdapter {
  const adapter = ADAPTERS[engine];
  if (adapter !== undefined) return adapter;
  throw new DynamoError('engine_missing', {
    engine,
    detail: 'this version of dynamo plans for it but does not start it yet',
    remedy:
      'Run it simulated with `--simulate`, or use an embedded recipe: `dynamo recipe list` says which this host can run.',
  });
}

/** Argv and environment of a worker, for printing as well as for starting. */
export function commandOf(plan: Plan, worker: WorkerPlan): Pick<WorkerPlan, 'file' | 'args' | 'env'> {
  return adapterOf(plan.engine).command(plan, worker);
}
