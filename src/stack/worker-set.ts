/** What hangs on each worker while it serves: its link, its event feed, its metrics, its place in the router. */
import { rmSync } from 'node:fs';
import { capabilitiesOf, capabilityText } from '../engines/capabilities.js';
import type { EngineAdapter } from '../engines/types.js';
import { createKvFeed, type KvFeed, type KvFeedObserver } from '../link/kv-feed.js';
import { scrapeMetrics } from '../link/metrics-scrape.js';
import { createPolledFeed } from '../link/polled-feed.js';
import type { WorkerLink } from '../link/types.js';
import { createWorkerLink } from '../link/worker-link.js';
import type { Plan, WorkerPlan } from '../plan/types.js';
import type { Router } from '../router/router.js';
import type { LifecycleState } from '../supervisor/types.js';
import type { TelemetryEvent } from '../telemetry/types.js';

/** How often a worker's own figures are read. */
const SCRAPE_MS = 1_000;
const NOTHING_READ = { running: null, waiting: null, kvUsage: null };

interface Attached {
  worker: WorkerPlan;
  feed: KvFeed | null;
  link: WorkerLink | undefined;
  scrape: NodeJS.Timeout | undefined;
  /** It served before and stopped serving. */
  wasLost: boolean;
  state: LifecycleState;
}

export class WorkerSet {
  readonly #adapter: EngineAdapter;
  readonly #router: Router;
  readonly #emit: (event: TelemetryEvent) => void;
  readonly #blockTokens: number;
  readonly #workers = new Map<string, Attached>();

  constructor(options: {
    plan: Plan;
    adapter: EngineAdapter;
    router: Router;
    emit: (event: TelemetryEvent) => void;
  }) {
    this.#adapter = options.adapter;
    this.#router = options.router;
    this.#emit = options.emit;
    this.#blockTokens = options.plan.blockTokens;
    for (const message of options.plan.warnings ?? [])
      this.#emit({ type: 'warning', code: 'attach', message });
    for (const worker of options.plan.workers) this.#add(worker);
  }

  /** Link of a worker that serves. */
  link(id: string): WorkerLink | undefined {
    return this.#workers.get(id)?.link;
  }

  anyLink(): WorkerLink | undefined {
    return [...this.#workers.values()].find(({ link }) => link !== undefined)?.link;
  }

  urlOf(id: string): string {
    const worker = this.#workers.get(id)?.worker;
    if (worker === undefined) return '';
    return worker.attached?.url ?? `http://${worker.host}:${worker.port}`;
  }

  /** Ids of workers that do not serve now. */
  missing(): string[] {
    return [...this.#workers.values()]
      .filter(({ state }) => state !== 'ready')
      .map(({ worker }) => worker.id);
  }

  /** The supervisor's word on a worker: the only thing that makes one eligible or not. */
  onState(id: string, state: LifecycleState, port?: number): void {
    const attached = this.#workers.get(id);
    if (attached !== undefined && port !== undefined) attached.worker = { ...attached.worker, port };
    if (attached === undefined || attached.state === state) return;
    const served = attached.state === 'ready' || attached.state === 'draining';
    attached.state = state;
    if (state === 'ready') this.#open(attached);
    else if (served) this.#shut(attached, state);
  }

  stateOf(id: string): LifecycleState | undefined {
    return this.#workers.get(id)?.state;
  }

  /** Nothing new goes to a worker that serves; what runs there goes on. The supervisor's next word ends this. */
  drain(id: string): void {
    const attached = this.#workers.get(id);
    if (attached?.state !== 'ready') return;
    attached.state = 'draining';
    this.#router.setEligible(id, false);
    this.#emit({ type: 'worker.state', worker: id, state: 'draining', phase: 'draining' });
  }

  async close(): Promise<void> {
    for (const attached of this.#workers.values()) this.#shut(attached, 'stopped');
    await Promise.all([...this.#workers.values()].map(({ feed }) => feed?.close()));
  }

  /** Event sockets of workers that could not remove them themselves, and whatever else their engines left. */
  removeSockets(): void {
    for (const { worker } of this.#workers.values()) {
      if (worker.attached !== undefined) continue;
      if (worker.scratch !== undefined) rmSync(worker.scratch, { recursive: true, force: true });
      for (const address of [worker.events?.events, worker.events?.replay]) {
        if (address?.startsWith('ipc://')) rmSync(address.slice('ipc://'.length), { force: true });
      }
    }
  }

  #add(worker: WorkerPlan): void {
    const { id, blockTokens, kvBlocks } = worker;
    const kind = tellsEvents(worker) ? 'events' : 'approximate';
    this.#router.addWorker({ id, blockTokens, kvBlocks: kvBlocks ?? 0, feed: kind });
    this.#router.setEligible(id, false);
    this.#workers.set(id, {
      worker,
      feed: worker.events === null ? null : this.#feed(worker),
      link: undefined,
      scrape: undefined,
      wasLost: false,
      state: 'stopped',
    });
    this.#emit({
      type: 'worker.info',
      worker: id,
      engine: worker.attached?.engine ?? worker.engine,
      abilities: capabilityText(worker.attached?.engine ?? worker.engine),
      engineVersion: '',
      gpus: worker.gpus,
      blockTokens,
      blocksTotal: kvBlocks ?? 0,
    });
    this.#emit({ type: 'feed.state', worker: id, state: kind });
    if (blockTokens !== this.#blockTokens) {
      const message = `${id} has blocks of ${blockTokens} tokens, prompts are cut into ${this.#blockTokens}: its cache is not seen`;
      this.#emit({ type: 'warning', code: 'block_size', message, worker: id });
    }
  }

  #feed(worker: WorkerPlan): KvFeed | null {
    if (worker.events === null) return null;
    const { id, blockTokens, events } = worker;
    const sink = this.#router.feedSink(id);
    return createKvFeed({ worker: id, endpoints: events, blockTokens, sink, observer: this.#observer(id) });
  }

  /** An engine that has to be asked is asked while it serves. */
  #polledFeed(attached: Attached, link: WorkerLink): KvFeed {
    const { id, blockTokens } = attached.worker;
    return createPolledFeed({
      worker: id,
      blockTokens,
      sink: this.#router.feedSink(id),
      observer: this.#observer(id),
      poll: () => link.json('POST', '/kv_cache_events'),
      onUnsupported: (detail) => this.#believe(attached, detail),
    });
  }

  /** No events after all: from now on the router keeps book of what it sends there. */
  #believe({ worker, state }: Attached, detail: string): void {
    const { id, blockTokens, kvBlocks } = worker;
    this.#router.addWorker({ id, blockTokens, kvBlocks: kvBlocks ?? 0, feed: 'approximate' });
    this.#router.setEligible(id, state === 'ready');
    this.#emit({ type: 'feed.state', worker: id, state: 'approximate', reason: detail });
    const message = `${id}: it tells no KV events (${detail}); its cache is reckoned from what is sent to it`;
    this.#emit({ type: 'warning', code: 'feed_missing', message, worker: id });
  }

  #observer(id: string): KvFeedObserver {
    return {
      onGap: (gap) => this.#emit({ type: 'feed.gap', worker: id, ...gap }),
      onWarning: (code, message) =>
        this.#emit({ type: 'warning', code, message: `${id}: ${message}`, worker: id }),
    };
  }

  #open(attached: Attached): void {
    const { worker } = attached;
    // It was out of sight for a while and its blocks were dropped: a new feed asks for all it can still tell.
    if (worker.attached !== undefined && attached.wasLost) {
      void attached.feed?.close();
      attached.feed = this.#feed(worker);
    }
    const rank = worker.attached?.rank;
    const { key } = worker;
    const headers = {
      // vLLM's and SGLang's name for it.
      ...(rank === undefined ? {} : { 'x-data-parallel-rank': String(rank) }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    };
    attached.link = createWorkerLink({
      worker: worker.id,
      url: this.urlOf(worker.id),
      headers,
    });
    if (isAsked(worker)) {
      void attached.feed?.close();
      attached.feed = this.#polledFeed(attached, attached.link);
    }
    this.#router.setEligible(worker.id, true);
    void this.#describe(attached);
    attached.scrape = setInterval(() => void this.#scrape(attached), SCRAPE_MS);
    attached.scrape.unref();
  }

  #shut(attached: Attached, state: LifecycleState): void {
    const { worker } = attached;
    attached.wasLost = true;
    clearInterval(attached.scrape);
    this.#router.setEligible(worker.id, false);
    // A draining worker still answers what it has; a dead one has lost its cache too.
    if (state !== 'draining') {
      if (isAsked(worker)) void attached.feed?.close();
      this.#router.dropWorkerBlocks(worker.id);
      void attached.link?.close();
      attached.link = undefined;
    }
  }

  async #describe({ worker, link }: Attached): Promise<void> {
    const answer = (await link?.json('GET', '/version').catch(() => null)) as { version?: string } | null;
    const { id: name, gpus, blockTokens, kvBlocks } = worker;
    const engine = worker.attached?.engine ?? worker.engine;
    const engineVersion = answer?.version ?? '';
    this.#emit({
      type: 'worker.info',
      worker: name,
      engine,
      engineVersion,
      gpus,
      blockTokens,
      blocksTotal: kvBlocks ?? 0,
    });
  }

  async #scrape({ worker, link }: Attached): Promise<void> {
    if (link === undefined) return;
    const names =
      worker.attached === undefined ? this.#adapter.metrics : capabilitiesOf(worker.attached.engine).metrics;
    // Some give their figures to one reader only: nothing is asked that cannot be read.
    if (names.running === '') return;
    const { running, waiting, kvUsage } = await scrapeMetrics(link, names, worker.attached?.rank).catch(
      () => NOTHING_READ,
    );
    if (running === null) return;
    const load = { running, waiting: waiting ?? 0, kvUsage: kvUsage ?? 0 };
    this.#router.reportLoad(worker.id, load);
    this.#emit({ type: 'worker.load', worker: worker.id, ...load });
  }
}

/** TensorRT-LLM tells its events to whoever asks, once; `events=none` leaves it alone. */
const isAsked = ({ attached, events }: WorkerPlan): boolean =>
  attached !== undefined &&
  capabilitiesOf(attached.engine).events === 'asked' &&
  attached.isAsked !== false &&
  events === null;

const tellsEvents = (worker: WorkerPlan): boolean => worker.events !== null || isAsked(worker);
