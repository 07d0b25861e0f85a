/** Where an engine in Python puts its sockets and files. */
import os from 'node:os';
import path from 'node:path';
import type { WorkerPlan } from '../plan/types.js';

/** Sockets and files go to the worker's own folder; what torch compiled stays where the next start finds it. */
export function scratchEnv({ scratch }: WorkerPlan): Record<string, string> {
  if (scratch === undefined) return {};
  const compiled = path.join(os.tmpdir(), `torchinductor_${os.userInfo().username}`);
  return { TMPDIR: scratch, TORCHINDUCTOR_CACHE_DIR: process.env['TORCHINDUCTOR_CACHE_DIR'] ?? compiled };
}
