/** The router with its index and policy, reporting in telemetry's words. */
import type { Plan } from '../plan/types.js';
import { createBlockIndex } from '../router/index/create-index.js';
import { loadPolicy } from '../router/policies/load-policy.js';
import { createRouter, type Router } from '../router/router.js';
import type { TelemetryEvent } from '../telemetry/types.js';
import type { StackSpec } from './spec.js';

/** How often the size of the index is reported. */
const STATS_MS = 1_000;

export function buildRouter(spec: StackSpec, plan: Plan, emit: (event: TelemetryEvent) => void): Router {
  const index = createBlockIndex();
  const router = createRouter({
    index,
    policy: loadPolicy(spec.router),
    blockTokens: plan.blockTokens,
    settings: spec.settings.router,
    observer: {
      onLoad: (worker, load) => emit({ type: 'booking.load', worker, ...load }),
      onWarning: (code, message) => emit({ type: 'warning', code, message }),
    },
  });
  setInterval(() => {
    const { blocks, bytes } = index.stats();
    emit({ type: 'index.stats', blocks, bytes, events: router.eventsApplied() });
  }, STATS_MS).unref();
  return router;
}
