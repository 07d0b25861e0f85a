import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Plan } from '../../src/plan/types.js';
import { buildRouter, routerName } from '../../src/stack/routing.js';
import type { StackSpec } from '../../src/stack/spec.js';
import { readStackSettings } from '../../src/stack/stack-settings.js';
import { createBus } from '../../src/telemetry/bus.js';
import { MetricsCollector } from '../../src/telemetry/metrics/collector.js';
import { metricsText } from '../../src/telemetry/metrics/metrics-text.js';
import { createSnapshotStore } from '../../src/telemetry/snapshot.js';
import { plainFrame } from '../../src/tui/plain-frame.js';
import { routeInput } from './support/route-input.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-routing-'));
  // The statistics of the index are not asked for here.
  vi.useFakeTimers({ toFake: ['setInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(dir, { recursive: true, force: true });
});

it('a router that fails is counted in status and metrics, and told at the first, tenth and hundredth fault', async () => {
  const file = path.join(dir, 'moody.mjs');
  // It passes the probe, then fails whenever there is one worker.
  writeFileSync(
    file,
    'export default { select: (_r, all) => { if (all.length < 2) throw new Error("moody"); return all[0].worker } }',
  );
  const store = createSnapshotStore({
    name: 'x',
    pid: 1,
    url: '',
    recipe: '',
    variant: '',
    model: '',
    router: routerName(file),
    startedAt: 0,
    isSimulated: false,
  });
  const bus = createBus({ now: () => 1_000 });
  bus.subscribe((event) => store.apply(event));
  const spec = { router: file, settings: readStackSettings({}) } as StackSpec;
  const router = await buildRouter(spec, { blockTokens: 16 } as Plan, (event) => bus.emit(event));
  router.addWorker({ id: 'w0', blockTokens: 16, kvBlocks: 0, feed: 'events' });
  router.setEligible('w0', true);
  const input = routeInput([1, 2, 3], 16);
  for (let n = 0; n < 120; n++) {
    (await router.route({ ...input, requestId: `r${n}` }, new AbortController().signal)).abandon();
  }
  const snapshot = store.snapshot(1_000);
  expect(snapshot.router).toEqual({
    policy: 'moody.mjs',
    faults: 120,
    lastFault: 'router moody failed: Error: moody',
  });
  expect(snapshot.warnings.map(({ message }) => message)).toEqual([
    'router moody failed: Error: moody; the default router decides',
    'router moody failed: Error: moody; the default router decides (10 faults so far)',
    'router moody failed: Error: moody; the default router decides (100 faults so far)',
  ]);
  expect(plainFrame(snapshot, 200)).toContain('120 faults of moody.mjs, the default decided');
  expect(metricsText(snapshot, new MetricsCollector())).toContain(
    'dynamo_router_policy_faults_total{policy="moody.mjs"} 120',
  );
});
