/** Events reduced to the snapshot: the figures of a known run, and sanity under any run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBus } from '../../src/telemetry/bus.js';
import { createSnapshotStore } from '../../src/telemetry/snapshot.js';
import type { Snapshot, TelemetryEvent } from '../../src/telemetry/types.js';

const identity = {
  name: 'default',
  pid: 1,
  url: 'http://127.0.0.1:8000',
  recipe: 'smollm2',
  variant: 'q8',
  model: 'smollm2',
  router: 'kv',
  startedAt: 0,
  isSimulated: false,
};

/** The snapshot after events one second apart, read at the end. */
function snapshotAfter(events: readonly TelemetryEvent[]): Snapshot {
  let now = 1_000_000;
  const store = createSnapshotStore(identity);
  const bus = createBus({ now: () => now });
  bus.subscribe((event) => store.apply(event));
  for (const event of events) {
    now += 1_000;
    bus.emit(event);
  }
  return store.snapshot(now);
}

const run = (
  id: string,
  worker: string,
  tokens: { prompt: number; cached: number; predicted: number; reachable: number },
): TelemetryEvent[] => [
  {
    type: 'request.started',
    id,
    dialect: 'chat',
    model: 'smollm2',
    session: `s-${id}`,
    harness: 'codex',
    role: 'main',
    isStream: true,
  },
  {
    type: 'request.routed',
    id,
    worker,
    promptTokens: tokens.prompt,
    predictedTokens: tokens.predicted,
    reachableTokens: tokens.reachable,
    queueMs: 1,
    overheadMs: 0.5,
    decideMs: 0.2,
    preparedMs: 1,
    forwardedMs: 3,
  },
  { type: 'request.first_token', id, ttftMs: 100 },
  { type: 'request.tokens', id, count: 5, itlMs: [10, 10, 10, 10] },
  {
    type: 'request.finished',
    id,
    usage: { promptTokens: tokens.prompt, cachedTokens: tokens.cached, outputTokens: 5, reasoningTokens: 0 },
    e2eMs: 150,
    stopReason: 'stop',
  },
];

describe('the snapshot of a known run', () => {
  const snapshot = snapshotAfter([
    { type: 'stack.state', state: 'ready' },
    {
      type: 'worker.info',
      worker: 'w0',
      engine: 'embedded',
      engineVersion: '1',
      gpus: [],
      blockTokens: 64,
      blocksTotal: 100,
    },
    { type: 'worker.state', worker: 'w0', state: 'ready', pid: 7, url: 'u' },
    { type: 'worker.load', worker: 'w0', running: 1, waiting: 2, kvUsage: 0.25 },
    ...run('a', 'w0', { prompt: 1_000, cached: 0, predicted: 0, reachable: 0 }),
    ...run('b', 'w0', { prompt: 1_000, cached: 800, predicted: 768, reachable: 900 }),
  ]);

  it('weighs hit rates by tokens, from what the engine reports', () => {
    expect(snapshot.hitRate).toEqual({ total: 0.4, lastMinute: 0.4, reachable: 0.45 });
    expect(snapshot.tokens).toEqual({
      prompt: 2_000,
      cached: 800,
      predicted: 768,
      reachable: 900,
      generated: 10,
    });
    expect(snapshot.readWriteRatio).toBeCloseTo(800 / 1_200);
  });

  it('tells latencies within a bucket’s width', () => {
    expect(snapshot.latency.ttftMs.p50).toBeGreaterThan(95);
    expect(snapshot.latency.ttftMs.p50).toBeLessThan(105);
    expect(snapshot.latency.itlMs.count).toBe(8);
  });

  it('counts per worker and per session what it counts in total', () => {
    expect(snapshot.workers[0]).toMatchObject({
      promptTokens: 2_000,
      cachedTokens: 800,
      kv: { blocksUsed: 25 },
      active: { waiting: 2 },
    });
    expect(snapshot.sessions[0]).toMatchObject({
      id: 's-b',
      harness: 'codex',
      requests: 1,
      hitRate: 0.8,
      worker: 'w0',
    });
    expect(snapshot.recent.map(({ id, state }) => `${id} ${state}`)).toEqual(['b done', 'a done']);
  });

  it('keeps a hit rate per turn, and sub-agents apart from the session whose id they bear', () => {
    const turn = (id: string, role: string, cached: number) =>
      run(id, 'w0', { prompt: 100, cached, predicted: 0, reachable: 0 }).map((event) =>
        event.type === 'request.started' ? { ...event, session: 's', role } : event,
      );
    const { sessions } = snapshotAfter([
      ...turn('a', 'main', 0),
      ...turn('b', 'subagent', 20),
      ...turn('c', 'main', 90),
      {
        type: 'request.explained',
        id: 'c',
        cause: 'message_changed',
        computedTokens: 10,
        repeatedTokens: 0,
        parent: 'p',
        divergence: { token: 90, message: 2, kind: 'conversation' },
      },
    ]);
    expect(sessions).toMatchObject([
      {
        id: 's',
        role: 'main',
        turns: [0, 0.9],
        parent: 'p',
        divergence: { turn: 2, token: 90, message: 2, kind: 'conversation' },
      },
      { id: 's', role: 'subagent', turns: [0.2], parent: null, divergence: null },
    ]);
  });

  it('sums misses by cause, and tells each request its own', () => {
    const tokens = { prompt: 100, cached: 40, predicted: 0, reachable: 0 };
    const explained = (id: string, cause: 'grown' | 'evicted', repeatedTokens: number): TelemetryEvent => ({
      type: 'request.explained',
      id,
      cause,
      computedTokens: 60,
      repeatedTokens,
    });
    const { misses, recent } = snapshotAfter([
      ...run('a', 'w0', tokens),
      explained('a', 'grown', 0),
      ...run('b', 'w0', tokens),
      explained('b', 'evicted', 50),
      ...run('c', 'w0', tokens),
      explained('c', 'grown', 0),
    ]);
    expect(misses).toEqual({
      grown: { requests: 2, computedTokens: 120, repeatedTokens: 0 },
      evicted: { requests: 1, computedTokens: 60, repeatedTokens: 50 },
    });
    expect(recent.map(({ id, why }) => `${id} ${why}`)).toEqual(['c grown', 'b evicted', 'a grown']);
  });

  it('tells speed per 2 seconds, newest last', () => {
    const [worker] = snapshotAfter(
      run('a', 'w0', { prompt: 1, cached: 0, predicted: 0, reachable: 0 }),
    ).workers;
    expect(worker?.speedHistory).toHaveLength(30);
    expect(worker?.speedHistory.slice(-2)).toContain(2.5);
    expect(worker?.speedHistory.slice(0, 27)).toEqual(Array.from({ length: 27 }, () => 0));
  });

  it('tells how many blocks the engines gave up in their own memory', () => {
    const events = { stored: 9, removed: 3, cleared: 0, evictedBlocks: 42 };
    const { tiers } = snapshotAfter([{ type: 'index.stats', blocks: 5, bytes: 100, events, refused: 0 }]);
    expect(tiers[0]).toMatchObject({ name: 'gpu', evicted: 42 });
  });

  it('has every field of the contract', () => {
    for (const key of [
      'version',
      'stack',
      'workers',
      'requests',
      'tokens',
      'hitRate',
      'readWriteRatio',
      'tiers',
      'latency',
      'index',
      'sessions',
    ]) {
      expect(snapshot).toHaveProperty(key);
    }
    for (const key of [
      'id',
      'engine',
      'engineVersion',
      'state',
      'phase',
      'pid',
      'url',
      'gpus',
      'feed',
      'kv',
      'active',
      'promptTokens',
      'cachedTokens',
      'restarts',
      'lastError',
    ]) {
      expect(snapshot.workers[0]).toHaveProperty(key);
    }
    expect(Object.keys(snapshot.latency)).toEqual(['ttftMs', 'itlMs', 'queueMs', 'overheadMs', 'e2eMs']);
  });
});

describe('a worker that dies', () => {
  it('is counted as restarted once, and loses its blocks', () => {
    const { workers } = snapshotAfter([
      {
        type: 'worker.info',
        worker: 'w0',
        engine: 'embedded',
        engineVersion: '',
        gpus: [],
        blockTokens: 64,
        blocksTotal: 100,
        abilities: 'KV events',
      },
      { type: 'worker.state', worker: 'w0', state: 'ready', pid: 7 },
      { type: 'worker.load', worker: 'w0', running: 0, waiting: 0, kvUsage: 0.5 },
      { type: 'worker.state', worker: 'w0', state: 'restarting', reason: 'killed' },
      { type: 'worker.state', worker: 'w0', state: 'restarting', reason: 'killed' },
    ]);
    expect(workers[0]).toMatchObject({ restarts: 1, lastError: 'killed', pid: null, kv: { blocksUsed: 0 } });
    expect(workers[0]!.abilities).toBe('KV events');
  });
});

describe('any run of events', () => {
  const id = fc.constantFrom('a', 'b', 'c');
  const worker = fc.constantFrom('w0', 'w1');
  const count = fc.nat(5_000);
  const event: fc.Arbitrary<TelemetryEvent> = fc.oneof(
    fc.record({
      type: fc.constant('request.started' as const),
      id,
      dialect: fc.constant('chat' as const),
      model: fc.string(),
      isStream: fc.boolean(),
    }),
    fc.record({
      type: fc.constant('request.routed' as const),
      id,
      worker,
      promptTokens: count,
      predictedTokens: count,
      reachableTokens: count,
      queueMs: fc.double({ noNaN: false }),
      overheadMs: fc.double(),
      decideMs: fc.double(),
      preparedMs: fc.double(),
      forwardedMs: fc.double(),
    }),
    fc.record({ type: fc.constant('request.first_token' as const), id, ttftMs: fc.double() }),
    fc.record({
      type: fc.constant('request.tokens' as const),
      id,
      count,
      itlMs: fc.array(fc.double(), { maxLength: 3 }),
    }),
    fc.record({ id, prompt: count, share: fc.double({ min: 0, max: 1, noNaN: true }) }).map(
      ({ id: of, prompt, share }): TelemetryEvent => ({
        type: 'request.finished',
        id: of,
        usage: {
          promptTokens: prompt,
          cachedTokens: Math.floor(prompt * share),
          outputTokens: 1,
          reasoningTokens: 0,
        },
        e2eMs: 1,
        stopReason: 'stop',
      }),
    ),
    fc.record({ type: fc.constant('request.cancelled' as const), id, e2eMs: count }),
    fc.record({
      type: fc.constant('worker.load' as const),
      worker,
      running: count,
      waiting: count,
      kvUsage: fc.double({ min: -1, max: 2, noNaN: true }),
    }),
    fc.record({ type: fc.constant('warning' as const), code: fc.string(), message: fc.string() }),
  );

  it('throws nothing, keeps rates between 0 and 1, counts nothing below zero, and stays bounded', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const snapshot = snapshotAfter(events);
        for (const rate of [
          snapshot.hitRate.total,
          snapshot.hitRate.lastMinute,
          snapshot.hitRate.reachable,
        ]) {
          if (rate !== null) expect(rate >= 0 && rate <= 1).toBe(true);
        }
        for (const value of [...Object.values(snapshot.requests), ...Object.values(snapshot.tokens)])
          expect(value).toBeGreaterThanOrEqual(0);
        expect(snapshot.recent.length).toBeLessThanOrEqual(50);
        expect(snapshot.warnings.length).toBeLessThanOrEqual(20);
      }),
    );
  });

  it('reaches every listener although one of them throws', () => {
    const bus = createBus({ now: () => 5 });
    const seen: number[] = [];
    const silence = console.error;
    console.error = () => {};
    bus.subscribe(() => {
      throw new Error('broken listener');
    });
    const stop = bus.subscribe(({ at, sequence }) => seen.push(at + sequence));
    bus.emit({ type: 'stack.state', state: 'ready' });
    bus.emit({ type: 'stack.state', state: 'degraded' });
    stop();
    bus.emit({ type: 'stack.state', state: 'ready' });
    console.error = silence;
    expect(seen).toEqual([5, 6]);
  });
});
