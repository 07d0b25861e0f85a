/** Everything that can happen, and the snapshot those events reduce to (`status --json`). */
import type { DialectName, Usage } from '../request/types.js';
import type { EventCounts, TierBlocks } from '../router/types.js';
import type { MissCause } from './miss-cause.js';
import type { GpuSnapshot, RecordingSnapshot, TierSnapshot } from './parts.js';
import type { TracingSnapshot } from './tracing/types.js';

export type { GpuSnapshot, RecordingSnapshot, TierSnapshot };

export type WorkerState = 'starting' | 'ready' | 'draining' | 'failed' | 'restarting' | 'stopped';
export type StackState = 'starting' | 'ready' | 'degraded' | 'draining' | 'stopped';
export type FeedState = 'events' | 'approximate' | 'none';

/** Prompt tokens by kind of region, and those of them read from a cache. */
export type TokensByKind = Record<
  'system' | 'tools' | 'conversation' | 'tool_result' | 'reasoning' | 'output',
  { tokens: number; cached: number }
>;

/** Past facts, `area.fact`. `at` is Unix milliseconds, stamped by the bus. */
export type TelemetryEvent =
  | { type: 'stack.state'; state: StackState; reason?: string }
  | {
      type: 'worker.state';
      worker: string;
      state: WorkerState;
      phase?: string;
      progress?: number | null;
      pid?: number;
      url?: string;
      reason?: string;
    }
  | {
      type: 'worker.info';
      worker: string;
      engine: string;
      engineVersion: string;
      gpus: number[];
      blockTokens: number;
      blocksTotal: number;
      /** What its engine can do, one line. */
      abilities?: string;
    }
  | { type: 'worker.load'; worker: string; running: number; waiting: number; kvUsage: number }
  | { type: 'worker.log'; worker: string; line: string }
  | { type: 'feed.state'; worker: string; state: FeedState; reason?: string }
  | { type: 'feed.gap'; worker: string; expected: number; got: number; isFilled: boolean }
  | {
      type: 'index.stats';
      blocks: number;
      bytes: number;
      events: EventCounts;
      refused: number;
    }
  | { type: 'router.fault'; policy: string; count: number; message: string }
  | { type: 'recording.stats'; recording: RecordingSnapshot }
  | { type: 'gpu.stats'; gpus: GpuSnapshot[] }
  | { type: 'tracing.stats'; tracing: TracingSnapshot }
  | { type: 'tier.stats'; tiers: TierSnapshot[] }
  | { type: 'booking.load'; worker: string; requests: number; prefillTokens: number; decodeBlocks: number }
  | {
      type: 'request.started';
      id: string;
      dialect: DialectName;
      model: string;
      session?: string;
      harness?: string;
      role?: string;
      isStream: boolean;
      /** The client's own trace, as its W3C header names it. */
      traceParent?: string;
    }
  | {
      type: 'request.routed';
      id: string;
      worker: string;
      promptTokens: number;
      predictedTokens: number;
      predictedByTier?: TierBlocks;
      reachableTokens: number;
      queueMs: number;
      overheadMs: number;
      /** Spent in lookup and selection. */
      decideMs: number;
      /** From the request's first byte to: its prompt tokenized, itself on the way to the worker. */
      preparedMs: number;
      forwardedMs: number;
    }
  /** Its worker was lost in mid-answer, of which so many tokens are known; `to` takes it up. */
  | { type: 'request.continued'; id: string; from: string; to: string; tokens: number; reason: string }
  | { type: 'request.first_token'; id: string; ttftMs: number }
  | { type: 'request.tokens'; id: string; count: number; itlMs: number[] }
  | { type: 'request.finished'; id: string; usage: Usage | null; e2eMs: number; stopReason: string }
  /** Told some time after the end; not exact where the prompt was too long to look through. */
  | { type: 'request.regions'; id: string; kinds: TokensByKind; isExact: boolean }
  /** Told right after the end: why what was computed had not been read from a cache. */
  | {
      type: 'request.explained';
      id: string;
      cause: MissCause;
      /** Prompt tokens computed, and those of them that had been computed before. */
      computedTokens: number;
      repeatedTokens: number;
      /** The session that started this one. */
      parent?: string;
      /** Where the prompt first differs from the session's last one. */
      divergence?: { token: number; message: number; kind: string };
    }
  /** A prefix computed ahead of its request; no user traffic, counted apart in every figure. */
  | {
      type: 'warm.ended';
      cause: string;
      outcome: string;
      worker: string;
      promptTokens: number;
      cachedTokens: number;
    }
  /** The lifetime a client asked for is over, on an engine that keeps none by itself. */
  | { type: 'warm.promise'; isKept: boolean }
  | { type: 'request.failed'; id: string; code: string; message: string; e2eMs: number }
  | { type: 'request.cancelled'; id: string; e2eMs: number }
  | { type: 'request.rejected'; id: string; code: string; message: string }
  | { type: 'warning'; code: string; message: string; worker?: string; request?: string };

export type StampedEvent = TelemetryEvent & { at: number; sequence: number };

/** Milliseconds. Null before the first sample. */
export interface LatencySummary {
  p50: number | null;
  p95: number | null;
  p99: number | null;
  count: number;
}

/** How late the event loop is, in milliseconds. Null before the first sample. */
export interface EventLoopSummary {
  p50: number | null;
  p99: number | null;
  p999: number | null;
  max: number | null;
}

/** The stack's own process. */
export interface ProcessSnapshot {
  /** Over the last one to two minutes. */
  eventLoopMs: EventLoopSummary;
  memory: { residentBytes: number; heapUsedBytes: number };
}

export interface WorkerSnapshot {
  id: string;
  engine: string;
  engineVersion: string;
  /** What its engine can do, one line; absent until it is known. */
  abilities?: string;
  state: WorkerState;
  phase: string;
  pid: number | null;
  url: string;
  gpus: number[];
  feed: FeedState;
  kv: { blockTokens: number; blocksTotal: number; blocksUsed: number };
  active: { requests: number; waiting: number; prefillTokens: number; decodeBlocks: number };
  promptTokens: number;
  cachedTokens: number;
  generatedTokens: number;
  /** Output tokens per second over the last ten seconds. */
  tokensPerSecond: number;
  /** The same per 2 seconds over the last minute, newest last. */
  speedHistory: number[];
  restarts: number;
  lastError: string | null;
}

/** Prefixes computed ahead of their requests; in none of the other figures. */
export interface WarmSnapshot {
  /** Jobs per cause and per how they ended. */
  causes: Record<string, Record<string, number>>;
  promptTokens: number;
  /** Of them, tokens that had to be computed. */
  computedTokens: number;
  /** Of all prompt tokens computed; null before anything was. */
  share: number | null;
  /** Lifetimes asked for that held and did not, on engines that keep none by themselves. */
  promises: { kept: number; broken: number };
}

export interface SessionSnapshot {
  id: string;
  harness: string;
  role: string;
  /** The session that started this one; null for none that is known. */
  parent: string | null;
  requests: number;
  hitRate: number | null;
  /** Hit rate of each of the last turns, newest last; null where the prompt was empty. */
  turns: (number | null)[];
  /** Where its prompt last stopped being the one before; null when it has only grown. */
  divergence: { turn: number; token: number; message: number; kind: string } | null;
  lastSeenAt: number;
  worker: string;
}

/** One line of the screen's request list, newest first. */
export interface RequestSnapshot {
  id: string;
  dialect: DialectName;
  state: 'queued' | 'active' | 'done' | 'failed' | 'cancelled' | 'rejected';
  session: string | null;
  harness: string;
  role: string;
  worker: string | null;
  promptTokens: number;
  cachedTokens: number;
  predictedTokens: number;
  outputTokens: number;
  ttftMs: number | null;
  /** Why its prompt was not read from a cache; null until that is known. */
  why: MissCause | null;
  startedAt: number;
}

export interface Snapshot extends ProcessSnapshot {
  version: 1;
  at: number;
  stack: {
    name: string;
    pid: number;
    state: StackState;
    url: string;
    recipe: string;
    variant: string;
    model: string;
    router: string;
    startedAt: number;
    isSimulated: boolean;
  };
  workers: WorkerSnapshot[];
  /** Of the workers' plan; empty without GPUs, or where nothing tells their figures. */
  gpus: GpuSnapshot[];
  requests: {
    total: number;
    failed: number;
    cancelled: number;
    rejected: number;
    /** Times an answer went on at another worker because its own was lost. */
    continued: number;
    active: number;
    queued: number;
  };
  tokens: { prompt: number; cached: number; predicted: number; reachable: number; generated: number };
  /** Token-weighted, 0..1; null before the first request. */
  hitRate: { total: number | null; lastMinute: number | null; reachable: number | null };
  /** Where the prompt tokens and the cached ones are: by kind of region, told a little after the requests. */
  byKind: TokensByKind;
  /** Requests by why their prompt was not read from a cache, and the tokens they computed. */
  misses: Partial<Record<MissCause, { requests: number; computedTokens: number; repeatedTokens: number }>>;
  /** Cached prompt tokens ÷ computed prompt tokens. */
  readWriteRatio: number | null;
  tiers: TierSnapshot[];
  warm: WarmSnapshot;
  latency: {
    ttftMs: LatencySummary;
    itlMs: LatencySummary;
    queueMs: LatencySummary;
    overheadMs: LatencySummary;
    e2eMs: LatencySummary;
  };
  /** `refused`: stores left out because the index is at its bound. */
  index: { blocks: number; bytes: number; events: number; refused: number; gaps: number; resyncs: number };
  /** Decisions and outcomes a user's own router got wrong; the default decided instead. */
  router: { policy: string; faults: number; lastFault: string | null };
  /** Null without `--record`. */
  recording: RecordingSnapshot | null;
  /** Null without `--otel`. */
  tracing: TracingSnapshot | null;
  sessions: SessionSnapshot[];
  recent: RequestSnapshot[];
  /** Newest warnings, at most 20. */
  warnings: { at: number; code: string; message: string }[];
  /** Median per 5-second bucket in milliseconds, newest last, at most 60; null where there is nothing. */
  ttftHistory: (number | null)[];
  /** The same for the other latencies. */
  latencyHistory: Record<'itlMs' | 'queueMs' | 'overheadMs', (number | null)[]>;
}
