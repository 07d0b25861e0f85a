/** The router with its index and policy, reporting in telemetry's words. */
import path from 'node:path';
import type { Plan } from '../plan/types.js';
import { createBlockIndex } from '../router/index/create-index.js';
import { policyMaker } from '../router/policies/load-policy.js';
import { createRouter, type Router } from '../router/router.js';
import type { TelemetryEvent } from '../telemetry/types.js';
import type { StackSpec } from './spec.js';

/** How often the size of the index is reported. */
const STATS_MS = 1_000;

/** A fault is told the first time and then at every tenfold: a router that fails does so with each request. */
const isTold = (count: number): boolean => Number.isInteger(Math.log10(count));

export async function buildRouter(
  spec: StackSpec,
  plan: Plan,
  emit: (event: TelemetryEvent) => void,
): Promise<Router> {
  const { router: settings, dynamo } = spec.settings;
  const policy = (await policyMaker(spec.router, { dynamo }))();
  const index = createBlockIndex();
  const router = createRouter({
    index,
    policy,
    blockTokens: plan.blockTokens,
    settings,
    observer: {
      onLoad: (worker, load) => emit({ type: 'booking.load', worker, ...load }),
      onPolicyFault: ({ count }, message) => {
        emit({ type: 'router.fault', policy: policy.name, count, message });
        if (!isTold(count)) return;
        const times = count === 1 ? '' : ` (${count} faults so far)`;
        emit({
          type: 'warning',
          code: 'policy_failed',
          message: `${message}; the default router decides${times}`,
        });
      },
    },
  });
  let isFull = false;
  setInterval(() => {
    const { blocks, bytes, refused } = index.stats();
    emit({
      type: 'index.stats',
      blocks,
      bytes,
      events: router.eventsApplied(),
      refused,
    });
    if (refused === 0 || isFull) return;
    isFull = true;
    const message = `the block index has reached its ${bytes} bytes: blocks are left out, so hits are predicted too low`;
    emit({ type: 'warning', code: 'index_full', message });
  }, STATS_MS).unref();
  return router;
}

/** What status and screen call a `--router` value: a file by its name. */
export const routerName = (router: string): string => path.basename(router);
