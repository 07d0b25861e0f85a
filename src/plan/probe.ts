/** What this machine has, asked once. A host without a GPU starts no program for it. */
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { probeGpus } from './probe-gpus.js';
import type { HostSnapshot } from './types.js';

export interface ProbeOptions {
  /** Folder whose disk matters; the nearest existing parent is measured. */
  dataDir?: string;
  env?: Record<string, string | undefined>;
}

export async function probeHost({
  dataDir = os.homedir(),
  env = process.env,
}: ProbeOptions = {}): Promise<HostSnapshot> {
  // In a container the machine's memory is not ours to use; 0 and huge values mean "no limit".
  const limit = process.constrainedMemory?.() ?? 0;
  const memoryBytes = limit > 0 ? Math.min(os.totalmem(), limit) : os.totalmem();
  const freeMemoryBytes = Math.min(os.freemem(), memoryBytes);
  const [probed, diskFreeBytes, sharedMemoryFreeBytes] = await Promise.all([
    probeGpus(env, { totalBytes: memoryBytes, freeBytes: freeMemoryBytes }),
    freeDisk(dataDir),
    freeSharedMemory(),
  ]);
  return {
    platform: process.platform,
    arch: process.arch,
    cpus: os.availableParallelism(),
    ...allowedCpus(),
    cpuModel: os.cpus()[0]?.model.trim() ?? 'unknown',
    memoryBytes,
    freeMemoryBytes,
    sharedMemoryFreeBytes,
    ...probed,
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

/** Null where there is none. */
const freeSharedMemory = (): Promise<number | null> =>
  statfs('/dev/shm').then(
    ({ bavail, bsize }) => bavail * bsize,
    () => null,
  );

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
