/** Argv and environment of one SGLang worker. Pure. */
import type { EventEndpoints, Plan, WorkerPlan } from '../../plan/types.js';
import { kvEventsConfig, plannedEndpoints } from '../kv-events-config.js';
import { sglangTierArgs, sglangTierEnv } from './tiers.js';

/**
 * The complete command line; flags are those of SGLang 0.5.11-0.5.23, whose own parser takes them (`npm run
 * test:engines`). Before the stack has chosen sockets the printed plan shows where they will be.
 */
export function sglangCommand(plan: Plan, worker: WorkerPlan): Pick<WorkerPlan, 'file' | 'args' | 'env'> {
  return { file: 'sglang', args: sglangArgs(plan, worker), env: sglangEnv(plan, worker) };
}

function sglangArgs(plan: Plan, worker: WorkerPlan): string[] {
  const { model } = plan;
  const source = model.kind === 'hub' ? model.id : model.path;
  const revision = model.kind === 'hub' && model.revision !== 'main' ? ['--revision', model.revision] : [];
  const events: EventEndpoints = worker.events ?? plannedEndpoints(worker.id);
  return [
    ...['serve', '--model-path', source, ...revision],
    ...['--served-model-name', plan.servedModel],
    ...['--host', worker.host, '--port', String(worker.port)],
    ...['--context-length', String(worker.contextTokens)],
    // Blocks of one token, its default, would make an event of every token.
    ...['--page-size', String(worker.blockTokens)],
    ...(plan.engineArgs ?? []),
    ...sglangTierArgs(plan, worker),
    '--enable-priority-scheduling',
    // A request without a priority would come after all others, and running ones would be put back for any other.
    ...['--default-priority-value', '0', '--disable-priority-preemption'],
    // Off by default; cached tokens, load and so every hit rate come from them.
    '--enable-cache-report',
    '--enable-metrics',
    ...['--kv-events-config', kvEventsConfig(events)],
  ];
}

function sglangEnv(plan: Plan, worker: WorkerPlan): Record<string, string> {
  return {
    ...(worker.gpus.length > 0 ? { CUDA_VISIBLE_DEVICES: worker.gpus.join(',') } : {}),
    // Processes that name themselves (`sglang::scheduler`) would write over the environment by which the supervisor finds them.
    SPT_NOENV: '1',
    ...sglangTierEnv(plan),
    ...plan.engineEnv,
  };
}
