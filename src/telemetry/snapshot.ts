/** Events reduced to the one snapshot that status, screen and metrics show. One writer: the stack's bus. */
import { TIERS } from '../router/types.js';
import { Histogram } from './histogram.js';
import { addTokensByKind, noTokensByKind } from './kinds.js';
import { MedianHistory } from './median-history.js';
import { type RequestRow, RequestTable } from './request-table.js';
import { RollingSum } from './rolling.js';
import { SessionTable } from './session-table.js';
import { TierRates } from './tier-rates.js';
import type { ProcessSnapshot, Snapshot, StampedEvent, TierSnapshot } from './types.js';
import { WarmTable } from './warm-table.js';
import { WorkerTable } from './worker-table.js';

export type StackIdentity = Omit<Snapshot['stack'], 'state'>;

const MINUTE_MS = 60_000;
const WARNINGS_KEPT = 20;
const UNKNOWN_PROCESS: ProcessSnapshot = {
  eventLoopMs: { p50: null, p99: null, p999: null, max: null },
  memory: { residentBytes: 0, heapUsedBytes: 0 },
};

export interface SnapshotStore {
  apply(event: StampedEvent): void;
  snapshot(now: number): Snapshot;
  /** The address is known only once the listener is open. */
  setUrl(url: string): void;
}

/** `readProcess` gives the state of the stack's process whenever a snapshot is taken. */
export function createSnapshotStore(
  identity: StackIdentity,
  readProcess: () => ProcessSnapshot = () => UNKNOWN_PROCESS,
): SnapshotStore {
  return new Store(identity, readProcess);
}

class Store implements SnapshotStore {
  readonly #histograms = {
    ttftMs: new Histogram(),
    itlMs: new Histogram(),
    queueMs: new Histogram(),
    overheadMs: new Histogram(),
    e2eMs: new Histogram(),
  };
  readonly #stack: Snapshot['stack'];
  readonly #workers = new WorkerTable();
  readonly #requests = new RequestTable();
  readonly #sessions = new SessionTable();
  readonly #counts = { total: 0, failed: 0, cancelled: 0, rejected: 0, continued: 0 };
  readonly #tokens = { prompt: 0, cached: 0, predicted: 0, reachable: 0, generated: 0 };
  readonly #byKind = noTokensByKind();
  readonly #misses: Snapshot['misses'] = {};
  readonly #index = { blocks: 0, bytes: 0, events: 0, refused: 0, gaps: 0, resyncs: 0 };
  readonly #minutePrompt = new RollingSum(MINUTE_MS, 60);
  readonly #minuteCached = new RollingSum(MINUTE_MS, 60);
  readonly #router: Snapshot['router'];
  #recording: Snapshot['recording'] = null;
  #tracing: Snapshot['tracing'] = null;
  #gpus: Snapshot['gpus'] = [];
  readonly #warm = new WarmTable();
  #tiers: TierSnapshot[] = [];
  /** Blocks that engines gave up in their own memory. */
  #evicted = 0;
  readonly #rates = new TierRates();
  #warnings: Snapshot['warnings'] = [];
  readonly #history = {
    ttftMs: new MedianHistory(),
    itlMs: new MedianHistory(),
    queueMs: new MedianHistory(),
    overheadMs: new MedianHistory(),
  };

  readonly #readProcess: () => ProcessSnapshot;

  constructor(identity: StackIdentity, readProcess: () => ProcessSnapshot) {
    this.#stack = { ...identity, state: 'starting' };
    this.#router = { policy: identity.router, faults: 0, lastFault: null };
    this.#readProcess = readProcess;
  }

  setUrl(url: string): void {
    this.#stack.url = url;
  }

  apply(event: StampedEvent): void {
    this.#workers.apply(event);
    const row = this.#requests.apply(event);
    switch (event.type) {
      case 'stack.state':
        this.#stack.state = event.state;
        break;
      case 'index.stats':
        Object.assign(this.#index, {
          blocks: event.blocks,
          bytes: event.bytes,
          events: event.events.stored + event.events.removed + event.events.cleared,
          refused: event.refused,
        });
        this.#evicted = event.events.evictedBlocks;
        break;
      case 'router.fault':
        Object.assign(this.#router, { faults: event.count, lastFault: event.message });
        break;
      case 'recording.stats':
        this.#recording = event.recording;
        break;
      case 'gpu.stats':
        this.#gpus = event.gpus;
        break;
      case 'tracing.stats':
        this.#tracing = event.tracing;
        break;
      case 'warm.ended':
        this.#warm.apply(event);
        break;
      case 'warm.promise':
        this.#warm.promise(event);
        break;
      case 'tier.stats':
        this.#rates.apply(event.tiers, event.at);
        this.#tiers = event.tiers;
        break;
      case 'feed.gap':
        this.#index.gaps += 1;
        if (!event.isFilled) this.#index.resyncs += 1;
        break;
      case 'warning':
        this.#warnings = [
          ...this.#warnings,
          { at: event.at, code: event.code, message: event.message },
        ].slice(-WARNINGS_KEPT);
        break;
      case 'request.regions':
        addTokensByKind(this.#byKind, event.kinds);
        break;
      case 'request.explained':
        this.#explained(event);
        if (row !== undefined) this.#sessions.explained(row, event);
        break;
      case 'request.started':
        this.#counts.total += 1;
        break;
      default:
        if (row !== undefined) this.#request(event, row);
    }
  }

  snapshot(now: number): Snapshot {
    const { prompt, cached, reachable } = this.#tokens;
    const minutePrompt = this.#minutePrompt.sum(now);
    const workers = this.#workers.snapshot(now);
    return {
      version: 1,
      at: now,
      stack: { ...this.#stack },
      ...this.#readProcess(),
      workers,
      gpus: this.#gpus,
      requests: { ...this.#counts, active: this.#requests.active, queued: this.#requests.queued },
      tokens: { ...this.#tokens },
      hitRate: {
        total: share(cached, prompt),
        lastMinute: share(this.#minuteCached.sum(now), minutePrompt),
        reachable: share(reachable, prompt),
      },
      byKind: structuredClone(this.#byKind),
      misses: structuredClone(this.#misses),
      readWriteRatio: prompt === cached ? 0 : cached / (prompt - cached),
      tiers: [
        this.#engineTier(workers),
        ...this.#tiers.map((tier) => ({ ...tier, rates: this.#rates.of(tier.name, now) })),
      ],
      warm: this.#warm.snapshot(prompt - cached),
      latency: {
        ttftMs: this.#histograms.ttftMs.summary(),
        itlMs: this.#histograms.itlMs.summary(),
        queueMs: this.#histograms.queueMs.summary(),
        overheadMs: this.#histograms.overheadMs.summary(),
        e2eMs: this.#histograms.e2eMs.summary(),
      },
      index: { ...this.#index },
      router: { ...this.#router },
      recording: this.#recording,
      tracing: this.#tracing,
      sessions: this.#sessions.snapshot(),
      recent: this.#requests.recent(),
      warnings: [...this.#warnings],
      ttftHistory: this.#history.ttftMs.values(now),
      latencyHistory: {
        itlMs: this.#history.itlMs.values(now),
        queueMs: this.#history.queueMs.values(now),
        overheadMs: this.#history.overheadMs.values(now),
      },
    };
  }

  #request(event: StampedEvent, row: RequestRow): void {
    switch (event.type) {
      case 'request.routed':
        this.#histograms.queueMs.add(event.queueMs);
        this.#histograms.overheadMs.add(event.overheadMs);
        this.#history.queueMs.add(event.at, event.queueMs);
        this.#history.overheadMs.add(event.at, event.overheadMs);
        break;
      case 'request.continued':
        this.#counts.continued += 1;
        break;
      case 'request.first_token':
        this.#histograms.ttftMs.add(event.ttftMs);
        this.#history.ttftMs.add(event.at, event.ttftMs);
        break;
      case 'request.tokens':
        for (const gap of event.itlMs) {
          this.#histograms.itlMs.add(gap);
          this.#history.itlMs.add(event.at, gap);
        }
        this.#tokens.generated += event.count;
        if (row.worker !== null) this.#workers.generated(row.worker, event.at, event.count);
        break;
      case 'request.finished':
        this.#histograms.e2eMs.add(event.e2eMs);
        this.#finished(row, event);
        break;
      case 'request.failed':
        this.#counts.failed += 1;
        break;
      case 'request.cancelled':
        this.#counts.cancelled += 1;
        break;
      case 'request.rejected':
        this.#counts.rejected += 1;
        break;
      default:
    }
  }

  #finished(row: RequestRow, event: Extract<StampedEvent, { type: 'request.finished' }>): void {
    const { usage } = event;
    if (usage === null) return;
    this.#tokens.prompt += usage.promptTokens;
    this.#tokens.cached += usage.cachedTokens;
    this.#tokens.predicted += row.predictedTokens;
    this.#tokens.reachable += row.reachableTokens;
    this.#minutePrompt.add(event.at, usage.promptTokens);
    this.#minuteCached.add(event.at, usage.cachedTokens);
    if (row.worker !== null)
      this.#workers.finished(row.worker, { prompt: usage.promptTokens, cached: usage.cachedTokens });
    this.#sessions.finished(row, event.at);
  }

  #explained({
    cause,
    computedTokens,
    repeatedTokens,
  }: Extract<StampedEvent, { type: 'request.explained' }>): void {
    const sum = this.#misses[cause] ?? { requests: 0, computedTokens: 0, repeatedTokens: 0 };
    this.#misses[cause] = sum;
    sum.requests += 1;
    sum.computedTokens += computedTokens;
    sum.repeatedTokens += repeatedTokens;
  }

  /** The engines' own memory: what the tiers below did not give. */
  #engineTier(workers: Snapshot['workers']): TierSnapshot {
    const blocks = workers.reduce((sum, worker) => sum + worker.kv.blocksUsed, 0);
    const name = TIERS[0];
    return {
      name,
      bytes: 0,
      bytesMax: 0,
      blocks,
      hitTokens: Math.max(
        0,
        this.#tokens.cached - this.#tiers.reduce((sum, tier) => sum + tier.hitTokens, 0),
      ),
      readBytes: 0,
      writtenBytes: 0,
      evicted: this.#evicted,
    };
  }
}

const share = (part: number, whole: number): number | null =>
  whole === 0 ? null : Math.min(1, part / whole);
