/** Who goes back to the queue when memory runs out. */
import type { SimRunning } from './types.js';

/**
 * Place of the one to send back, of those from `from` on, which the pass has not reached: the youngest, by priority the
 * youngest of the least important, as in vLLM.
 */
export function victimAt(running: readonly SimRunning[], from: number, byPriority: boolean): number {
  let worst = running.length - 1;
  if (!byPriority) return worst;
  const priorityAt = (at: number): number => (running[at] as SimRunning).request.priority;
  for (let at = worst - 1; at >= from; at--) if (priorityAt(at) < priorityAt(worst)) worst = at;
  return worst;
}
