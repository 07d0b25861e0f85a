/**
 * Composition root: constructs every concrete part and connects one's outputs to another's inputs.
 * Nothing is decided here; what a request goes through is in `gateway/serve-request`.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Phase } from '../engines/types.js';
import { createGateway, type Gateway } from '../gateway/server.js';
import type { GatewayDeps } from '../gateway/types.js';
import type { Plan, TierPlan } from '../plan/types.js';
import type { SwitchablePromptService } from '../prompt/service.js';
import type { Router } from '../router/router.js';
import { watchAttached } from '../supervisor/attached.js';
import { createSupervisor } from '../supervisor/supervisor.js';
import type { SupervisorService } from '../supervisor/types.js';
import type { TelemetryBus } from '../telemetry/bus.js';
import type { TelemetryEvent } from '../telemetry/types.js';
import { adapterOf } from './adapters.js';
import { type AdminServer, listenAdmin } from './admin.js';
import { attachedWorker } from './attached-worker.js';
import { Books } from './books.js';
import { continuationOf, engineFields, mayBeWhole, needsStrictTools } from './engine-fields.js';
import { keepEngineTiers } from './engine-tiers.js';
import { MissTeller } from './explain-misses.js';
import { gatewayConfig } from './gateway-config.js';
import { watchGpus } from './gpus.js';
import { PREFIXES_KEPT, readPrefixes, writePrefixes } from './kept-prefixes.js';
import { reapLeftoverWorkers } from './leftovers.js';
import { ParserNet } from './parser-net.js';
import { placeWorkers } from './place-workers.js';
import { checkPrompt, loadPrompt } from './prompt-source.js';
import { type Recording, startRecording } from './recording.js';
import { WorkerRestarts } from './restart-worker.js';
import { buildRouter } from './routing.js';
import type { StackSpec, StartMessage } from './spec.js';
import { writeState } from './state-file.js';
import { bridgeSupervisor } from './telemetry-bridge.js';
import { planWithTiers, removeMemoryTier } from './tier-places.js';
import { StackTiers } from './tiers.js';
import { startTracing } from './tracing.js';
import { pinnableTokens, warmSettings } from './warm-settings.js';
import { warmUp } from './warm-up.js';
import { WorkerSet } from './worker-set.js';

export interface StackOptions {
  report(message: StartMessage): void;
  adminSocket: string;
  stateDir: string;
  onStopAsked(options: { isGraceful: boolean }): void;
}

export class Stack {
  url: string;
  readonly #spec: StackSpec;
  readonly #options: StackOptions;
  readonly #bus: TelemetryBus;
  readonly #books: Books;
  #gateway: Gateway | undefined;
  #admin: AdminServer | undefined;
  #supervisor: SupervisorService | undefined;
  #workers: WorkerSet | undefined;
  #tiers: StackTiers | undefined;
  #engineTiers: ReturnType<typeof keepEngineTiers> = null;
  #tierPlans: TierPlan[] = [];
  #recording: Recording | undefined;
  readonly #besides: { close(): Promise<void> }[] = [];
  readonly #beside = new AbortController();
  #isReady = false;

  constructor(spec: StackSpec, options: StackOptions) {
    this.#spec = spec;
    this.#options = options;
    this.url = `http://${spec.host}:${spec.port}`;
    this.#books = new Books(spec, this.url);
    this.#bus = this.#books.bus;
  }

  /** Brings everything up; resolves with the milliseconds it took once every worker serves. */
  async start(): Promise<number> {
    const startedAt = performance.now();
    const { plan, name, paths } = this.#spec;
    this.#bus.emit({ type: 'stack.state', state: 'starting' });
    if (plan.simulation !== undefined) this.#step(plan.reasons[0] as string);
    reapLeftoverWorkers(this.#options.stateDir, (text) => this.#step(text));
    const emit = (event: TelemetryEvent) => this.#bus.emit(event);
    const placed = this.#placeTiers(
      await placeWorkers(plan, paths, name, { isKeyed: this.#spec.keyPolicies.length > 0 }),
      emit,
    );
    const adapter = adapterOf(placed.engine);
    const prompt = await loadPrompt(placed, emit, this.#beside.signal);
    const router = await buildRouter(this.#spec, placed, emit);
    const workers = new WorkerSet({ plan: placed, adapter, router, emit });
    this.#workers = workers;
    await this.#openTiers(placed, router, emit);
    await this.#listenBeside(placed);
    await this.#listen(placed, { router, prompt, workers });
    const tell = (phase: Phase) => this.#step(`preparing the model: ${phase.name}`);
    await this.#startWorkers(await adapter.prepare(placed, tell), workers);
    this.#step(`tokenizer: ${await checkPrompt(prompt, placed, workers)}`);
    this.#isReady = true;
    // Loading a tokenizer takes the loop for a moment; nobody is served yet.
    this.#books.eventLoop.restart();
    this.#bus.emit({ type: 'stack.state', state: 'ready' });
    // An attached engine may be down while the stack is up.
    this.#judge();
    const serving = placed.workers.map(({ id }) => id).filter((id) => !workers.missing().includes(id));
    this.#gateway?.startPrefixes(readPrefixes(this.#options.stateDir, plan), serving, placed.blockTokens);
    return Math.round(performance.now() - startedAt);
  }

  /** Ends everything in the order that loses least: no new requests, running ones finish, workers stop, sockets go. */
  async stop(options: { isGraceful: boolean }): Promise<void> {
    this.#isReady = false;
    this.#beside.abort();
    this.#bus.emit({ type: 'stack.state', state: 'draining' });
    const { stateDir } = this.#options;
    writePrefixes(stateDir, this.#spec.plan, this.#gateway?.usedPrefixes(PREFIXES_KEPT) ?? []);
    await this.#gateway?.close({ graceMs: options.isGraceful ? this.#spec.settings.drainMs : 0 });
    await Promise.all(this.#besides.map((one) => one.close()));
    await this.#workers?.close();
    await this.#supervisor?.stop({ isGraceful: options.isGraceful });
    await this.#workers?.removeSockets();
    await this.#tiers?.close();
    this.#engineTiers?.close();
    removeMemoryTier(this.#tierPlans, this.#spec.paths, this.#spec.name);
    await this.#admin?.close();
    this.#books.close();
  }

  /** What listens beside the requests: recording, traces, GPU figures. */
  async #listenBeside(plan: Plan): Promise<void> {
    const emit = (event: TelemetryEvent) => this.#bus.emit(event);
    const { record, tracing, name } = this.#spec;
    const { servedModel: model, blockTokens } = plan;
    if (record !== undefined) this.#recording = startRecording(record, { model, blockTokens }, emit);
    const traces = tracing === undefined ? null : startTracing(tracing, { name, model }, emit);
    for (const one of [this.#recording, traces, await watchGpus(plan, emit)]) {
      if (one === undefined || one === null) continue;
      this.#besides.push(one);
      this.#bus.subscribe((event) => one.apply(event));
    }
  }

  #placeTiers(plan: Plan, emit: (event: TelemetryEvent) => void): Plan {
    const warn = (message: string) => emit({ type: 'warning', code: 'tier_small', message });
    const placed = planWithTiers(plan, { paths: this.#spec.paths, name: this.#spec.name, warn });
    this.#tierPlans = placed.tiers ?? [];
    return placed;
  }

  async #openTiers(plan: Plan, router: Router, emit: (event: TelemetryEvent) => void): Promise<void> {
    if (!plan.pageReports) {
      this.#engineTiers = keepEngineTiers(plan, emit);
      return;
    }
    const workers = plan.workers.map(({ id }) => id);
    const tiers = new StackTiers({
      tiers: plan.tiers ?? [],
      socket: plan.pageReports,
      router,
      workers,
      emit,
      onHealth: () => this.#judge(),
    });
    await tiers.open();
    this.#tiers = tiers;
    // What lies in a tier outlives what is known of a worker's own memory.
    this.#bus.subscribe((event) => {
      const isDropped = event.type === 'feed.gap' && !event.isFilled;
      if (isDropped || (event.type === 'worker.state' && event.state === 'ready')) tiers.announce();
    });
  }

  async #listen(
    plan: Plan,
    { router, prompt, workers }: { router: Router; prompt: SwitchablePromptService; workers: WorkerSet },
  ): Promise<void> {
    const spec = this.#spec;
    const net = new ParserNet(spec.settings.parsers, plan, (event) => this.#bus.emit(event));
    const misses = new MissTeller(router, (event) => this.#bus.emit(event));
    this.#bus.subscribe((event) => misses.apply(event));
    const attached = new Map(plan.workers.map((worker) => [worker.id, worker.attached]));
    const deps: GatewayDeps = {
      config: gatewayConfig(spec, this.#options.stateDir),
      served: {
        name: plan.servedModel,
        aliases: plan.aliases,
        contextTokens: plan.contextTokens,
        created: Math.floor(spec.askedAt / 1000),
        acceptAnyName: spec.settings.acceptAnyModel,
        strictTools: needsStrictTools(plan),
        defaults: plan.defaults,
      },
      prompt,
      router,
      link: (worker) => workers.link(worker),
      engineFields: (worker, request, prompt) =>
        engineFields(adapterOf(plan.engine), request, prompt, {
          ...(plan.retention === undefined ? {} : { retention: plan.retention }),
          attached: attached.get(worker),
        }),
      continuation: (worker) => continuationOf(plan.engine, attached.get(worker)?.engine),
      textOf: (tokens) => prompt.textOf(tokens),
      answersWhole: (_worker, request) => adapterOf(plan.engine).answersWhole === true && mayBeWhole(request),
      outputFilter: (worker, request, raw) => net.filter(worker, request, raw),
      onPrompt: (request, prompt) => {
        misses.onPrompt(request, prompt);
        this.#recording?.onPrompt(request, prompt);
      },
      explainMiss: (id) => misses.report(id),
      pinnableTokens: () => pinnableTokens(plan, this.#tiers?.capacityTokens() ?? 0),
      warm: warmSettings(plan, spec.settings.warm),
      emit: (event) => this.#bus.emit(event),
      snapshot: () => this.#books.snapshot(),
      report: () => this.#books.report(),
      metrics: (format) => this.#books.metricsText(format),
      subscribe: (listener) => this.#bus.subscribe(listener),
      isReady: () => this.#isReady,
    };
    const gateway = createGateway(deps);
    this.#gateway = gateway;
    this.url = (await gateway.listen()).url;
    this.#books.setUrl(this.url);
    const restarts = this.#restarts(router, workers);
    this.#admin = await listenAdmin(this.#options.adminSocket, gateway.adminListener, {
      stop: this.#options.onStopAsked,
      clearCache: async (tier) => (await this.#tiers?.clear(tier)) ?? 0,
      restartWorker: (worker) => restarts.restart(worker),
      restartEventLoop: () => this.#books.eventLoop.restart(),
      plan: spec.plan,
    });
    void warmUp({ deps, plan, dir: path.dirname(this.#options.adminSocket) }, this.#beside.signal);
  }

  #restarts(router: Router, workers: WorkerSet): WorkerRestarts {
    return new WorkerRestarts(
      {
        isServing: () => this.#isReady,
        stateOf: (worker) => workers.stateOf(worker),
        running: (worker) => router.bookedLoad(worker).requests,
        drain: (worker) => {
          workers.drain(worker);
          this.#judge();
        },
        replace: async (worker) => await this.#supervisor?.restart(worker),
      },
      { drainMs: this.#spec.settings.drainMs, now: () => performance.now(), sleep },
    );
  }

  async #startWorkers(plan: Plan, workers: WorkerSet): Promise<void> {
    const adapter = adapterOf(plan.engine);
    const urlOf = (id: string) => workers.urlOf(id);
    const observer = bridgeSupervisor((event) => this.#bus.emit(event), urlOf, {
      onState: (worker, state, facts) => {
        workers.onState(worker, state, facts.port);
        this.#writeState();
        this.#judge();
        this.#options.report({
          type: 'worker',
          worker,
          state,
          phase: facts.phase.name,
          progress: facts.phase.progress,
          ...(facts.reason === undefined ? {} : { reason: facts.reason }),
        });
      },
      onLog: () => {},
    });
    const supervised = plan.workers.map((worker) => ({ plan, worker, adapter }));
    this.#supervisor =
      plan.engine === 'external'
        ? watchAttached(plan.workers.map(attachedWorker), { observer })
        : createSupervisor(supervised, { observer, logDir: this.#options.stateDir });
    await this.#supervisor.start();
  }

  /** Degraded as soon as one worker does not serve or a tier has stepped aside; ready again when all is well. */
  #judge(): void {
    if (!this.#isReady) return;
    const missing = this.#workers?.missing() ?? [];
    const reasons = [
      ...(missing.length === 0 ? [] : [`not serving: ${missing.join(', ')}`]),
      ...(this.#tiers?.faults() ?? []),
    ];
    const reason = reasons.length === 0 ? {} : { reason: reasons.join('; ') };
    this.#bus.emit({ type: 'stack.state', state: reasons.length === 0 ? 'ready' : 'degraded', ...reason });
  }

  #writeState(): void {
    const { name, plan } = this.#spec;
    const workers = this.#supervisor?.processes() ?? [];
    writeState(this.#options.stateDir, { name, url: this.url, recipe: plan.recipe, workers });
  }

  #step(text: string): void {
    this.#options.report({ type: 'step', text });
  }
}
