/** Where workers of vLLM and SGLang go: which GPUs, and whether weights and one whole context fit. Pure. */
import type { GpuVariant, Recipe } from '../recipes/schema.js';
import { groupGpus, linkText } from './gpu-groups.js';
import { soldGb } from './hardware.js';
import { contextOf, type GpuRoom, gpuRoom, gpuUtilization } from './memory.js';
import { isCpuVariant, placeVllmCpu } from './place-vllm-cpu.js';
import { bareWorker, type Placement, type PlacementWishes } from './placement.js';
import type { GpuInfo, HostSnapshot } from './types.js';
import { formatBytes, formatCount } from './units.js';

const TITLES = { vllm: 'vLLM', sglang: 'SGLang' };

export function placeGpus(
  recipe: Recipe,
  variant: GpuVariant,
  host: HostSnapshot,
  wishes: PlacementWishes,
): Placement {
  if (variant.engine === 'vllm' && isCpuVariant(variant)) {
    const placed = placeVllmCpu(recipe, variant, host, wishes);
    return placed.ok ? { ...placed, engineArgs: [...placed.engineArgs, ...flagsOf(variant)] } : placed;
  }
  const perWorker = variant.parallel.tp;
  if (host.gpus.length === 0) return { ok: false, reason: `${needs(variant)}, this host has no GPU` };
  if (host.platform !== 'linux')
    return { ok: false, reason: `${TITLES[variant.engine]} needs Linux, this host is ${host.platform}` };
  const suited = suitedGpus(variant, host, wishes.isChosen);
  if (suited.length === 0)
    return { ok: false, reason: `${needs(variant)}, this host has ${describeGpus(host.gpus)}` };
  const free = suited.filter(
    (gpu) => !gpu.isSplit && gpu.freeBytes >= gpu.memoryBytes * gpuUtilization(variant),
  );
  const groups = groupGpus(free, perWorker, host.links);
  const possible = groups.length;
  const count = wishes.workers ?? recipe.defaults.workers ?? possible;
  if (possible === 0 || count > possible) {
    return { ok: false, reason: tooFewGpus(variant, { suited, free, workers: Math.max(1, count) }) };
  }
  const context = contextOf(recipe, variant);
  const smallest = free.reduce((a, b) => (b.memoryBytes < a.memoryBytes ? b : a));
  const room = gpuRoom(recipe, variant, smallest);
  if (room.kvTokens < context) return { ok: false, reason: tooSmall(room, context) };
  return {
    ok: true,
    workers: Array.from({ length: count }, (_, index) => ({
      ...bareWorker(`w${index}`, variant.engine, context, variant.block_tokens),
      gpus: groups[index]!.map((gpu) => gpu.index),
      kvBlocks: Math.floor(room.kvTokens / variant.block_tokens),
    })),
    engineArgs: engineArgs(variant),
    reasons: [
      ...reasonsFor(variant, { free, suited, count }),
      ...linkReasons(groups.slice(0, count), host.links),
    ],
    notes: notesFor(room, context, perWorker),
  };
}

function engineArgs({ engine, parallel: { tp, ep }, args }: GpuVariant): string[] {
  const parallel =
    engine === 'vllm'
      ? ['--tensor-parallel-size', String(tp), ...(ep ? ['--enable-expert-parallel'] : [])]
      : ['--tp-size', String(tp), ...(ep ? ['--ep-size', String(tp)] : [])];
  return [...parallel, ...flagsOf({ args })];
}

/**
 * `{tool-call-parser: glm47, trust-remote-code: true}` → argv; `false` leaves a flag out. A field of a JSON option
 * (`attention_config.backend`) always has its value: vLLM takes the next word for it, whatever that is.
 */
function flagsOf({ args }: Pick<GpuVariant, 'args'>): string[] {
  const flags: string[] = [];
  for (const [name, value] of Object.entries(args)) {
    const isField = name.includes('.');
    if (!isField && String(value) === 'false') continue;
    flags.push(`--${name}`);
    if (isField || String(value) !== 'true') flags.push(String(value));
  }
  return flags;
}

/** GPUs of the family with most of them among those the variant names; all of one family, as shards must be alike. */
function suitedGpus(variant: GpuVariant, { gpus }: HostSnapshot, isChosen: boolean): GpuInfo[] {
  const families = new Set(variant.hardware.map(({ gpu }) => gpu));
  const isSuited = ({ family }: GpuInfo): boolean => families.has(family);
  const candidates = gpus.some(isSuited) || !isChosen ? gpus.filter(isSuited) : gpus;
  const groups = new Map<string, GpuInfo[]>();
  for (const gpu of candidates) {
    const key = gpu.family === '' ? gpu.name : gpu.family;
    groups.set(key, [...(groups.get(key) ?? []), gpu]);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}

/** `needs 8 × 141 GB of GPU memory (h200, b200 or b300)`. */
function needs({ parallel, hardware }: GpuVariant): string {
  const sizes = hardware.flatMap(({ gpu }) => soldGb(gpu) ?? []);
  const size = sizes.length > 0 ? `${Math.min(...sizes)} GB of GPU memory` : 'GPUs';
  const families = [...new Set(hardware.map(({ gpu }) => gpu))];
  const last = families.at(-1)!;
  const listed = families.length > 1 ? `${families.slice(0, -1).join(', ')} or ${last}` : last;
  return `needs ${parallel.tp} × ${size} (${listed})`;
}

/** `8 × NVIDIA H100 80GB HBM3`. */
export function describeGpus(gpus: GpuInfo[]): string {
  const counts = new Map<string, number>();
  for (const { name } of gpus) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} × ${name}`).join(', ');
}

function tooFewGpus(
  variant: GpuVariant,
  have: { suited: GpuInfo[]; free: GpuInfo[]; workers: number },
): string {
  const { suited, free, workers } = have;
  const wanted = workers * variant.parallel.tp;
  const asked = workers > 1 ? `${workers} workers need ${wanted} GPUs` : needs(variant);
  const split = suited.filter(({ isSplit }) => isSplit).length;
  const busy = suited.length - free.length - split;
  const inUse = busy > 0 ? `, ${busy} of them in use by other programs` : '';
  const inParts = split > 0 ? `, ${split} of them cut into parts (MIG)` : '';
  return `${asked}, this host has ${describeGpus(suited)}${inUse}${inParts}`;
}

function tooSmall(room: GpuRoom, context: number): string {
  const needed = room.weightsBytes + room.reserveBytes + context * room.kvBytesPerToken;
  const sum = `weights ${formatBytes(room.weightsBytes)}, buffers ${formatBytes(room.reserveBytes)}, KV of one ${formatCount(context)}-token request ${formatBytes(context * room.kvBytesPerToken)}`;
  const remedy =
    room.kvTokens >= 8_192 ? `; \`--set context=${Math.floor(room.kvTokens / 1024) * 1024}\` would fit` : '';
  return `needs ${formatBytes(needed)} per GPU (${sum}), ${formatBytes(room.usableBytes)} are usable (${room.utilization} of each)${remedy}`;
}

function reasonsFor(
  variant: GpuVariant,
  have: { free: GpuInfo[]; suited: GpuInfo[]; count: number },
): string[] {
  const { free, suited, count } = have;
  const { tp, ep } = variant.parallel;
  const family = free[0]!.family;
  const known = variant.hardware.find(({ gpu }) => gpu === family);
  const reasons = [
    `${count} ${count === 1 ? 'worker' : 'workers'} of ${tp} ${tp === 1 ? 'GPU' : 'GPUs'}${ep ? ' with expert parallelism' : ''} on ${describeGpus(free)}`,
    known === undefined
      ? `nobody has verified this variant on ${free[0]!.name}; it was named with --variant`
      : `on ${family}: ${known.source}`,
  ];
  if (suited.length > free.length)
    reasons.push(
      `${suited.length - free.length} GPUs are left out: other programs use them, or they are cut into parts`,
    );
  return reasons;
}

/** Each sentence once. */
const linkReasons = (groups: GpuInfo[][], links: HostSnapshot['links']): string[] => [
  ...new Set(groups.flatMap((group) => linkText(group, links) ?? [])),
];

function notesFor(room: GpuRoom, context: number, gpusPerWorker: number): string[] {
  const whole = formatBytes(room.weightsBytes * gpusPerWorker);
  const buffers =
    room.reserveBytes === 0
      ? '; buffers beside it'
      : `; buffers about ${formatBytes(room.reserveBytes)} (estimate)`;
  return [
    `weights: ${whole} over ${gpusPerWorker} GPUs = ${formatBytes(room.weightsBytes)} per GPU`,
    `usable per GPU: ${formatBytes(room.usableBytes)} (${room.utilization} of it)${buffers}`,
    `KV: ${formatCount(room.kvBytesPerToken)} B per token and GPU → ${formatCount(room.kvTokens)} tokens per worker = ${(room.kvTokens / context).toFixed(1)} whole contexts of ${formatCount(context)}`,
  ];
}
