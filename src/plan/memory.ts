/** Memory arithmetic. Pure; all figures in bytes unless a name says otherwise. */
import type { EmbeddedVariant, GpuVariant, Recipe, Variant } from '../recipes/schema.js';
import type { GpuInfo, HostSnapshot } from './types.js';
import { GIB, MIB } from './units.js';

/** vLLM's own default of `--gpu-memory-utilization`. */
const GPU_UTILIZATION_DEFAULT = 0.92;

/** About what SGLang takes for weights and KV on large cards (its own arithmetic depends on batch sizes and graphs). */
const STATIC_FRACTION_DEFAULT = 0.85;

/** Activations, CUDA graphs and communication buffers per GPU. An estimate: vLLM measures it while it starts. */
const GPU_RESERVE_BYTES = 4 * GIB;

/** Code, compute buffers and tokenizer of one embedded worker, beside weights and KV (277 MB RSS with 98 + 94 in them). */
const EMBEDDED_RESERVE_BYTES = 96 * MIB;

/** Share of the free memory that workers may take: the page cache must keep the model file. */
export const FREE_SHARE_MAX = 0.8;

/** A worker with a single slot serves one request at a time and evicts every conversation. */
export const SLOTS_MIN = 2;

export interface GpuRoom {
  /** Per GPU. */
  weightsBytes: number;
  usableBytes: number;
  reserveBytes: number;
  utilization: number;
  kvBytesPerToken: number;
  /** Tokens of KV cache one worker can hold; negative when not even the weights fit. */
  kvTokens: number;
}

/**
 * What one worker of `tp` GPUs holds: usable = memory × utilization; KV = usable − weights ÷ tp − reserve. KV heads
 * are split over the GPUs as far as there are heads; an MLA cache is held whole by every GPU.
 */
export function gpuRoom(recipe: Recipe, variant: GpuVariant, gpu: Pick<GpuInfo, 'memoryBytes'>): GpuRoom {
  const { tp } = variant.parallel;
  const utilization = gpuUtilization(variant);
  const shards = recipe.model.kv?.sharding === 'replicated' ? 1 : Math.min(tp, recipe.model.kv?.heads ?? tp);
  const kvBytesPerToken = kvBytesPerTokenOf(recipe, variant) / shards;
  const weightsBytes = (variant.weights_gb * 1e9) / tp;
  const usableBytes = gpu.memoryBytes * utilization;
  // SGLang's share is what is left beside buffers.
  const reserveBytes = variant.engine === 'sglang' ? 0 : GPU_RESERVE_BYTES;
  const kvTokens = Math.floor((usableBytes - weightsBytes - reserveBytes) / kvBytesPerToken);
  return {
    weightsBytes,
    usableBytes,
    reserveBytes,
    utilization,
    kvBytesPerToken,
    kvTokens,
  };
}

/** Share of a GPU's memory for weights and KV; SGLang chooses its own by the GPU where nothing is set. */
export function gpuUtilization({ engine, args }: GpuVariant): number {
  const [flag, usual] =
    engine === 'vllm'
      ? ['gpu-memory-utilization', GPU_UTILIZATION_DEFAULT]
      : ['mem-fraction-static', STATIC_FRACTION_DEFAULT];
  const set = Number(args[flag as string]);
  return set > 0 && set <= 1 ? set : (usual as number);
}

export const kvBytesPerTokenOf = (recipe: Recipe, variant: Variant): number =>
  variant.kv_bytes_per_token ?? recipe.model.kv?.bytes_per_token ?? 0;

export const contextOf = (recipe: Recipe, variant: Variant): number =>
  variant.context ?? recipe.model.context;

export interface EmbeddedRoom {
  workers: number;
  slots: number;
  slotBytes: number;
  /** Weights and reserve of one worker. */
  fixedBytes: number;
  /** Of all workers. */
  totalBytes: number;
  budgetBytes: number;
}

/**
 * Workers and slots that fit into the budget (a share of the machine's memory, at most what is free). Fewer slots
 * first, down to two; then fewer workers. Null when one worker with two slots does not fit into the free memory.
 */
export function embeddedRoom(
  recipe: Recipe,
  variant: EmbeddedVariant,
  host: HostSnapshot,
  wanted: { workers: number; slots?: number; budgetBytes?: number },
): EmbeddedRoom | null {
  const { slotBytes, fixedBytes } = embeddedParts(recipe, variant);
  const freeBytes = host.freeMemoryBytes * FREE_SHARE_MAX;
  const budgetBytes = Math.min(wanted.budgetBytes ?? host.memoryBytes * variant.kv_memory_share, freeBytes);
  const room = (workers: number, slots: number): EmbeddedRoom => {
    const totalBytes = workers * (fixedBytes + slots * slotBytes);
    return { workers, slots, slotBytes, fixedBytes, totalBytes, budgetBytes };
  };
  const fits = ({ totalBytes }: EmbeddedRoom, bytes: number): boolean => totalBytes <= bytes;
  const slotsMost = wanted.slots ?? variant.slots;
  const slotsLeast = wanted.slots ?? Math.min(SLOTS_MIN, variant.slots);
  for (let workers = wanted.workers; workers >= 1; workers--) {
    for (let slots = slotsMost; slots >= slotsLeast; slots--) {
      if (fits(room(workers, slots), budgetBytes)) return room(workers, slots);
    }
  }
  const least = room(1, slotsLeast);
  return fits(least, freeBytes) ? least : null;
}

/** What one worker with that many slots takes, and how much of the free memory workers may take. */
export function embeddedNeed(
  recipe: Recipe,
  variant: EmbeddedVariant,
  host: HostSnapshot,
  slots: number,
): { neededBytes: number; usableBytes: number } {
  const { slotBytes, fixedBytes } = embeddedParts(recipe, variant);
  return { neededBytes: fixedBytes + slots * slotBytes, usableBytes: host.freeMemoryBytes * FREE_SHARE_MAX };
}

function embeddedParts(
  recipe: Recipe,
  variant: EmbeddedVariant,
): Pick<EmbeddedRoom, 'slotBytes' | 'fixedBytes'> {
  return {
    slotBytes: contextOf(recipe, variant) * kvBytesPerTokenOf(recipe, variant),
    fixedBytes: variant.weights_gb * 1e9 + EMBEDDED_RESERVE_BYTES,
  };
}
