/** The router: owner of the block index, the load book and the sessions. */

import { admit, type Round } from './admission.js';
import { ApproximateFeed } from './approximate.js';
import { BlockEvents } from './block-events.js';
import { type BookedLoad, NOTHING_BOOKED } from './book.js';
import { type Clock, systemClock } from './clock.js';
import { type Decided, decide, type RouterState, workMs } from './decide.js';
import { DecisionRing } from './decisions.js';
import { allowedWorkers, assertPin, holdDetail, retryAfterSeconds } from './eligibility.js';
import type { BlockIndex, Lane } from './index/types.js';
import { type Eviction, type Loss, LossLog } from './losses.js';
import { RoutedRequest } from './placement.js';
import { PolicyGuard } from './policies/guard.js';
import { PredictedBlocks } from './predicted.js';
import { AdmissionQueue, type Hold } from './queue.js';
import { ReachableSet } from './reachable.js';
import { isHeldBack, Residents } from './residents.js';
import { SessionBook } from './sessions.js';
import { DEFAULT_SETTINGS, type RouterSettings } from './settings.js';
import type {
  Decision,
  EventCounts,
  Placement,
  Policy,
  PolicyFaults,
  RouteInput,
  RouterService,
  RouterWorker,
  Tier,
  WorkerId,
} from './types.js';
import { WorkerRecord } from './worker-record.js';

export interface RouterObserver {
  onLoad?(worker: WorkerId, load: BookedLoad): void;
  /** The policy did something wrong and the default decided. */
  onPolicyFault?(faults: PolicyFaults, message: string): void;
}

export interface RouterOptions {
  index: BlockIndex;
  policy: Policy;
  clock?: Clock;
  /** Numbers in [0, 1); seeded in replay. */
  random?: () => number;
  /** Tokens per block of a worker that does not say (0). */
  blockTokens?: number;
  observer?: RouterObserver;
  settings?: Partial<RouterSettings>;
}

/** Where one worker's events go; what `createKvFeed` wants as its sink. */
export interface WorkerFeedSink {
  stored(tier: Tier, parent: bigint | null, engineHashes: BigUint64Array, localHashes: BigUint64Array): void;
  removed(tier: Tier, engineHashes: BigUint64Array, told?: number): void;
  cleared(): void;
  dropAll(): void;
}

/** Worker ids that are not known are ignored by every method but `addWorker`; nothing here throws but it. */
export interface Router extends RouterService {
  /** Registers a worker, not eligible yet; one of the same id is replaced and its blocks forgotten. */
  addWorker(worker: RouterWorker): void;
  removeWorker(worker: WorkerId): void;
  /** Whether requests may be sent there; waiting ones are looked at again. */
  setEligible(worker: WorkerId, isEligible: boolean): void;
  /** The engine's own figures. */
  reportLoad(worker: WorkerId, load: { running: number; waiting: number; kvUsage: number }): void;
  laneOf(worker: WorkerId): Lane | undefined;
  workers(): WorkerId[];
  applyStored(
    worker: WorkerId,
    tier: Tier,
    parent: bigint | null,
    engineHashes: BigUint64Array,
    localHashes: BigUint64Array,
  ): void;
  /** `told` = as how many events it came. */
  applyRemoved(worker: WorkerId, tier: Tier, engineHashes: BigUint64Array, told?: number): void;
  applyCleared(worker: WorkerId): void;
  /** Its cache is gone or can no longer be known. */
  dropWorkerBlocks(worker: WorkerId): void;
  feedSink(worker: WorkerId): WorkerFeedSink;
  /** The last time a worker gave up a block, and all of them at once; null when that is not remembered. */
  evictionOf(worker: WorkerId, sequence: bigint): Eviction | null;
  lossOf(worker: WorkerId): Loss | null;
  /** Applied since start. */
  eventsApplied(): EventCounts;
  bookedLoad(worker: WorkerId): BookedLoad;
}

export function createRouter(options: RouterOptions): Router {
  return new KvRouter(options);
}

class KvRouter implements Router {
  readonly #index: BlockIndex;
  readonly #clock: Clock;
  readonly #observer: RouterObserver;
  readonly #settings: RouterSettings;
  readonly #blockTokens: number;
  readonly #state: RouterState;
  readonly #queue: AdmissionQueue<Placement>;
  readonly #decisions = new DecisionRing();
  readonly #blocks: BlockEvents;

  constructor(options: RouterOptions) {
    const clock = options.clock ?? systemClock;
    this.#index = options.index;
    this.#clock = clock;
    this.#observer = options.observer ?? {};
    this.#settings = { ...DEFAULT_SETTINGS, ...options.settings };
    this.#blockTokens = options.blockTokens ?? 0;
    const reachable = new ReachableSet();
    const sessions = new SessionBook(clock, this.#settings.outputTokens);
    this.#state = {
      index: options.index,
      policy: options.policy,
      guard: new PolicyGuard({
        policy: options.policy,
        clock,
        onFault: (faults, message) => this.#observer.onPolicyFault?.(faults, message),
      }),
      clock,
      random: options.random ?? Math.random,
      turn: 0,
      workers: new Map(),
      priorityAt: Number.NEGATIVE_INFINITY,
      defaultPrefillMsPerToken: this.#settings.prefillMsPerToken,
      sessions,
      residents: new Residents(clock, sessions),
      reachable,
      losses: new LossLog(clock, reachable),
      predicted: new PredictedBlocks(clock, this.#settings.predictedMs),
      approximate: new ApproximateFeed(options.index, clock, this.#settings.approximateMs),
    };
    this.#blocks = new BlockEvents(this.#state);
    this.#queue = new AdmissionQueue(clock, this.#settings, {
      attempt: (input, since, round) => this.#attempt(input, since, round),
      isHeldBack: (input, since) => isHeldBack(this.#state, this.#settings, { input, since }),
      workMs: (input) => workMs(this.#state, input),
      retryAfterSeconds: (waiting) =>
        retryAfterSeconds(this.#state.workers, waiting, this.#settings.maxActivePerWorker),
      detail: (hold) => holdDetail(this.#state.workers, hold),
    });
  }

  async route(input: RouteInput, signal: AbortSignal): Promise<Placement> {
    assertPin(this.#state.workers, input);
    if (input.priority > 0 || input.strictPriority > 0) this.#state.priorityAt = this.#clock.now();
    return this.#queue.enter(input, signal);
  }

  score(input: RouteInput): Decision['candidates'] {
    assertPin(this.#state.workers, input);
    const workers = allowedWorkers(this.#state.workers, input, this.#clock.now());
    return workers.length === 0
      ? []
      : decide(this.#state, input, workers, { isSpeculative: true }).candidates;
  }

  explain(requestId: string): Decision | undefined {
    return this.#decisions.get(requestId);
  }

  computed(worker: WorkerId, prompt: Pick<RouteInput, 'blockTokens' | 'localHashes'>): void {
    this.#blocks.computed(worker, prompt);
  }

  queued(): number {
    return this.#queue.size;
  }

  addWorker(worker: RouterWorker): void {
    this.removeWorker(worker.id);
    const blockTokens = worker.blockTokens === 0 ? this.#blockTokens : worker.blockTokens;
    const lane = this.#index.addLane(worker.kvBlocks);
    const record = new WorkerRecord({ ...worker, blockTokens }, lane);
    this.#state.workers.set(worker.id, record);
    if (worker.feed === 'approximate') this.#state.approximate.addLane(lane, worker.kvBlocks);
  }

  removeWorker(worker: WorkerId): void {
    const record = this.#state.workers.get(worker);
    if (record === undefined) return;
    this.dropWorkerBlocks(worker);
    this.#state.approximate.dropLane(record.lane);
    this.#index.dropLane(record.lane);
    this.#state.workers.delete(worker);
    this.#queue.pump();
  }

  setEligible(worker: WorkerId, isEligible: boolean): void {
    const isNew = this.#state.workers.get(worker)?.setEligible(isEligible, this.#clock.now());
    if (isNew === true) this.#queue.pump();
  }

  reportLoad(worker: WorkerId, load: { running: number; waiting: number; kvUsage: number }): void {
    const book = this.#state.workers.get(worker)?.book;
    if (book !== undefined) Object.assign(book, load);
  }

  workers(): WorkerId[] {
    return [...this.#state.workers.keys()];
  }

  laneOf(worker: WorkerId): Lane | undefined {
    return this.#state.workers.get(worker)?.lane;
  }

  applyStored(
    worker: WorkerId,
    tier: Tier,
    parent: bigint | null,
    engineHashes: BigUint64Array,
    localHashes: BigUint64Array,
  ): void {
    this.#blocks.stored(worker, tier, parent, engineHashes, localHashes);
  }

  applyRemoved(worker: WorkerId, tier: Tier, engineHashes: BigUint64Array, told = 1): void {
    this.#blocks.removed(worker, tier, engineHashes, told);
  }

  applyCleared(worker: WorkerId): void {
    this.#blocks.cleared(worker);
  }

  dropWorkerBlocks(worker: WorkerId): void {
    this.#blocks.dropped(worker);
  }

  evictionOf(worker: WorkerId, sequence: bigint): Eviction | null {
    const lane = this.laneOf(worker);
    return lane === undefined ? null : this.#state.losses.evictionOf(lane, sequence);
  }

  lossOf(worker: WorkerId): Loss | null {
    return this.#state.losses.lossOf(worker);
  }

  feedSink(worker: WorkerId): WorkerFeedSink {
    return {
      stored: (tier, parent, engineHashes, localHashes) =>
        this.applyStored(worker, tier, parent, engineHashes, localHashes),
      removed: (tier, engineHashes, told) => this.applyRemoved(worker, tier, engineHashes, told),
      cleared: () => this.applyCleared(worker),
      dropAll: () => this.dropWorkerBlocks(worker),
    };
  }

  eventsApplied(): EventCounts {
    return { ...this.#blocks.applied };
  }

  bookedLoad(worker: WorkerId): BookedLoad {
    return this.#state.workers.get(worker)?.book.booked() ?? NOTHING_BOOKED;
  }

  #attempt(input: RouteInput, since: number, round: Round): Placement | Hold {
    const startedAt = this.#clock.now();
    const admission = admit(this.#state, this.#settings, { input, since, round });
    return typeof admission === 'string' ? admission : this.#place(input, admission, { since, startedAt });
  }

  #place(
    input: RouteInput,
    decided: Decided,
    { since, startedAt }: { since: number; startedAt: number },
  ): Placement {
    const earlier = input.exclude?.length ? this.#decisions.get(input.requestId) : undefined;
    const placement = new RoutedRequest({
      state: this.#state,
      input,
      decided,
      decision: {
        requestId: input.requestId,
        worker: decided.record.worker.id,
        policy: this.#state.policy.name,
        reason: decided.reason,
        ...(decided.fault === undefined ? {} : { fault: decided.fault }),
        predictedTokens: decided.predictedTokens,
        predictedByTier: decided.predictedByTier,
        // Sent again after a failure: its own first attempt has not made its prompt reachable.
        reachableTokens: earlier?.reachableTokens ?? decided.reachableTokens,
        promptTokens: input.promptTokens,
        candidates: decided.candidates,
        decideMs: 0,
        queueMs: startedAt - since,
      },
      onLoad: (record) => this.#observer.onLoad?.(record.worker.id, this.bookedLoad(record.worker.id)),
      onRoom: () => this.#queue.pump(),
    });
    placement.decision.decideMs = this.#clock.now() - startedAt;
    this.#decisions.add(placement.decision);
    return placement;
  }
}
