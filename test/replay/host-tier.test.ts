/** Memory of the host below simulated workers: what it gives back, what it gives up first, and what that is worth to agents. */
import { describe, expect, it } from 'vitest';
import { lruOrder } from '../../src/engines/simulator/eviction.js';
import { mockTiming } from '../../src/engines/simulator/timing.js';
import type { Retention } from '../../src/replay/config.js';
import { localHashes } from '../../src/replay/hashes.js';
import { HostTier } from '../../src/replay/host-tier.js';
import { figuresOf, type ReplayFigures } from '../../src/replay/metrics.js';
import { seededRandom } from '../../src/replay/random.js';
import { runReplay } from '../../src/replay/run.js';
import type { Turn, Workload } from '../../src/replay/types.js';
import { PlainBlockIndex } from '../../src/router/index/plain-index.js';
import { loadPolicy } from '../../src/router/policies/load-policy.js';
import { createRouter, type Router } from '../../src/router/router.js';
import { replayTier } from '../../src/stack/replay-tier.js';
import { nodes, workloadOf } from './workloads.js';

function routerOf(workers: string[]): Router {
  const router = createRouter({
    index: new PlainBlockIndex(1 << 20),
    policy: loadPolicy('kv'),
    blockTokens: 64,
  });
  for (const id of workers) {
    router.addWorker({ id, blockTokens: 64, kvBlocks: 100, feed: 'events' });
    router.setEligible(id, true);
  }
  return router;
}

function tierOf(blocks: number, router = routerOf(['w0', 'w1'])): HostTier {
  return new HostTier({ blocks, msPerBlock: 0.5, order: lruOrder(), router, workers: ['w0', 'w1'] });
}

const seen = (router: Router, blocks: Int32Array) =>
  router
    .score({
      requestId: 'r',
      promptTokens: blocks.length * 64 + 1,
      blockTokens: 64,
      localHashes: localHashes(blocks),
      priority: 0,
      strictPriority: 0,
    })
    .map(({ overlap }) => overlap.cpu);

describe('a tier of the host', () => {
  it('gives back what was stored, from where the worker’s own memory ends, and says how long that takes', () => {
    const tier = tierOf(10);
    tier.store(nodes(0, 4), 1, 0);
    expect(tier.read(nodes(0, 4), 1, 1)).toEqual({ count: 3, ms: 1.5 });
    expect(tier.read(nodes(50, 2), 0, 1)).toEqual({ count: 0, ms: 0 });
  });

  it('is seen by the router on every worker, until a block leaves', () => {
    const router = routerOf(['w0', 'w1']);
    const tier = tierOf(6, router);
    tier.store(nodes(0, 4), 1, 0);
    expect(seen(router, nodes(0, 4))).toEqual([4, 4]);
    tier.store(nodes(100, 4), 2, 0);
    expect(seen(router, nodes(100, 4))).toEqual([4, 4]);
    // The tail of the older prompt went, its beginning stays.
    expect(seen(router, nodes(0, 4))).toEqual([2, 2]);
  });

  it('keeps the beginning of a prompt that is larger than itself', () => {
    const tier = tierOf(3);
    tier.store(nodes(0, 8), 1, 0);
    expect(tier.read(nodes(0, 8), 0, 1).count).toBe(3);
  });
});

/** Sessions of one agent that grow by turns with pauses, as in `routers.test.ts`, smaller. */
function agents(sessions: number, turns: number): Workload {
  const random = seededRandom(5);
  const all: Partial<Turn>[] = [];
  for (let session = 0; session < sessions; session++) {
    let own = 4;
    for (let turn = 0; turn < turns; turn++) {
      const blocks = Int32Array.from([...nodes(0, 32), ...nodes(10_000 + session * 1_000, own)]);
      all.push({
        session,
        atMs: session * 1_000,
        after: turn === 0 ? [] : [all.length - 1],
        delayMs: turn === 0 ? 0 : 500 + 12_000 * random(),
        blocks,
        promptTokens: blocks.length * 64 + 1,
        outputTokens: 40,
      });
      own += 2 + Math.floor(10 * random());
    }
  }
  return workloadOf(
    all,
    Array.from({ length: sessions }, (_, n) => `s${n}`),
  );
}

const workload = agents(16, 16);

async function figures(blocks: number, tierBlocks: number, retention: Retention): Promise<ReplayFigures> {
  const run = await runReplay(workload, {
    workers: 2,
    blocks,
    ...(tierBlocks === 0 ? {} : { tier: { blocks: tierBlocks, msPerBlock: 0.4 } }),
    policy: loadPolicy('kv'),
    retention,
    seed: 1,
    timing: mockTiming(),
  });
  return figuresOf(workload, run);
}

describe('agents whose contexts do not fit', () => {
  it('find all of them again in a tier of twice the size', async () => {
    const [without, beside] = [await figures(256, 0, 'lru'), await figures(256, 2_048, 'lru')];
    expect(without.hitRate).toBeLessThan(0.9 * without.hitRateReachable);
    expect(beside.hitRate).toBeGreaterThanOrEqual(0.99 * beside.hitRateReachable);
    expect(beside.survived).toBeGreaterThanOrEqual(0.99);
    expect(beside.tiers.map(({ name }) => name)).toEqual(['gpu', 'cpu']);
    expect(beside.tiers.reduce((sum, { hitTokens }) => sum + hitTokens, 0)).toBe(beside.cachedTokens);
  });

  it('find more of them where those that come back last go first', async () => {
    const [lru, selective] = [await figures(160, 320, 'lru'), await figures(160, 320, 'selective')];
    expect(selective.hitRate - lru.hitRate).toBeGreaterThan(0.05);
  });
});

describe('--tiers of a replay', () => {
  const memory = { blocks: 1_000, blockTokens: 64, kvBytesPerToken: 125_000 };

  it('is a factor of the workers’ memory or a size', () => {
    expect(replayTier('cpu=2x', memory)).toEqual({ blocks: 2_000, msPerBlock: 0.4 });
    expect(replayTier('cpu=0.5x', memory)?.blocks).toBe(500);
    expect(replayTier('cpu=8GB', memory)?.blocks).toBe(1_000);
    expect(replayTier('none', memory)).toBeUndefined();
  });

  it.each([
    'disk=50GiB',
    'cpu=1GiB,disk=2GiB',
    'cpu=1MB',
    'cpu=0x',
    'cpu=many',
    'cpu=1GiB:/tmp',
  ])('refuses %s', (text) => {
    expect(() => replayTier(text, memory)).toThrow(/--tiers/);
  });
});
