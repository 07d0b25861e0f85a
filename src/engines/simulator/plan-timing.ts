/** A planned worker as numbers the simulator can time: its model on its GPUs. */
import { familyOf } from '../../plan/hardware.js';
import type { HostSnapshot, Plan, WorkerPlan } from '../../plan/types.js';
import type { Recipe, Variant } from '../../recipes/schema.js';
import { gpuRates, rooflineTiming } from './timing.js';
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
  const variant = recipe.variants.find(({ name }) => name === plan.variant) as Variant;
  const gpus = Math.max(1, worker.gpus.length);
  const gpu = host.gpus[worker.gpus[0] ?? 0];
  const family = gpu === undefined ? null : familyOf(gpu.name);
  const { total_b: total, active_b: active } = recipe.model.parameters ?? PARAMETERS_B;
  const weightBytes = ('weights_gb' in variant && variant.weights_gb ? variant.weights_gb : total * 2) * 1e9;
  const timing = rooflineTiming({
    activeParameters: active * 1e9,
    weightBytes,
    activeWeightBytes: weightBytes * Math.min(1, active / total),
    kvBytesPerToken: variant.kv_bytes_per_token ?? recipe.model.kv?.bytes_per_token ?? 0,
    ...(family === null ? CPU_RATES : gpuRates(family, gpus)),
  });
  return {
    timing,
    kvTokens: worker.kvBlocks === null ? null : worker.kvBlocks * worker.blockTokens,
    workers: plan.workers.length,
    description: `${recipe.title} on ${family === null ? 'CPU' : `${gpus} × ${family.toUpperCase()}`} a worker, roofline timing`,
  };
}
