/** The GPUs of the plan in the snapshot: sampled where they are real, reckoned and marked where workers only pretend. */
import type { Plan } from '../plan/types.js';
import { sampleGpus } from '../supervisor/gpu-sampler.js';
import type { GpuSnapshot, StampedEvent, TelemetryEvent } from '../telemetry/types.js';

export interface GpuWatch {
  /** Events of the stack: what pretended GPUs do follows from their workers' load. */
  apply(event: StampedEvent): void;
  close(): Promise<void>;
}

const EVERY_MS = 2_000;

/** Null for a plan without GPUs. */
export async function watchGpus(plan: Plan, emit: (event: TelemetryEvent) => void): Promise<GpuWatch | null> {
  const indices = new Set(plan.workers.flatMap(({ gpus }) => gpus));
  if (indices.size === 0) return null;
  if (plan.simulation !== undefined) return new SimulatedGpus(plan, emit);
  const sampler = await sampleGpus(indices, {
    env: process.env,
    onFigures: (gpus) =>
      emit({ type: 'gpu.stats', gpus: gpus.map((gpu) => ({ ...gpu, isSimulated: false })) }),
    onEnd: (said) => {
      emit({ type: 'gpu.stats', gpus: [] });
      emit({
        type: 'warning',
        code: 'gpu_figures',
        message: `nvidia-smi has ended, GPUs are no longer told: ${said}`,
      });
    },
  });
  if (sampler === null) return null;
  return { apply: () => {}, close: () => sampler.close() };
}

/** Busy while their worker runs something; memory is weights and the KV blocks in use. Heat and power nobody could reckon. */
class SimulatedGpus implements GpuWatch {
  readonly #plan: Plan;
  readonly #load = new Map<string, { running: number; kvUsage: number }>();
  readonly #timer: NodeJS.Timeout;

  constructor(plan: Plan, emit: (event: TelemetryEvent) => void) {
    this.#plan = plan;
    this.#timer = setInterval(() => emit({ type: 'gpu.stats', gpus: this.figures() }), EVERY_MS).unref();
  }

  apply(event: StampedEvent): void {
    if (event.type === 'worker.load') this.#load.set(event.worker, event);
    if (event.type === 'worker.state' && event.state !== 'ready') this.#load.delete(event.worker);
  }

  figures(): GpuSnapshot[] {
    const { workers, simulation } = this.#plan;
    if (simulation === undefined) return [];
    const { weightBytes, kvBytesPerToken } = simulation.facts;
    return workers.flatMap(({ id, gpus, kvBlocks, blockTokens }) => {
      const load = this.#load.get(id);
      const kvBytes = (load?.kvUsage ?? 0) * (kvBlocks ?? 0) * blockTokens * kvBytesPerToken;
      return gpus.map((index) => ({
        index,
        utilization: load === undefined ? null : Number(load.running > 0),
        memoryUsedBytes: load === undefined ? null : Math.round((weightBytes + kvBytes) / gpus.length),
        memoryBytes: null,
        celsius: null,
        watts: null,
        isSimulated: true,
      }));
    });
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }
}
