/** What `nvidia-smi` says, read. Pure: text that is not understood is left out, never guessed. */
import { stripVTControlCharacters } from 'node:util';
import { familyOf } from './hardware.js';
import type { GpuInfo } from './types.js';
import { MIB } from './units.js';

/** Columns asked for, in this order; the last two came with drivers of 2020. */
export const GPU_COLUMNS = 'index,name,memory.total,memory.free,driver_version,uuid,mig.mode.current';

/** Memory of chips that share it with their processor, for which the driver tells none (`[N/A]`). */
export interface SharedMemory {
  totalBytes: number;
  freeBytes: number;
}

/** Rows of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`. */
export function parseGpuRows(text: string, shared: SharedMemory): { gpus: GpuInfo[]; driver: string | null } {
  const rows = text.split('\n').map((line) => line.split(',').map((field) => field.trim()));
  const gpus: GpuInfo[] = [];
  let driver: string | null = null;
  for (const [index = '', name = '', total = '', free = '', version, uuid, mig] of rows) {
    const memory = memoryOf(name, total, free, shared);
    // Half a GPU is none.
    if (name === '' || !/^\d{1,4}$/.test(index) || memory === null) continue;
    gpus.push({
      index: Number(index),
      name,
      family: familyOf(name),
      ...memory,
      ...(uuid?.startsWith('GPU-') ? { uuid } : {}),
      ...(mig === 'Enabled' ? { isSplit: true } : {}),
    });
    driver ??= version || null;
  }
  return { gpus, driver };
}

function memoryOf(
  name: string,
  total: string,
  free: string,
  shared: SharedMemory,
): Pick<GpuInfo, 'memoryBytes' | 'freeBytes'> | null {
  const mib = [total, free].map((field) => (/^\d{1,9}$/.test(field) ? Number(field) * MIB : null));
  if (mib[0] != null && mib[1] != null) return { memoryBytes: mib[0], freeBytes: mib[1] };
  return SHARES_MEMORY.test(name) ? { memoryBytes: shared.totalBytes, freeBytes: shared.freeBytes } : null;
}

/** DGX Spark and Jetson. */
const SHARES_MEMORY = /\bGB10\b|\bThor\b|\bOrin\b/;

/**
 * The links of `nvidia-smi topo -m`: a row per GPU, a column per GPU, `NV18`, `PIX`, `SYS`, … or `X`. Columns of network
 * cards and affinities are left out. Null when it is no such table.
 */
export function parseTopology(text: string): string[][] | null {
  // The driver underlines its header, terminal or not.
  const lines = stripVTControlCharacters(text)
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  // The header begins with a GPU's name and goes on with something that is no link; a row goes on with its links.
  const header = lines.find(([first, second]) => first === 'GPU0' && !LINK.test(second ?? ''));
  const count = header?.filter((word) => /^GPU\d+$/.test(word)).length ?? 0;
  const rows = Array.from({ length: count }, (_, at) =>
    lines.find(([first, second]) => first === `GPU${at}` && LINK.test(second ?? ''))?.slice(1, count + 1),
  );
  const isWhole = rows.every((row) => row?.length === count && row.every((link) => LINK.test(link)));
  return count > 0 && isWhole ? (rows as string[][]) : null;
}

const LINK = /^(?:X|NV\d+|PIX|PXB|PHB|NODE|SYS)$/;

/**
 * Honours CUDA_VISIBLE_DEVICES: indices and ids (`GPU-…`, as short as they are unique). A part of a GPU (`MIG-…`) is no GPU that a
 * worker could have whole, and an empty value hides every one.
 */
export function visibleGpus(gpus: GpuInfo[], visible: string | undefined): GpuInfo[] {
  if (visible === undefined) return gpus;
  const wanted = visible
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const isWanted = ({ index, uuid = '' }: GpuInfo): boolean =>
    wanted.some((entry) => entry === String(index) || (entry.startsWith('GPU-') && uuid.startsWith(entry)));
  return gpus.filter(isWanted);
}
