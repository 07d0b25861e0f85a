import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Catalogue, type TierStorage } from '../../src/cache/catalogue.js';
import { DirectoryPlace } from '../../src/cache/directory-place.js';
import { EvictionOrder } from '../../src/cache/eviction-order.js';
import { keyText } from '../../src/cache/page-format.js';
import type { PageFacts, PageTier } from '../../src/cache/types.js';
import { chain, facts, folder, NAMESPACE } from './pages.js';

function rig(
  quotas: Partial<Record<PageTier, number>>,
  left: Partial<Record<PageTier, PageFacts[]>> = {},
  remember?: (pages: readonly PageFacts[]) => Promise<void>,
) {
  const removed: string[] = [];
  const index = new Map<string, Set<bigint>>();
  const calls: string[] = [];
  let now = 1_000_000;
  const storage = (tier: PageTier): TierStorage => ({
    remove: async (key) => {
      removed.push(`${tier} ${key}`);
    },
    async *scan() {
      yield* left[tier] ?? [];
    },
    ...(remember === undefined ? {} : { remember }),
  });
  const catalogue = new Catalogue({
    tiers: Object.entries(quotas).map(([tier, pages]) => ({
      tier: tier as PageTier,
      bytesMax: pages * 100,
      storage: storage(tier as PageTier),
    })),
    pageBytes: 100,
    pageTokens: 64,
    now: () => now,
    index: {
      stored: (tier, parent, keys) => {
        calls.push(`${tier} ${parent} ${keys.join()}`);
        const held = index.get(tier) ?? new Set();
        for (const key of keys) held.add(key);
        index.set(tier, held);
      },
      removed: (tier, keys) => {
        for (const key of keys) index.get(tier)?.delete(key);
      },
    },
  });
  return {
    catalogue,
    removed,
    index,
    calls,
    advance: (ms: number) => {
      now += ms;
    },
    now: () => now,
  };
}

describe('a tier over its quota', () => {
  it('loses the least recently used first, the tail of a chain before its head', () => {
    const { catalogue, removed, index } = rig({ cpu: 4 });
    catalogue.stored('cpu', chain(3));
    catalogue.stored('cpu', chain(1, 10));
    catalogue.used('gpu', chain(3));
    catalogue.stored('cpu', chain(2, 20));
    expect(removed).toEqual(['cpu 10', 'cpu 3']);
    expect([...index.get('cpu')!].sort()).toEqual([1n, 2n, 20n, 21n]);
  });

  it('loses what is worth less before what is worth more, whenever used', () => {
    const { catalogue, removed } = rig({ cpu: 2 });
    catalogue.stored('cpu', [facts(1, { priority: 100 }), facts(2, { priority: 20 })]);
    catalogue.used('cpu', [facts(2, { priority: 20 })]);
    catalogue.stored('cpu', [facts(3)]);
    expect(removed).toEqual(['cpu 2']);
  });

  it('keeps a promise while there is anything else, and counts the ones it kept and broke', () => {
    const { catalogue, removed, advance, now } = rig({ cpu: 2 });
    catalogue.stored('cpu', [
      facts(1, { priority: 80, expiresAt: now() + 60_000 }),
      facts(2, { priority: 100 }),
      facts(3),
    ]);
    expect(removed).toEqual(['cpu 3']);
    catalogue.stored('cpu', [facts(4, { expiresAt: now() + 60_000 })]);
    expect(removed).toEqual(['cpu 3', 'cpu 2']);
    catalogue.stored('cpu', [facts(5, { expiresAt: now() + 60_000 })]);
    expect(removed.at(-1)).toBe('cpu 4');
    expect(catalogue.figures()[0]).toMatchObject({
      promisesKept: 0,
      promisesBroken: 1,
      classes: { promised: 2 },
    });
    advance(61_000);
    expect(catalogue.figures()[0]).toMatchObject({ promisesKept: 2, classes: { 60: 2 } });
  });

  it('renews a promise with each use', () => {
    const { catalogue, advance, now } = rig({ cpu: 2 });
    catalogue.stored('cpu', [facts(1, { priority: 80, expiresAt: now() + 5_000 })]);
    advance(4_000);
    catalogue.used('gpu', [{ key: 1n, priority: 80, expiresAt: now() + 5_000 }]);
    advance(4_000);
    expect(catalogue.figures()[0]!.classes).toEqual({ promised: 1 });
  });

  it('lets a finished session go first', () => {
    const { catalogue, removed } = rig({ cpu: 3 });
    catalogue.stored('cpu', chain(2));
    catalogue.stored('cpu', chain(1, 10));
    catalogue.used('gpu', [{ key: 10n, priority: 10, expiresAt: 0 }]);
    catalogue.stored('cpu', chain(1, 20));
    expect(removed).toEqual(['cpu 10']);
  });
});

describe('the index', () => {
  it('is told chains in one call and again from the heads down', async () => {
    const pages = chain(3);
    const { catalogue, calls } = rig(
      { cpu: 10, disk: 10 },
      { disk: [pages[2]!, pages[0]!, pages[1]!, ...chain(1, 9)] },
    );
    expect(await catalogue.scan()).toBe(4);
    expect(calls).toEqual(['disk null 1,2,3', 'disk null 9']);
    calls.length = 0;
    catalogue.stored('cpu', pages);
    expect(calls).toEqual(['cpu null 1,2,3']);
  });

  it('forgets a page that was found wrong, but not one that could not be read just now', () => {
    const { catalogue, index, removed } = rig({ disk: 10 });
    catalogue.stored('disk', chain(2));
    catalogue.missed('disk', [1n], 'failed');
    catalogue.missed('disk', [2n], 'corrupt');
    expect([...index.get('disk')!]).toEqual([1n]);
    expect(removed).toEqual(['disk 2']);
    expect(catalogue.figures()[0]!.misses).toBe(2);
  });
});

it('any run of stores, uses and misses keeps each tier within its quota and the index equal to it', () => {
  const step = fc.oneof(
    fc.record({
      op: fc.constant('store' as const),
      from: fc.integer({ min: 1, max: 40 }),
      length: fc.integer({ min: 1, max: 6 }),
      priority: fc.constantFrom(0, 20, 60, 100),
      ttl: fc.constantFrom(0, 10, 5_000),
    }),
    fc.record({
      op: fc.constant('use' as const),
      from: fc.integer({ min: 1, max: 40 }),
      length: fc.integer({ min: 1, max: 6 }),
    }),
    fc.record({ op: fc.constant('miss' as const), key: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ op: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { catalogue, index, advance, now } = rig({ cpu: 7 });
      for (const one of steps) {
        if (one.op === 'store')
          catalogue.stored(
            'cpu',
            chain(one.length, one.from, {
              priority: one.priority,
              expiresAt: one.ttl === 0 ? 0 : now() + one.ttl,
            }),
          );
        else if (one.op === 'use') catalogue.used('cpu', chain(one.length, one.from));
        else if (one.op === 'miss') catalogue.missed('cpu', [BigInt(one.key)], 'absent');
        else advance(one.ms);
        const [figures] = catalogue.figures();
        expect(figures!.blocks).toBeLessThanOrEqual(7);
        expect(index.get('cpu')?.size ?? 0).toBe(figures!.blocks);
        expect(Object.values(figures!.classes).reduce((sum, count) => sum + count, 0)).toBe(figures!.blocks);
      }
    }),
  );
});

it('100,000 pages are taken over in well under two seconds of work', async () => {
  const pages = chain(100_000);
  const { catalogue } = rig({ disk: 200_000 }, { disk: pages });
  expect(await catalogue.scan()).toBe(100_000);
  expect(catalogue.figures()[0]!.blocks).toBe(100_000);
});

/** Ten thousand, because making the files takes longer than finding them. */
it('pages of a manifest are found again at a rate of 100,000 in two seconds', async () => {
  const dir = folder(existsSync('/dev/shm') ? '/dev/shm' : undefined);
  const disk = new DirectoryPlace({ tier: 'disk', dir, namespace: NAMESPACE, isDurable: false });
  const pages = chain(10_000);
  for (let first = 0; first < 256; first++)
    mkdirSync(path.join(dir, NAMESPACE, first.toString(16).padStart(2, '0')));
  // Spread as hashes are; a page of the manifest is believed by its name.
  const spread = pages.map((one) => ({ ...one, key: BigInt.asUintN(64, one.key * 0x9e3779b97f4a7c15n) }));
  for (const { key } of spread) {
    const name = keyText(key);
    closeSync(openSync(path.join(dir, NAMESPACE, name.slice(0, 2), `${name}.page`), 'w'));
  }
  await disk.remember(spread);
  const before = process.cpuUsage();
  let found = 0;
  for await (const { origin } of disk.scan()) found += origin === 'prefill' ? 1 : 0;
  const { user, system } = process.cpuUsage(before);
  expect(found).toBe(10_000);
  expect((user + system) / 1e6).toBeLessThan(0.2);
});

describe('a clock that is set', () => {
  const promised = (order: EvictionOrder, now: number) => order.mix(now)['promised'] ?? 0;

  it('forward ends promises early, and nothing else', () => {
    const order = new EvictionOrder();
    order.touch('a', { priority: 60, expiresAt: 30_000 }, 0);
    expect(promised(order, 10_000)).toBe(1);
    expect(promised(order, 10 ** 12)).toBe(0);
    expect(order.first(10 ** 12)?.key).toBe('a');
  });

  it('back makes no promise longer than a day', () => {
    const order = new EvictionOrder();
    const year = 365 * 24 * 3_600_000;
    order.touch('a', { priority: 60, expiresAt: year + 30_000 }, year);
    order.touch('a', { priority: 60, expiresAt: 0 }, 0);
    expect(promised(order, 23 * 3_600_000)).toBe(1);
    expect(promised(order, 25 * 3_600_000)).toBe(0);
    expect(order.oldestMs(-5)).toBe(0);
  });
});

it('what was read ahead of a request is no hit, and what was too slow to be written is counted', () => {
  const { catalogue } = rig({ cpu: 10 });
  catalogue.stored('cpu', chain(4));
  catalogue.used('cpu', chain(4), true);
  expect(catalogue.figures()[0]).toMatchObject({ hitTokens: 0, readBytes: 0, dropped: 0 });
  catalogue.used('cpu', chain(1));
  catalogue.dropped('cpu', 3);
  expect(catalogue.figures()[0]).toMatchObject({ hitTokens: 64, dropped: 3, oldestMs: 0 });
});

it('takes down what pages are worth by now', async () => {
  const remembered: PageFacts[] = [];
  const { catalogue, now } = rig({ cpu: 10 }, {}, async (pages) => void remembered.push(...pages));
  catalogue.stored('cpu', chain(1, 1, { priority: 20 }));
  catalogue.used('cpu', chain(1, 1, { priority: 80, expiresAt: now() + 500 }));
  await catalogue.remember();
  expect(remembered).toMatchObject([{ key: 1n, priority: 80, expiresAt: now() + 500 }]);
});

it('an order of many touches gives the first by rank, then age', () => {
  const order = new EvictionOrder();
  order.touch('a', { priority: 60, expiresAt: 0 }, 0);
  order.touch('b', { priority: 20, expiresAt: 0 }, 0);
  order.touch('c', { priority: 20, expiresAt: 0 }, 0);
  order.touch('b', { priority: 20, expiresAt: 0 }, 0);
  const taken: string[] = [];
  for (let first = order.first(0); first !== null; first = order.first(0)) {
    taken.push(first.key);
    order.remove(first.key);
  }
  expect(taken).toEqual(['c', 'b', 'a']);
});
