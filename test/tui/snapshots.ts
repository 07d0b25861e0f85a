/** A snapshot as a stack would give it, always the same. */
import { noTokensByKind } from '../../src/telemetry/kinds.js';
import type {
  RequestSnapshot,
  SessionSnapshot,
  Snapshot,
  TokensByKind,
  WorkerSnapshot,
} from '../../src/telemetry/types.js';

const START = Date.UTC(2026, 10, 24, 12, 0, 0);

export function snapshotOf({
  workers = 2,
  requests = 12,
}: {
  workers?: number;
  requests?: number;
} = {}): Snapshot {
  const isUsed = requests > 0;
  const known = { p50: 351.2, p95: 1_131, p99: 1_131, count: requests };
  const nothing = { p50: null, p95: null, p99: null, count: 0 };
  return {
    version: 1,
    at: START + 75_000,
    stack: {
      name: 'default',
      pid: 1,
      state: 'ready',
      url: 'http://127.0.0.1:8000',
      recipe: 'smollm2',
      variant: 'q8',
      model: 'smollm2',
      router: 'kv',
      startedAt: START,
      isSimulated: false,
    },
    eventLoopMs: { p50: 0.1, p99: 1, p999: 3, max: 5 },
    memory: { residentBytes: 120_000_000, heapUsedBytes: 30_000_000 },
    workers: Array.from({ length: workers }, (_, index) => workerOf(index)),
    requests: {
      total: requests,
      failed: 0,
      cancelled: 1,
      rejected: 0,
      continued: 0,
      active: isUsed ? 1 : 0,
      queued: 0,
    },
    tokens: isUsed
      ? { prompt: 12_600, cached: 9_677, predicted: 9_677, reachable: 9_930, generated: 800 }
      : { prompt: 0, cached: 0, predicted: 0, reachable: 0, generated: 0 },
    hitRate: isUsed
      ? { total: 0.768, lastMinute: 0.768, reachable: 0.788 }
      : { total: null, lastMinute: null, reachable: null },
    byKind: isUsed ? usedKinds() : noTokensByKind(),
    misses: isUsed
      ? {
          grown: { requests: 8, computedTokens: 1_900, repeatedTokens: 0 },
          never_seen: { requests: 2, computedTokens: 770, repeatedTokens: 0 },
          evicted: { requests: 1, computedTokens: 253, repeatedTokens: 253 },
        }
      : {},
    readWriteRatio: isUsed ? 3.31 : 0,
    tiers: [
      {
        name: 'gpu',
        bytes: 0,
        bytesMax: 0,
        blocks: 48,
        hitTokens: 9_677,
        readBytes: 0,
        writtenBytes: 0,
        evicted: 0,
      },
      {
        name: 'cpu',
        bytes: 3.2 * 1024 ** 3,
        bytesMax: 8 * 1024 ** 3,
        blocks: 820,
        hitTokens: isUsed ? 2_048 : 0,
        readBytes: 120 * 1024 ** 2,
        writtenBytes: 3.4 * 1024 ** 3,
        evicted: 12,
        rates: { readBytes: 5.5 * 1024 ** 2, writtenBytes: 82 * 1024 ** 2 },
        promisesKept: 9,
        promisesBroken: 1,
        fault: null,
      },
    ],
    latency: {
      ttftMs: isUsed ? known : nothing,
      itlMs: nothing,
      queueMs: nothing,
      overheadMs: nothing,
      e2eMs: nothing,
    },
    index: { blocks: 48, bytes: 61_632, events: 12, refused: 0, gaps: 0, resyncs: 0 },
    router: { policy: 'kv', faults: 0, lastFault: null },
    recording: null,
    tracing: null,
    gpus: [],
    latencyHistory: {
      itlMs: Array.from({ length: 60 }, (_, index) => (index < 50 ? null : 20 + index)),
      queueMs: Array.from({ length: 60 }, () => null),
      overheadMs: Array.from({ length: 60 }, (_, index) => (index < 50 ? null : 1)),
    },
    sessions: [
      sessionOf({}),
      sessionOf({ id: 'agent-7', role: 'subagent', parent: 'session-1', turns: [0, 0.5] }),
    ],
    recent: Array.from({ length: requests }, (_, index) => requestOf(index)),
    warnings: [],
    ttftHistory: Array.from({ length: 60 }, (_, index) => (index < 50 ? null : 100 + index * 7)),
  };
}

function workerOf(index: number): WorkerSnapshot {
  return {
    id: `w${index}`,
    engine: 'embedded',
    engineVersion: '0.4.0',
    state: 'ready',
    phase: 'ready',
    pid: 100 + index,
    url: `http://127.0.0.1:4000${index}`,
    gpus: [],
    feed: 'events',
    kv: { blockTokens: 64, blocksTotal: 1_024, blocksUsed: 24 },
    active: { requests: index, waiting: 0, prefillTokens: 0, decodeBlocks: 0 },
    promptTokens: 6_300,
    cachedTokens: 4_838,
    generatedTokens: 400,
    tokensPerSecond: 40,
    speedHistory: Array.from({ length: 30 }, (_, at) => (at < 10 ? 0 : at * 2)),
    restarts: 0,
    lastError: null,
  };
}

function requestOf(index: number): RequestSnapshot {
  return {
    id: `r${index}`,
    dialect: index % 2 === 0 ? 'chat' : 'messages',
    state: index === 0 ? 'active' : 'done',
    session: index % 3 === 0 ? null : `session-${index % 3}`,
    harness: index % 3 === 1 ? 'claude-code' : 'unknown',
    role: 'main',
    why: index === 0 ? null : index % 4 === 1 ? 'never_seen' : 'grown',
    worker: `w${index % 2}`,
    promptTokens: 900 - index,
    cachedTokens: 768,
    predictedTokens: 768,
    outputTokens: 40,
    ttftMs: 300 + index,
    startedAt: START - index * 1_000,
  };
}

export function sessionOf(more: Partial<SessionSnapshot>): SessionSnapshot {
  return {
    id: 'session-1',
    harness: 'claude-code',
    role: 'main',
    parent: null,
    requests: 3,
    hitRate: 0.8,
    turns: [0, 0.7, 0.95],
    divergence: { turn: 2, token: 180, message: 1, kind: 'message_changed' },
    lastSeenAt: START,
    worker: 'w0',
    ...more,
  };
}

function usedKinds(): TokensByKind {
  return {
    ...noTokensByKind(),
    system: { tokens: 4_000, cached: 3_900 },
    tools: { tokens: 5_000, cached: 4_800 },
    conversation: { tokens: 3_000, cached: 900 },
    output: { tokens: 600, cached: 77 },
  };
}
