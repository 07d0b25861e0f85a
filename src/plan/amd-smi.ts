/** What `amd-smi` and its older sister `rocm-smi` say, read. Pure: what is not understood is left out, never guessed. */
import { familyOf } from './hardware.js';
import type { GpuInfo } from './types.js';
import { GIB, KIB, MIB } from './units.js';

export interface AmdGpus {
  gpus: GpuInfo[];
  /** Of the kernel module. */
  driver: string | null;
}

const NONE: AmdGpus = { gpus: [], driver: null };

/** `amd-smi static --asic --vram --driver --json` and `amd-smi metric --mem-usage --json`; a list, or one under `gpu_data`. */
export function parseAmdSmi(staticText: string, metricText: string): AmdGpus {
  const usage = new Map(entriesOf(metricText).map((entry) => [entry['gpu'], fieldOf(entry, 'mem_usage')]));
  const found: AmdGpus = { gpus: [], driver: null };
  for (const entry of entriesOf(staticText)) {
    const index = entry['gpu'];
    const name = textOf(fieldOf(entry, 'asic'), 'market_name');
    const total = bytesOf(fieldOf(fieldOf(entry, 'vram'), 'size'));
    if (!isIndex(index) || name === null || total === null) continue;
    const used = bytesOf(fieldOf(usage.get(index), 'used_vram')) ?? 0;
    found.gpus.push(gpuOf(index, name, total, used));
    found.driver ??= textOf(fieldOf(entry, 'driver'), 'version');
  }
  return found;
}

/** `rocm-smi --showproductname --showmeminfo vram --showdriverversion --json`: an entry per card, one for the system. */
export function parseRocmSmi(text: string): AmdGpus {
  const answer = jsonOf(text);
  if (answer === null) return NONE;
  const gpus = Object.entries(answer).flatMap(([card, entry]): GpuInfo[] => {
    const index = /^card(\d{1,3})$/.exec(card)?.[1];
    const name = textOf(entry, 'Card Series') ?? textOf(entry, 'Card series');
    const total = bytesOf(fieldOf(entry, 'VRAM Total Memory (B)'));
    const used = bytesOf(fieldOf(entry, 'VRAM Total Used Memory (B)'));
    if (index === undefined || name === null || total === null) return [];
    return [gpuOf(Number(index), name, total, used ?? 0)];
  });
  return { gpus, driver: textOf(answer['system'], 'Driver version') };
}

function gpuOf(index: number, name: string, memoryBytes: number, used: number): GpuInfo {
  const isNamed = /\bAMD\b/i.test(name);
  return {
    index,
    name: isNamed ? name : `AMD ${name}`,
    family: familyOf(name),
    memoryBytes,
    freeBytes: Math.max(0, memoryBytes - used),
  };
}

const UNITS: Record<string, number> = { b: 1, kb: KIB, mb: MIB, gb: GIB };

/** `{value: 196592, unit: "MB"}`, `"196592 MB"`, or bytes as a text or number; its MB are MiB. */
function bytesOf(value: unknown): number | null {
  const text =
    typeof value === 'object' && value !== null
      ? `${String(fieldOf(value, 'value'))} ${String(fieldOf(value, 'unit'))}`
      : String(value);
  const match = /^(\d{1,15})(?:\s*([kmg]?b))?$/i.exec(text.trim());
  return match === null ? null : Number(match[1]) * (UNITS[(match[2] ?? 'b').toLowerCase()] ?? 1);
}

function entriesOf(text: string): Record<string, unknown>[] {
  const answer = jsonOf(text);
  const list = Array.isArray(answer) ? answer : fieldOf(answer, 'gpu_data');
  if (!Array.isArray(list)) return [];
  return list.filter((entry) => typeof entry === 'object' && entry !== null);
}

/** Warnings may stand before the JSON. */
function jsonOf(text: string): Record<string, unknown> | null {
  const at = text.search(/^[[{]/m);
  try {
    const value: unknown = at < 0 ? null : JSON.parse(text.slice(at));
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

const fieldOf = (of: unknown, name: string): unknown =>
  typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined;

function textOf(of: unknown, name: string): string | null {
  const value = fieldOf(of, name);
  return typeof value === 'string' && value !== '' && value !== 'N/A' ? value : null;
}

const isIndex = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 1_000;
