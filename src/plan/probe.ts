/** What this machine has, asked once. A host without a GPU starts no program for it. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { access, constants, statfs } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { familyOf } from './hardware.js';
import type { GpuInfo, HostSnapshot } from './types.js';
import { MIB } from './units.js';

export interface ProbeOptions {
  /** Folder whose disk matters; the nearest existing parent is measured. */
  dataDir?: string;
  env?: Record<string, string | undefined>;
}

/** A driver that is stuck answers never; a healthy one within a second, eight GPUs included. */
const NVIDIA_SMI_TIMEOUT_MS = 10_000;
const NVIDIA_SMI_QUERY = 'index,name,memory.total,memory.free,driver_version';

export async function probeHost({
  dataDir = os.homedir(),
  env = process.env,
}: ProbeOptions = {}): Promise<HostSnapshot> {
  const [nvidia, diskFreeBytes] = await Promise.all([probeNvidia(env), freeDisk(dataDir)]);
  // In a container the machine's memory is not ours to use; 0 and huge values mean "no limit".
  const limit = process.constrainedMemory?.() ?? 0;
  const memoryBytes = limit > 0 ? Math.min(os.totalmem(), limit) : os.totalmem();
  return {
    platform: process.platform,
    arch: process.arch,
    cpus: os.availableParallelism(),
    ...allowedCpus(),
    cpuModel: os.cpus()[0]?.model.trim() ?? 'unknown',
    memoryBytes,
    freeMemoryBytes: Math.min(os.freemem(), memoryBytes),
    gpus: nvidia.gpus,
    driver: nvidia.driver,
    nodeVersion: process.versions.node,
    diskFreeBytes,
  };
}

/** Numbers of the processors we may run on: a container may have been given 6 and 7. */
function allowedCpus(): Pick<HostSnapshot, 'cpuIds'> {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return list === undefined ? {} : { cpuIds: cpuNumbers(list) };
  } catch {
    return {};
  }
}

/** `0-2,6` → 0, 1, 2, 6. */
export function cpuNumbers(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index);
  });
}

/** First executable of that name on PATH, null when there is none. Starts nothing. */
export async function findProgram(
  name: string,
  env: Record<string, string | undefined> = process.env,
): Promise<string | null> {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
  for (const folder of (env['PATH'] ?? '').split(path.delimiter).filter((entry) => entry !== '')) {
    for (const ending of endings) {
      const file = path.join(folder, name + ending);
      if (await isExecutable(file)) return file;
    }
  }
  return null;
}

/** Rows of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`; rows that are not understood are left out. */
export function parseNvidiaSmi(text: string): { gpus: GpuInfo[]; driver: string | null } {
  const rows = text.split('\n').map((line) => line.split(',').map((field) => field.trim()));
  const gpus: GpuInfo[] = [];
  let driver: string | null = null;
  for (const [index, name, totalMib, freeMib, version] of rows) {
    // `[N/A]` and empty fields are no numbers: half a GPU is none.
    const numbers = [index, totalMib, freeMib].map((field) =>
      /^\d{1,9}$/.test(field ?? '') ? Number(field) : null,
    );
    if (name === undefined || name === '' || numbers.includes(null)) continue;
    gpus.push({
      index: numbers[0]!,
      name,
      family: familyOf(name),
      memoryBytes: numbers[1]! * MIB,
      freeBytes: numbers[2]! * MIB,
    });
    driver ??= version || null;
  }
  return { gpus, driver };
}

async function probeNvidia(
  env: Record<string, string | undefined>,
): Promise<{ gpus: GpuInfo[]; driver: string | null }> {
  const program = await findProgram('nvidia-smi', env);
  if (program === null) return { gpus: [], driver: null };
  try {
    const args = [`--query-gpu=${NVIDIA_SMI_QUERY}`, '--format=csv,noheader,nounits'];
    const { stdout } = await promisify(execFile)(program, args, {
      timeout: NVIDIA_SMI_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    const found = parseNvidiaSmi(stdout);
    return { ...found, gpus: visibleGpus(found.gpus, env['CUDA_VISIBLE_DEVICES']) };
  } catch {
    // A driver that does not answer is a host without usable GPUs; `dynamo doctor` says why.
    return { gpus: [], driver: null };
  }
}

/** Honours a list of indices; ids (`GPU-…`, `MIG-…`) are left to the engine, an empty value hides every GPU. */
export function visibleGpus(gpus: GpuInfo[], visible: string | undefined): GpuInfo[] {
  if (visible === undefined) return gpus;
  const wanted = visible.split(',').map((entry) => entry.trim());
  if (wanted.some((entry) => entry !== '' && !/^-?\d+$/.test(entry))) return gpus;
  return gpus.filter(({ index }) => wanted.includes(String(index)));
}

async function freeDisk(folder: string): Promise<number | null> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at);
      return bavail * bsize;
    } catch {
      if (path.dirname(at) === at) return null;
    }
  }
}

async function isExecutable(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
