/** An attached worker as its watcher asks for it. */

import { LIMITS } from '../limits.js';
import { probeHealth } from '../link/health.js';
import type { WorkerPlan } from '../plan/types.js';
import type { AttachedWorker } from '../supervisor/attached.js';

export function attachedWorker({ id, attached }: WorkerPlan): AttachedWorker {
  const { url, healthPath } = attached ?? { url: '', healthPath: '/health' };
  return { id, probe: () => probeHealth(url, healthPath, LIMITS.probeTimeoutMs) };
}
