/**
 * V8 compiles what has run often enough: the first thousand requests of a fresh gateway cost three times what later ones
 * do. So made-up requests go through a gateway, a router and a link of their own while the engines start, over private
 * sockets; nothing of them is counted, shown, recorded or sent to an engine.
 */
import { rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGateway } from '../gateway/server.js';
import type { GatewayDeps } from '../gateway/types.js';
import { LIMITS } from '../limits.js';
import { createWorkerLink } from '../link/worker-link.js';
import type { Plan } from '../plan/types.js';
import { createBlockIndex } from '../router/index/create-index.js';
import { kvPolicy } from '../router/policies/kv.js';
import { createRouter, type Router } from '../router/router.js';
import { createBus } from '../telemetry/bus.js';
import { createSnapshotStore } from '../telemetry/snapshot.js';
import { MissTeller } from './explain-misses.js';
import { warmEngine } from './warm-engine.js';
import { warmRequest } from './warm-requests.js';

export interface WarmUpOptions {
  /** The real gateway's parts; only those without memory of requests are used. */
  deps: GatewayDeps;
  plan: Plan;
  /** A folder only this user can enter, for two sockets. */
  dir: string;
  /** How many; for tests. */
  requests?: number;
}

/** Real requests come first: a made-up one follows only after a pause without any. */
const QUIET_MS = 100;
/** Of one core: while engines start they may need it more. */
const SHARE = { starting: 0.25, ready: 0.75 };

/** Runs until its requests are done or `isStopped`; never rejects, because nobody depends on it. */
export async function warmUp(options: WarmUpOptions, signal: AbortSignal): Promise<void> {
  // Named pipes of Windows have no folder; and whoever starts many short-lived stacks may do without.
  if (process.platform === 'win32' || process.env['DYNAMO_WARM_UP'] === 'off') return;
  const doors = ['warm-engine.sock', 'warm-gateway.sock'].map((name) => path.join(options.dir, name));
  const [engineDoor, gatewayDoor] = doors as [string, string];
  const link = createWorkerLink({ worker: 'w0', url: 'http://localhost', socketPath: engineDoor });
  const gateway = createGateway(warmDeps(options, link));
  const servers = [warmEngine(), http.createServer(gateway.adminListener)];
  const agent = new http.Agent({ keepAlive: true });
  const send = (to: string, body: string) =>
    exchange({ agent, signal, socketPath: gatewayDoor, path: to }, body);
  try {
    for (const door of doors) rmSync(door, { force: true });
    for (const [at, server] of servers.entries()) await listening(server, doors[at] as string);
    await requests(options, send, signal);
  } catch {
    // The first requests will be slower, that is all.
  } finally {
    agent.destroy();
    await link.close().catch(() => {});
    await gateway.close({ graceMs: 0 }).catch(() => {});
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    for (const door of doors) rmSync(door, { force: true });
  }
}

async function requests(
  { deps, requests: count = LIMITS.warmUpRequests }: WarmUpOptions,
  send: (path: string, body: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  // Somebody really waits for these; while they come nothing is warmed.
  const served = () => deps.snapshot().requests.total;
  for (let n = 0; n < count && !signal.aborted; n += 1) {
    const { path: to, body } = warmRequest(n, deps.served.name);
    const startedAt = performance.now();
    await send(to, body);
    const before = served();
    if (before > count) return;
    const share = deps.isReady() ? SHARE.ready : SHARE.starting;
    await pause((performance.now() - startedAt) * (1 / share - 1));
    for (let seen = before; seen !== served() && !signal.aborted; ) {
      seen = served();
      await pause(QUIET_MS);
    }
  }
}

function exchange(options: http.RequestOptions, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'user-agent': 'dynamo',
      'content-length': Buffer.byteLength(body),
    };
    const request = http.request({ ...options, method: 'POST', headers }, (answer) => {
      answer.on('error', reject).on('end', resolve).resume();
    });
    request.on('error', reject).end(body);
  });
}

const pause = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false });

/** The same functions as the real gateway's, with books of their own. */
function warmDeps({ deps, plan }: WarmUpOptions, link: ReturnType<typeof createWorkerLink>): GatewayDeps {
  const bus = createBus({ now: Date.now });
  const { state: _state, ...identity } = deps.snapshot().stack;
  const store = createSnapshotStore(identity);
  const router = warmRouter(plan);
  const misses = new MissTeller(router, (event) => bus.emit(event));
  bus.subscribe((event) => store.apply(event));
  bus.subscribe((event) => misses.apply(event));
  return {
    config: { host: '127.0.0.1', port: 0, apiKeys: [], bodyBytes: deps.config.bodyBytes },
    served: { ...deps.served, acceptAnyName: true, contextTokens: 1 << 20 },
    prompt: deps.prompt,
    router,
    link: () => link,
    engineFields: deps.engineFields,
    ...(deps.answersWhole === undefined ? {} : { answersWhole: deps.answersWhole }),
    onPrompt: (request, prompt) => misses.onPrompt(request, prompt),
    explainMiss: (id) => misses.report(id),
    emit: (event) => bus.emit(event),
    snapshot: () => store.snapshot(Date.now()),
    metrics: deps.metrics,
    report: deps.report,
    subscribe: (listener) => bus.subscribe(listener),
    isReady: () => true,
  };
}

function warmRouter(plan: Plan): Router {
  const router = createRouter({ index: createBlockIndex(), policy: kvPolicy, blockTokens: plan.blockTokens });
  for (const { id } of plan.workers) {
    router.addWorker({ id, blockTokens: plan.blockTokens, kvBlocks: KV_BLOCKS, feed: 'approximate' });
    router.setEligible(id, true);
  }
  return router;
}

const KV_BLOCKS = 1_024;

function listening(server: http.Server, door: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(door, () => resolve());
  });
}
