/** Words that must be seen wherever figures are shown: they say what the figures are worth. */
import type { Snapshot } from '../telemetry/types.js';

/** SIMULATED: no model answers. APPROXIMATE: a worker tells no events, its cache is reckoned. DEGRADED: a worker does not serve. */
export function marksOf({ stack, workers }: Pick<Snapshot, 'stack' | 'workers'>): string[] {
  return [
    ...(stack.isSimulated ? ['SIMULATED'] : []),
    ...(workers.some(({ feed }) => feed === 'approximate') ? ['APPROXIMATE'] : []),
    ...(stack.state === 'degraded' ? ['DEGRADED'] : []),
  ];
}
