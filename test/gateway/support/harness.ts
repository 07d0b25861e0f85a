/** The real gateway, router and links in front of scripted engines; only tokens are counted by a simple rule. */
import { createGateway, type Gateway } from '../../../src/gateway/server.js';
import type { GatewayConfig, GatewayDeps, ServedModel } from '../../../src/gateway/types.js';
import type { WorkerLink } from '../../../src/link/types.js';
import { createWorkerLink } from '../../../src/link/worker-link.js';
import { createPromptService, type PromptService } from '../../../src/prompt/service.js';
import { PlainBlockIndex } from '../../../src/router/index/plain-index.js';
import { loadPolicy } from '../../../src/router/policies/load-policy.js';
import { createRouter, type Router } from '../../../src/router/router.js';
import { MissTeller } from '../../../src/stack/explain-misses.js';
import { createBus, type TelemetryBus } from '../../../src/telemetry/bus.js';
import { MetricsCollector } from '../../../src/telemetry/metrics/collector.js';
import { metricsText } from '../../../src/telemetry/metrics/metrics-text.js';
import { HistoryBook } from '../../../src/telemetry/run-history.js';
import { runReport } from '../../../src/telemetry/run-report.js';
import { createSnapshotStore } from '../../../src/telemetry/snapshot.js';
import type { Snapshot, StampedEvent, TelemetryEvent } from '../../../src/telemetry/types.js';
import { type Script, type ScriptedEngine, startScriptedEngine } from './scripted-engine.js';

export interface TestGateway {
  url: string;
  gateway: Gateway;
  engines: ScriptedEngine[];
  router: Router;
  events: StampedEvent[];
  snapshot(): Snapshot;
  emit(event: TelemetryEvent): void;
  /** Listeners the gateway has subscribed now. */
  listeners(): number;
  /** Events of one type. */
  of<T extends TelemetryEvent['type']>(type: T): Extract<StampedEvent, { type: T }>[];
  /** Resolves when an event of this type has been told. */
  told(type: TelemetryEvent['type']): Promise<void>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export interface GatewayOptions {
  scripts?: Script[];
  config?: Partial<GatewayConfig>;
  served?: Partial<ServedModel>;
  /** Stands in for the links to the engines. */
  link?: (worker: string) => WorkerLink | undefined;
  engineFields?: GatewayDeps['engineFields'];
  outputFilter?: GatewayDeps['outputFilter'];
  continuation?: GatewayDeps['continuation'];
  textOf?: GatewayDeps['textOf'];
  /** Stands in for the counting prompt service; blocks of 16 tokens. */
  prompt?: PromptService;
  /** Whether the workers tell what they hold; `TestGateway.router` takes their events. */
  feed?: 'events' | 'approximate';
  warm?: GatewayDeps['warm'];
  pinnableTokens?: GatewayDeps['pinnableTokens'];
  /** Made once the bus is there; hears every prompt and every event. */
  watch?: (emit: (event: TelemetryEvent) => void) => {
    onPrompt: NonNullable<GatewayDeps['onPrompt']>;
    apply(event: StampedEvent): void;
  };
}

const BLOCK_TOKENS = 16;

export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const engines = await Promise.all((options.scripts ?? [({ say }) => say('Hi')]).map(startScriptedEngine));
  const links = new Map(
    engines.map(({ url }, index) => [`w${index}`, createWorkerLink({ worker: `w${index}`, url })]),
  );
  const bus = createBus({ now: Date.now });
  const store = createSnapshotStore(STACK);
  const metrics = new MetricsCollector();
  const history = new HistoryBook();
  const events: StampedEvent[] = [];
  bus.subscribe((event) => {
    store.apply(event);
    metrics.apply(event);
    history.apply(event);
    events.push(event);
  });
  const watch = options.watch?.((event) => bus.emit(event));
  if (watch !== undefined) bus.subscribe((event) => watch.apply(event));
  const router = startRouter([...links.keys()], options.feed ?? 'approximate');
  const misses = new MissTeller(router, (event) => bus.emit(event));
  bus.subscribe((event) => misses.apply(event));
  let listeners = 0;
  const gateway = createGateway({
    config: { host: '127.0.0.1', port: 0, apiKeys: [], bodyBytes: 1_000_000, ...options.config },
    served: { ...SERVED, ...options.served },
    prompt: options.prompt ?? countingPrompt(),
    router,
    link: options.link ?? ((worker) => links.get(worker)),
    engineFields: options.engineFields ?? (() => ({})),
    ...(options.outputFilter === undefined ? {} : { outputFilter: options.outputFilter }),
    ...(options.continuation === undefined ? {} : { continuation: options.continuation }),
    ...(options.textOf === undefined ? {} : { textOf: options.textOf }),
    onPrompt: (request, prompt) => {
      misses.onPrompt(request, prompt);
      watch?.onPrompt(request, prompt);
    },
    ...(options.pinnableTokens === undefined ? {} : { pinnableTokens: options.pinnableTokens }),
    ...(options.warm === undefined ? {} : { warm: options.warm }),
    explainMiss: (id) => misses.report(id),
    emit: (event) => bus.emit(event),
    snapshot: () => store.snapshot(Date.now()),
    report: () => runReport(store.snapshot(Date.now()), history.history(), metrics),
    metrics: (format) => metricsText(store.snapshot(Date.now()), metrics, format),
    subscribe: (listener) => {
      listeners += 1;
      const unsubscribe = bus.subscribe(listener);
      let isSubscribed = true;
      return () => {
        if (isSubscribed) listeners -= 1;
        isSubscribed = false;
        unsubscribe();
      };
    },
    isReady: () => true,
  });
  const { url } = await gateway.listen();
  return {
    url,
    gateway,
    engines,
    router,
    events,
    snapshot: () => store.snapshot(Date.now()),
    emit: (event) => bus.emit(event),
    listeners: () => listeners,
    of: (type) => events.filter((event) => event.type === type) as never,
    told: (type) => told(bus, events, type),
    post: (path, body, headers = {}) => post(url, path, body, headers),
    close: async () => {
      await gateway.close({ graceMs: 0 });
      await Promise.all([...links.values()].map((link) => link.close()));
      await Promise.all(engines.map((engine) => engine.close()));
    },
  };
}

export const SERVED: ServedModel = {
  name: 'test-model',
  aliases: ['test-alias'],
  contextTokens: 1_000,
  created: 1_700_000_000,
  acceptAnyName: false,
  defaults: {},
};

const STACK = {
  name: 'test',
  pid: process.pid,
  url: '',
  recipe: 'test',
  variant: 'test',
  model: SERVED.name,
  router: 'kv',
  startedAt: Date.now(),
  isSimulated: false,
};

function startRouter(workers: readonly string[], feed: 'events' | 'approximate'): Router {
  const router = createRouter({
    index: new PlainBlockIndex(1 << 20),
    policy: loadPolicy('kv'),
    blockTokens: BLOCK_TOKENS,
    settings: { failedWaitMs: 20 },
  });
  for (const id of workers) {
    router.addWorker({ id, blockTokens: BLOCK_TOKENS, kvBlocks: 1_000, feed });
    router.setEligible(id, true);
  }
  return router;
}

/** Four bytes are a token, and that is taken for exact. */
function countingPrompt(): PromptService {
  const service = createPromptService({ local: null, blockTokens: BLOCK_TOKENS, warn: () => {} });
  return {
    prepare: async (request) => Object.assign(await service.prepare(request), { source: 'local' as const }),
  };
}

/** As with an engine of unknown tokenizer. */
export function textPrompts(): PromptService {
  return createPromptService({ local: null, blockTokens: BLOCK_TOKENS, warn: () => {} });
}

function told(bus: TelemetryBus, events: StampedEvent[], type: TelemetryEvent['type']): Promise<void> {
  if (events.some((event) => event.type === type)) return Promise.resolve();
  return new Promise((resolve) => {
    const unsubscribe = bus.subscribe((event) => {
      if (event.type !== type) return;
      unsubscribe();
      resolve();
    });
  });
}

function post(url: string, path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}
