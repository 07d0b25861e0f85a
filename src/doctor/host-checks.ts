/** The machine itself: Node, processors, memory, limits of this process. Pure but for two small files of the kernel. */
import { readFileSync } from 'node:fs';
import type { HostSnapshot } from '../plan/types.js';
import { formatBytes, GIB } from '../plan/units.js';
import { type Check, ok, warn } from './types.js';

/** Each client, worker and event socket is one; the gateway alone may hold thousands. */
const FILES_MIN = 4_096;
/** One embedded worker with the default model and two slots. */
const MEMORY_MIN_BYTES = 1.5 * GIB;

export function hostChecks(host: HostSnapshot): Check[] {
  const { platform, arch, cpus, cpuModel, nodeVersion } = host;
  return [
    ok('host', `${platform} ${arch}, Node ${nodeVersion}, ${cpus} × ${cpuModel}`),
    memoryCheck(host),
    ...filesCheck(openFilesLimit()),
  ];
}

export function memoryCheck({ memoryBytes, freeMemoryBytes }: HostSnapshot): Check {
  const found = `${formatBytes(freeMemoryBytes)} of ${formatBytes(memoryBytes)} free`;
  if (freeMemoryBytes >= MEMORY_MIN_BYTES) return ok('memory', found);
  return warn(
    'memory',
    found,
    'End other programs, or start less: `dynamo up --workers 1 --set slots=2 --set context=2048`.',
  );
}

/** None where the system has no such limit, or does not tell. */
export function filesCheck(limit: number | null): Check[] {
  if (limit === null) return [];
  const found = `${limit === Infinity ? 'any number of' : limit} open files for this process`;
  if (limit >= FILES_MIN) return [ok('open-files', found)];
  return [warn('open-files', found, `Raise it before \`dynamo up\`: \`ulimit -n ${FILES_MIN}\`.`)];
}

/** Soft limit of /proc/self/limits. */
function openFilesLimit(): number | null {
  try {
    const row = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return row === undefined ? null : row === 'unlimited' ? Infinity : Number(row);
  } catch {
    return null;
  }
}
