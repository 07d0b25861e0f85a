/**
 * What goes wrong with routers elsewhere, one named test each (the sources are bug reports of other projects): through the
 * real router, index, feed and gateway. The flood of a million events is in test/link/kv-flood.test.ts.
 */
import { encode } from '@msgpack/msgpack';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mockTiming } from '../../src/engines/simulator/timing.js';
import { LIMITS } from '../../src/limits.js';
import { BlockMapper } from '../../src/link/kv-blocks.js';
import { decodeBatch } from '../../src/link/kv-events.js';
import { BatchOrder } from '../../src/link/kv-order.js';
import { figuresOf } from '../../src/replay/metrics.js';
import { runReplay } from '../../src/replay/run.js';
import type { Turn, Workload } from '../../src/replay/types.js';
import { createBlockIndex } from '../../src/router/index/create-index.js';
import { loadPolicy, POLICY_NAMES } from '../../src/router/policies/load-policy.js';
import type { Router } from '../../src/router/router.js';
import { RollingSum } from '../../src/telemetry/rolling.js';
import { startGateway, type TestGateway } from '../gateway/support/harness.js';
import { nodes, workloadOf } from '../replay/workloads.js';
import { BLOCK, input, outcomeOf, type Rig, rig, tokens } from './support/rig.js';

/** GPU blocks of a prompt each worker is believed to hold. */
const held = ({ router }: Pick<Rig, 'router'>, prompt: readonly number[]): Record<string, number> =>
  Object.fromEntries(router.score(input(prompt)).map(({ worker, overlap }) => [worker, overlap.gpu]));

describe('a widely shared system prompt', () => {
  /** Sessions that share 200 blocks and add as many of their own; one more begins every `gapMs`. */
  function sharing(sessions: number, gapMs: number): Workload {
    const shared = nodes(0, 200);
    const turns: Partial<Turn>[] = [];
    for (let session = 0; session < sessions; session++) {
      for (let turn = 0; turn < 10; turn++) {
        const own = nodes(10_000 * (session + 1), 20 * (turn + 1));
        const blocks = Int32Array.from([...shared, ...own]);
        const after = turn === 0 ? [] : [turns.length - 1];
        turns.push({
          session,
          atMs: session * gapMs,
          after,
          delayMs: 20,
          blocks,
          promptTokens: blocks.length * 64 + 9,
          outputTokens: 100,
        });
      }
    }
    return workloadOf(
      turns,
      Array.from({ length: sessions }, (_, n) => `s${n}`),
    );
  }

  it.each([50, 500])('does not pile every session on one worker (one more every %i ms)', async (gapMs) => {
    const workload = sharing(32, gapMs);
    const run = await runReplay(workload, {
      workers: 4,
      blocks: 4_000,
      policy: loadPolicy('kv'),
      retention: 'lru',
      seed: 1,
      timing: mockTiming(),
    });
    const { workers, hitRate, hitRateReachable, requests } = figuresOf(workload, run);
    for (const worker of workers) {
      expect(worker.requests).toBeGreaterThan(0);
      expect(worker.requests / requests).toBeLessThan(0.5);
    }
    // Spreading costs each worker the shared prompt once, no more.
    expect(hitRate).toBeGreaterThan(hitRateReachable - 0.03);
  });

  it('does not pile clients that send no session on one worker either', async () => {
    const made = rig({ workers: [{}, {}, {}, {}].map(() => ({ kvBlocks: 8_000 })) });
    const shared = tokens(1, 100 * BLOCK);
    const placed = new Map<string, number>();
    for (let n = 0; n < 100; n++) {
      // Each stays active: the load is what has to be seen.
      const placement = await made.route([...shared, ...tokens(10 + n, 60 * BLOCK)]);
      placement.firstToken();
      placed.set(placement.worker, (placed.get(placement.worker) ?? 0) + 1);
    }
    expect(Math.max(...placed.values())).toBeLessThan(50);
    expect(placed.size).toBe(4);
  });
});

describe('misses at low concurrency', () => {
  it.each(POLICY_NAMES)('do not always go to worker 0 under %s', async (policyName) => {
    const made = rig({ policyName, workers: [{}, {}, {}, {}] });
    const counts = new Map<string, number>();
    for (let n = 0; n < 80; n++) {
      const { worker } = await made.serve(tokens(n + 1, 10 * BLOCK), []);
      counts.set(worker, (counts.get(worker) ?? 0) + 1);
      // Live contexts end: only the tie is left to decide.
      made.clock.advance(LIMITS.sessionLiveMs + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['w0', 'w1', 'w2', 'w3']);
    expect(Math.max(...counts.values())).toBeLessThan(40);
  });
});

describe('a hot worker', () => {
  it('sheds load: new sessions of its prefix, and in the end its own', async () => {
    const made = rig({ workers: [{ kvBlocks: 4_000 }, { kvBlocks: 4_000 }] });
    const shared = tokens(1, 60 * BLOCK);
    const home = await made.serve(shared, [], { sessionId: 'home' });
    const hot = home.worker;
    const again = (topic: number, sessionId: string) =>
      made.router.score(input([...shared, ...tokens(topic, 40)], { sessionId }));
    const best = (scores: ReturnType<Router['score']>): string =>
      scores.reduce((low, one) => ((one.terms['total'] ?? 0) < (low.terms['total'] ?? 0) ? one : low)).worker;
    expect(best(again(2, 'home'))).toBe(hot);
    const queued = [];
    for (let n = 0; n < 6; n++) {
      queued.push(await made.route(tokens(50 + n, 400), { workerPin: hot }));
    }
    expect(best(again(3, 'new'))).not.toBe(hot);
    expect(best(again(2, 'home'))).not.toBe(hot);
    for (const placement of queued) placement.abandon();
    expect(best(again(2, 'home'))).toBe(hot);
  });
});

describe('a worker measured slow once', () => {
  it('is tried again, and when it is not slow it is used like the others', async () => {
    const made = rig({ workers: [{ kvBlocks: 4_000 }, { kvBlocks: 4_000 }] });
    let topic = 1;
    const serve = async (msPerToken: (worker: string) => number) => {
      const prompt = tokens(topic++, 20 * BLOCK);
      const placement = await made.route(prompt, { sessionId: `s${topic}` });
      made.clock.advance(prompt.length * msPerToken(placement.worker));
      made.complete(placement, prompt, { cachedTokens: 0 });
      return placement.worker;
    };
    // A neighbour on the machine slows w1 down for its first requests.
    for (let n = 0; n < 6; n++) await serve((worker) => (worker === 'w1' ? 4 : 1));
    const avoided = [];
    for (let n = 0; n < 6; n++) avoided.push(await serve(() => 1));
    expect(new Set(avoided)).toEqual(new Set(['w0']));
    made.clock.advance(5 * 60_000);
    const later: string[] = [];
    for (let n = 0; n < 20; n++) later.push(await serve(() => 1));
    expect(later.filter((worker) => worker === 'w1').length).toBeGreaterThan(5);
  });
});

describe('a dead worker', () => {
  let gateway: TestGateway | undefined;
  afterEach(() => gateway?.close());

  it('holds nothing from that moment on, and gets nothing', async () => {
    const made = rig();
    const prompt = tokens(1, 20 * BLOCK);
    const { worker } = await made.serve(prompt, []);
    expect(held(made, prompt)[worker]).toBe(20);
    made.router.setEligible(worker, false);
    made.router.dropWorkerBlocks(worker);
    expect(held(made, prompt)).toEqual({ [worker === 'w0' ? 'w1' : 'w0']: 0 });
    made.router.setEligible(worker, true);
    expect(held(made, prompt)[worker]).toBe(0);
    expect(made.router.score(input(prompt))[0]?.load).toMatchObject({ activeRequests: 0, prefillTokens: 0 });
  });

  it('fails its requests over when no byte was sent, whichever it was', async () => {
    gateway = await startGateway({
      scripts: [({ response }) => void response.destroy(), ({ say }) => say('from the other')],
    });
    for (let n = 0; n < 6; n++) {
      const body = {
        model: 'test-model',
        stream: n % 2 === 0,
        messages: [{ role: 'user', content: `question ${n}` }],
      };
      const answer = await gateway.post('/v1/chat/completions', body);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('from the other');
    }
    expect(gateway.of('request.failed')).toHaveLength(0);
    expect(gateway.router.bookedLoad('w0').requests).toBe(0);
  });
});

/** A worker's feed without its sockets: numbered batches through decoding, order and block mapping into the router. */
function feedInto(made: Rig, replayable: Map<number, Uint8Array> = new Map()) {
  const mapper = new BlockMapper(BLOCK);
  const sink = made.router.feedSink('w0');
  const gaps: { expected: number; got: number; isFilled: boolean }[] = [];
  const refused: string[] = [];
  const order = new BatchOrder({
    apply: ({ payload }) => {
      const { timestamp, events } = decodeBatch(payload);
      for (const event of events) {
        if (event.type === 'cleared') sink.cleared();
        if (event.type === 'removed') {
          const mapped = mapper.removed(event);
          if (mapped.ok) sink.removed(mapped.blocks.tier, mapped.blocks.engineHashes);
        }
        if (event.type !== 'stored') continue;
        const mapped = mapper.stored(event);
        if (!mapped.ok) refused.push(mapped.code);
        else {
          const { tier, parent, engineHashes, localHashes } = mapped.blocks;
          sink.stored(tier, parent, engineHashes, localHashes);
        }
      }
      return timestamp;
    },
    timestampOf: ({ payload }) => decodeBatch(payload).timestamp,
    drop: () => {
      mapper.forget();
      sink.dropAll();
    },
    replay: async (start, onBatch) => {
      for (const [sequence, payload] of replayable) {
        if (sequence >= start) onBatch({ sequence, payload: Buffer.from(payload) });
      }
      return 'complete';
    },
    onGap: (gap) => gaps.push(gap),
    onRestart: () => {},
  });
  const live = async (sequence: number, payload: Uint8Array) => {
    await order.live({ sequence, payload: Buffer.from(payload) });
  };
  return { live, order, gaps, refused };
}

/** A batch that stores a prompt's blocks `from` … `from + count − 1`; hashes are positions, from 1. */
function storing(
  prompt: readonly number[],
  { from = 0, count, at = 1, size = BLOCK }: { from?: number; count: number; at?: number; size?: number },
): Uint8Array {
  const hash = (block: number): number => (prompt[0] as number) + block + 1;
  return encode([
    at,
    [
      {
        type: 'BlockStored',
        block_hashes: Array.from({ length: count }, (_, n) => hash(from + n)),
        parent_block_hash: from === 0 ? null : hash(from - 1),
        token_ids: prompt.slice(from * size, (from + count) * size),
        block_size: size,
        medium: 'GPU',
      },
    ],
    0,
  ]);
}

describe('a feed', () => {
  const prompt = tokens(1, 10 * BLOCK);

  it('with a gap that can be filled misses nothing', async () => {
    const made = rig();
    const lost = storing(prompt, { from: 4, count: 3 });
    const { live, gaps } = feedInto(made, new Map([[1, lost]]));
    await live(0, storing(prompt, { count: 4 }));
    await live(2, storing(prompt, { from: 7, count: 3 }));
    expect(held(made, prompt)['w0']).toBe(10);
    expect(gaps).toEqual([{ expected: 1, got: 2, isFilled: true }]);
  });

  it('with a gap nobody can fill believes nothing of before, only of that worker, and says so', async () => {
    const made = rig();
    const { live, gaps } = feedInto(made);
    await live(0, storing(prompt, { count: 10 }));
    await made.serve(prompt, [], { workerPin: 'w1' });
    await live(5, storing(tokens(2, 2 * BLOCK), { count: 2 }));
    expect(held(made, prompt)).toEqual({ w0: 0, w1: 10 });
    expect(held(made, tokens(2, 2 * BLOCK))['w0']).toBe(2);
    expect(gaps).toEqual([{ expected: 1, got: 5, isFilled: false }]);
  });

  it('of a worker that clears its cache leaves nothing on the gpu, and what comes after counts', async () => {
    const made = rig();
    const { live } = feedInto(made);
    await live(0, storing(prompt, { count: 10 }));
    await live(1, encode([2, [{ type: 'AllBlocksCleared' }], 0]));
    expect(held(made, prompt)['w0']).toBe(0);
    await live(2, storing(prompt, { count: 3 }));
    expect(held(made, prompt)['w0']).toBe(3);
  });

  it('whose block size changes after a restart is not believed, said once each time, and heard again when it is right', async () => {
    const made = rig();
    const { live, refused } = feedInto(made);
    await live(0, storing(prompt, { count: 10 }));
    // A new run begins at 0 again.
    await live(0, storing(prompt, { count: 5, size: 2 * BLOCK, at: 9 }));
    expect(refused).toEqual(['kv_block_size']);
    expect(held(made, prompt)['w0']).toBe(0);
    expect((await made.route(prompt)).decision.predictedTokens).toBe(0);
    await live(0, storing(prompt, { count: 4, at: 20 }));
    expect(held(made, prompt)['w0']).toBe(4);
  });

  it('whose clock jumps back is followed by its numbers', async () => {
    const made = rig();
    const { live, gaps } = feedInto(made);
    await live(0, storing(prompt, { count: 4, at: 1_000_000 }));
    await live(1, storing(prompt, { from: 4, count: 4, at: 3 }));
    expect(held(made, prompt)['w0']).toBe(8);
    expect(gaps).toEqual([]);
  });
});

describe('the index at its bound', () => {
  it.each([
    'wasm',
    'js',
  ] as const)('leaves blocks out and counts them, serves all the same, and recovers (%s)', async (implementation) => {
    const index = createBlockIndex({ implementation, maxBytes: 3 * 1024 * 1024 });
    const made = rig({ index });
    let topic = 1;
    while (index.stats().refused === 0 && topic < 3_000) {
      await made.serve(tokens(topic, 200 * BLOCK), [], { workerPin: 'w0' });
      topic += 1;
    }
    const { refused, bytes, blocks } = index.stats();
    expect(refused).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(3 * 1024 * 1024);
    expect(blocks).toBeGreaterThan(10_000);
    const late = tokens(topic + 1, 20 * BLOCK);
    const placement = await made.route(late);
    expect(placement.decision.predictedTokens).toBe(0);
    placement.finish(outcomeOf(placement));
    expect(held(made, tokens(1, 200 * BLOCK))['w0']).toBe(200);
    made.router.dropWorkerBlocks('w0');
    await made.serve(late, [], { workerPin: 'w1' });
    expect(held(made, late)['w1']).toBe(20);
  });
});

describe('clock jumps', () => {
  afterEach(() => vi.useRealTimers());

  it('of the wall clock change nothing the router does', async () => {
    const { clock: _fake, ...made } = rig({ clock: { now: () => performance.now(), after: () => () => {} } });
    const prompt = tokens(1, 10 * BLOCK);
    const { worker } = await made.serve(prompt, [], { sessionId: 's' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 30 * 86_400_000 });
    expect(await made.route(prompt, { sessionId: 's' })).toMatchObject({ worker });
    vi.setSystemTime(0);
    const { decision } = await made.route(prompt, { sessionId: 's' });
    expect(decision).toMatchObject({ worker, predictedTokens: 9 * BLOCK });
    expect(decision.queueMs).toBeLessThan(10_000);
  });

  it('after a suspended night nothing hangs, and what is stale is not believed', async () => {
    const made = rig({
      workers: [{ feed: 'approximate', kvBlocks: 1_000 }],
      settings: { maxActivePerWorker: 1 },
    });
    const prompt = tokens(1, 10 * BLOCK);
    const running = await made.route(prompt);
    running.firstToken();
    const waiting = made.route(prompt).catch((error: { code: string }) => error.code);
    made.clock.advance(10 * 3_600_000);
    expect(await waiting).toBe('overloaded');
    running.finish(outcomeOf(running));
    expect(made.router.bookedLoad('w0')).toEqual({ requests: 0, prefillTokens: 0, decodeBlocks: 0 });
    expect(held(made, prompt)['w0']).toBe(0);
    expect(made.router.queued()).toBe(0);
  });

  it('backwards do not blind the figures of the last minute', () => {
    const sum = new RollingSum(60_000, 60);
    sum.add(10_000_000, 5);
    const earlier = 4_000_000;
    for (let second = 0; second < 30; second++) sum.add(earlier + second * 1_000, 1);
    expect(sum.sum(earlier + 30_000)).toBe(30);
  });
});
