/** GPU families by name, and boxes that are described instead of probed (`--hardware 8xh200`). */
import { DynamoError } from '../errors.js';
import type { GpuInfo, HostSnapshot } from './types.js';
import { MIB } from './units.js';

interface GpuFamily {
  /** Memory as sold, in GB. */
  soldGb: number;
  /** What `nvidia-smi` reports as memory.total, in MiB: a little less than sold. */
  mib: number;
  /** Recognises the name `nvidia-smi` or `rocm-smi` gives. */
  pattern: RegExp;
  /** Name of the family that recipes list it under, where that is another one. */
  countsAs?: string;
  /** Before the name, where it is not NVIDIA's. */
  vendor?: string;
}

/** Order matters: the first pattern that fits names the family. */
const FAMILIES: ReadonlyMap<string, GpuFamily> = new Map<string, GpuFamily>([
  // The same chips beside a Grace processor, with a little more memory.
  ['gb300', { soldGb: 288, mib: 284_208, pattern: /\bGB300\b/i, countsAs: 'b300' }],
  ['gb200', { soldGb: 192, mib: 189_471, pattern: /\bGB200\b/i, countsAs: 'b200' }],
  ['b300', { soldGb: 268, mib: 274_432, pattern: /\bB300\b/i }],
  ['b200', { soldGb: 180, mib: 183_359, pattern: /\bB200\b/i }],
  ['h200', { soldGb: 141, mib: 143_771, pattern: /\bG?H200\b/i }],
  ['h100', { soldGb: 80, mib: 81_559, pattern: /\bH100\b/i }],
  ['h20', { soldGb: 96, mib: 97_871, pattern: /\bH20\b/i }],
  ['a100', { soldGb: 80, mib: 81_920, pattern: /\bA100\b/i }],
  ['l40s', { soldGb: 48, mib: 46_068, pattern: /\bL40S\b/i }],
  ['l4', { soldGb: 24, mib: 23_034, pattern: /\bL4\b/i }],
  ['rtx-pro-6000', { soldGb: 96, mib: 97_887, pattern: /\bRTX PRO 6000\b/i }],
  ['rtx-5090', { soldGb: 32, mib: 32_607, pattern: /\bRTX 5090\b/i }],
  ['rtx-4090', { soldGb: 24, mib: 24_564, pattern: /\bRTX 4090\b/i }],
  ['rtx-3090', { soldGb: 24, mib: 24_576, pattern: /\bRTX 3090\b/i }],
  // Memory it shares with its processor; about 120 GiB of it can be used.
  ['dgx-spark', { soldGb: 128, mib: 122_570, pattern: /\bGB10\b/i }],
  // Known so that a plan for one says what it lacks: no recipe has a variant for them yet.
  ['mi355x', { soldGb: 288, mib: 294_896, pattern: /\bMI355X\b/i, vendor: 'AMD Instinct' }],
  ['mi325x', { soldGb: 256, mib: 262_128, pattern: /\bMI325X\b/i, vendor: 'AMD Instinct' }],
  ['mi300x', { soldGb: 192, mib: 196_592, pattern: /\bMI300X\b/i, vendor: 'AMD Instinct' }],
]);

const GPUS_MAX = 512;

/** Family of a GPU's marketing name; empty when it is none we know. */
export function familyOf(name: string): string {
  for (const [family, { pattern, countsAs }] of FAMILIES) if (pattern.test(name)) return countsAs ?? family;
  return '';
}

/** Memory as sold in GB, null for an unknown family. */
export function soldGb(family: string): number | null {
  return FAMILIES.get(family)?.soldGb ?? null;
}

/**
 * The host with its GPUs replaced by those of `spec`: `8xh200`, `h100` (one), `2xb200` or `none`. Processors, memory
 * and disk stay this host's, since nothing is known of the other's. Throws `usage` for anything else.
 */
export function describedHost(spec: string, here: HostSnapshot): HostSnapshot {
  if (/^(none|cpu)$/i.test(spec.trim())) return { ...here, gpus: [], driver: null };
  const match = /^(?:(\d{1,3})\s*[x×*]\s*)?([a-z][a-z0-9-]*)$/i.exec(spec.trim());
  const name = match?.[2]?.toLowerCase() ?? '';
  const family = FAMILIES.get(name);
  const count = Number(match?.[1] ?? 1);
  if (family === undefined || count < 1 || count > GPUS_MAX) throw unknownHardware(spec);
  const gpus = Array.from({ length: count }, (_, index) => describedGpu(index, name, family));
  // Boxes with such GPUs run Linux, whatever plans for them.
  return { ...here, platform: 'linux', gpus, driver: null };
}

function describedGpu(index: number, name: string, family: GpuFamily): GpuInfo {
  const memoryBytes = family.mib * MIB;
  const { countsAs, vendor = 'NVIDIA' } = family;
  return {
    index,
    name: `${vendor} ${name.toUpperCase()}`,
    family: countsAs ?? name,
    memoryBytes,
    freeBytes: memoryBytes,
  };
}

function unknownHardware(spec: string): DynamoError {
  return new DynamoError('usage', {
    detail: `The hardware \`${spec}\` is not known.`,
    remedy: `Write COUNTxFAMILY, for example 8xh200, or none. Families: ${[...FAMILIES.keys()].join(', ')}.`,
  });
}
