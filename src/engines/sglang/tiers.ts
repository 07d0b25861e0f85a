/** SGLang's HiCache as flags and environment: GPU → host memory, written through, → files. Pure. */
import type { Plan, WorkerPlan } from '../../plan/types.js';

const GB = 1e9;

/** `--hicache-size` is in GB per rank, and each GPU of a worker is one. */
export function sglangTierArgs(
  { tiers = [], workers }: Pick<Plan, 'tiers' | 'workers'>,
  worker: WorkerPlan,
): string[] {
  const cpu = tiers.find(({ name }) => name === 'cpu');
  if (cpu?.bytesMax == null) return [];
  const ranks = Math.max(1, workers.length) * Math.max(1, worker.gpus.length);
  const size = Math.max(1, Math.floor(cpu.bytesMax / GB / ranks));
  const hasDisk = tiers.some(({ name }) => name === 'disk');
  return [
    '--enable-hierarchical-cache',
    ...['--hicache-size', String(size)],
    ...['--hicache-write-policy', 'write_through'],
    ...(hasDisk ? ['--hicache-storage-backend', 'file'] : []),
  ];
}

export function sglangTierEnv({ tiers = [] }: Pick<Plan, 'tiers'>): Record<string, string> {
  const disk = tiers.find(({ name }) => name === 'disk');
  return disk?.at == null ? {} : { SGLANG_HICACHE_FILE_BACKEND_STORAGE_DIR: disk.at };
}
