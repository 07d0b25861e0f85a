/** Where vLLM workers go on a host without GPUs: a processor and a share of the memory each. Pure. */
import type { Recipe, VllmVariant } from '../recipes/schema.js';
import { contextOf, FREE_SHARE_MAX, kvBytesPerTokenOf } from './memory.js';
import { bareWorker, type Placement, type PlacementWishes } from './placement.js';
import type { HostSnapshot } from './types.js';
import { formatBytes, formatCount, GIB } from './units.js';

type CpuVariant = VllmVariant & { cpu: NonNullable<VllmVariant['cpu']> };

const WORKERS_DEFAULT = 1;

export const isCpuVariant = (variant: VllmVariant): variant is CpuVariant => variant.cpu !== undefined;

export function placeVllmCpu(
  recipe: Recipe,
  variant: CpuVariant,
  host: HostSnapshot,
  wishes: PlacementWishes,
): Placement {
  const platform = `${host.platform}-${host.arch}`;
  if (platform !== 'linux-x64')
    return { ok: false, reason: `vLLM for processors needs linux-x64, this host is ${platform}` };
  const context = contextOf(recipe, variant);
  const perToken = kvBytesPerTokenOf(recipe, variant);
  const kvBytes = Math.round(variant.cpu.kv_gib * GIB);
  const kvTokens = Math.floor(kvBytes / perToken);
  if (kvTokens < context) {
    const needed = formatBytes(context * perToken);
    return {
      ok: false,
      reason: `one ${formatCount(context)}-token request needs ${needed} of KV cache, cpu.kv_gib gives ${formatBytes(kvBytes)}`,
    };
  }
  const workerBytes = variant.weights_gb * 1e9 + kvBytes + variant.cpu.process_gib * GIB;
  const usableBytes = host.freeMemoryBytes * FREE_SHARE_MAX;
  const asked = wishes.workers ?? recipe.defaults.workers ?? WORKERS_DEFAULT;
  const count = Math.min(asked, host.cpus, Math.floor(usableBytes / workerBytes));
  if (count < 1) {
    const has = `this host has ${formatBytes(host.freeMemoryBytes)} free and workers may take ${formatBytes(usableBytes)} of it`;
    return { ok: false, reason: `needs ${formatBytes(workerBytes)} of memory per worker, ${has}` };
  }
  const blocks = Math.floor(kvTokens / variant.block_tokens);
  return {
    ok: true,
    workers: Array.from({ length: count }, (_, index) => ({
      ...bareWorker(`w${index}`, 'vllm', context, variant.block_tokens),
      cpus: [host.cpuIds?.[index] ?? index],
      kvBlocks: blocks,
      memoryBytes: workerBytes,
    })),
    engineArgs: ['--kv-cache-memory-bytes', String(kvBytes)],
    reasons: reasonsFor(count, asked, host),
    notes: [
      ...(variant.checkpoint.includes('/') ? [] : ['the GGUF file is converted once to the form vLLM loads']),
      `KV memory per worker: ${formatBytes(kvBytes)} ÷ ${formatCount(perToken)} B per token = ${formatCount(kvTokens)} tokens = ${(kvTokens / context).toFixed(1)} whole contexts of ${formatCount(context)}`,
      `per worker: ${formatBytes(workerBytes)} with weights and its processes; all ${count}: ${formatBytes(count * workerBytes)} of ${formatBytes(host.memoryBytes)}`,
    ],
  };
}

function reasonsFor(count: number, asked: number, host: HostSnapshot): string[] {
  if (count === asked) return [];
  const why = host.cpus < asked ? `each needs a processor of its own (${host.cpus} here)` : 'memory is short';
  return [`${count} ${count === 1 ? 'worker' : 'workers'} instead of ${asked}: ${why}`];
}
