/** The router with its index and policy, reporting in telemetry's words. */
import type { Plan } from '../plan/types.js';
import { createBlockIndex } from '../router/index/create-index.js';
import { loadPolicy } from '../router/policies/load-policy.js';
import { createRouter, type Router } from '../router/router.js';
import type { TelemetryEvent } from '../telemetry/types.js';
import type { StackSpec } from './spec.js';

/** How often the size of the index is reported. */
const STATS_MS = 1_000;

export async function buildRouter(
  spec: StackSpec,
  plan: Plan,
  emit: (event: TelemetryEvent) => void,
): Promise<Router> {
  const index = createBlockIndex();
  const router = createRouter({ index, policy: loadPolicy(spec.router), blockTokens: plan.blockTokens });
  setInterval(() => {
    const { blocks, bytes } = index.stats();
    emit({ type: 'index.stats', blocks, bytes, events: router.eventsApplied() });
    for (const worker of plan.workers)
      emit({ type: 'booking.load', worker: worker.id, ...router.bookedLoad(worker.id) });
  }, STATS_MS).unref();
  return router;
}
