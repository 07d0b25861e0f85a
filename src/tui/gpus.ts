/** What a worker's GPUs do, in one figure or one sentence for all of them. */
import type { GpuSnapshot, WorkerSnapshot } from '../telemetry/types.js';
import { bytes, percent } from './format.js';

/** Those of the worker that tell figures. */
export function gpusOf({ gpus }: WorkerSnapshot, all: readonly GpuSnapshot[]): GpuSnapshot[] {
  return all.filter(({ index }) => gpus.includes(index));
}

/** Mean utilization and the rest added up; null where nobody tells. */
export function gpuSum(gpus: readonly GpuSnapshot[]) {
  const busy = known(gpus, ({ utilization }) => utilization);
  return {
    utilization: busy === null ? null : busy.reduce((sum, value) => sum + value, 0) / busy.length,
    memoryUsedBytes: added(gpus, ({ memoryUsedBytes }) => memoryUsedBytes),
    memoryBytes: added(gpus, ({ memoryBytes }) => memoryBytes),
    watts: added(gpus, ({ watts }) => watts),
  };
}

/** Every figure that is told, with its unit; the lowest and the highest where they differ. */
export function gpuWords(gpus: readonly GpuSnapshot[]): string {
  const { utilization, memoryUsedBytes, memoryBytes, watts } = gpuSum(gpus);
  const celsius = known(gpus, (gpu) => gpu.celsius);
  const words = [
    ...(gpus.some(({ isSimulated }) => isSimulated) ? ['SIMULATED'] : []),
    gpus.map(({ index }) => index).join(','),
    ...(utilization === null ? [] : [`${percent(utilization)} busy`]),
    ...(memoryUsedBytes === null
      ? []
      : [`${bytes(memoryUsedBytes)}${memoryBytes === null ? '' : ` of ${bytes(memoryBytes)}`}`]),
    ...(celsius === null ? [] : [`${span(celsius)} C`]),
    ...(watts === null ? [] : [`${Math.round(watts)} W`]),
  ];
  return words.join('  ');
}

function span(values: readonly number[]): string {
  const [low, high] = [Math.round(Math.min(...values)), Math.round(Math.max(...values))];
  return low === high ? `${low}` : `${low} to ${high}`;
}

type Pick = (gpu: GpuSnapshot) => number | null;

/** Null unless every one of them tells it: half a sum would be a wrong figure. */
function known(gpus: readonly GpuSnapshot[], pick: Pick): number[] | null {
  const values = gpus.map(pick);
  return values.length === 0 || values.includes(null) ? null : (values as number[]);
}

function added(gpus: readonly GpuSnapshot[], pick: Pick): number | null {
  return known(gpus, pick)?.reduce((sum, value) => sum + value, 0) ?? null;
}
