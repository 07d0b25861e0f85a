/** A planned worker as numbers the simulator can time: its model on its GPUs. */
import { familyOf } from '../../plan/hardware.js';
import type { HostSnapshot, Plan, WorkerPlan } from '../../plan/types.js';
import type { Recipe, Variant } from '../../recipes/schema.js';
import { gpuRates, type RooflineFacts, rooflineTiming } from './timing.js';
import type { PassTiming } from './types.js';

export interface SimulatedShape {
  timing: PassTiming;
  /** Tokens of KV one worker holds; null when the plan does not know. */
  kvTokens: number | null;
  workers: number;
  /** For people: model, GPUs. */
  description: string;
}

/** A host without GPUs computes on its cores: the memory bandwidth and vector units of two server cores. */
const CPU_RATES = { bytesPerSecond: 2e10, flopsPerSecond: 2e11 };
/** A model that does not say how large it is. */
const PARAMETERS_B = { total_b: 8, active_b: 8 };

/** Throws nothing; a model or GPU it does not know is timed as an 8 B model or an H100. */
export function simulatedShape(recipe: Recipe, plan: Plan, host: HostSnapshot): SimulatedShape {
  const worker = plan.workers[0] as WorkerPlan;
  return {
    timing: rooflineTiming(rooflineFacts(recipe, plan, host)),
    kvTokens: worker.kvBlocks === null ? null : worker.kvBlocks * worker.blockTokens,
    workers: plan.workers.length,
    description: `${recipe.title} on ${hardwareOf(plan, host)} a worker, roofline timing`,
  };
}

/** The figures of one worker of a plan, before it is simulated or after. */
export function rooflineFacts(recipe: Recipe, plan: Plan, host: HostSnapshot): RooflineFacts {
  const variant = recipe.variants.find(({ name }) => name === plan.variant) as Variant;
  const worker = plan.workers[0] as WorkerPlan;
  const family = familyOfWorker(worker, host);
  const { total_b: total, active_b: active } = recipe.model.parameters ?? PARAMETERS_B;
  const gpus = Math.max(1, worker.gpus.length);
  const kvBytes = variant.kv_bytes_per_token ?? recipe.model.kv?.bytes_per_token ?? 0;
  const weightBytes = ('weights_gb' in variant && variant.weights_gb ? variant.weights_gb : total * 2) * 1e9;
  return {
    activeParameters: active * 1e9,
    weightBytes,
    activeWeightBytes: weightBytes * Math.min(1, active / total),
    // What every GPU keeps whole, every GPU reads whole.
    kvBytesPerToken: kvBytes * (recipe.model.kv?.sharding === 'replicated' ? gpus : 1),
    ...(family === null ? CPU_RATES : gpuRates(family, gpus)),
  };
}

/** What one worker runs on: `8 × H200`, `CPU`. */
export function hardwareOf({ workers }: Plan, host: HostSnapshot): string {
  const worker = workers[0] as WorkerPlan;
  const family = familyOfWorker(worker, host);
  return family === null ? 'CPU' : `${worker.gpus.length} × ${family.toUpperCase()}`;
}

function familyOfWorker({ gpus }: WorkerPlan, host: HostSnapshot): string | null {
  const gpu = host.gpus.find(({ index }) => index === gpus[0]);
  return gpu === undefined ? null : gpu.family || familyOf(gpu.name) || 'unknown GPU';
}
