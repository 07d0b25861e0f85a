/** The batcher with tiers: pages in real folders, a device whose answers betray any wrong reuse. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Claims } from '../../../../src/cache/claims.js';
import { DirectoryPlace } from '../../../../src/cache/directory-place.js';
import { PageStore } from '../../../../src/cache/page-store.js';
import type { PageFacts, PageTier } from '../../../../src/cache/types.js';
import { Batcher } from '../../../../src/engines/embedded/core/batcher.js';
import { LoadCost } from '../../../../src/engines/embedded/core/load-cost.js';
import { SlotCache } from '../../../../src/engines/embedded/core/slot-cache.js';
import { TieredPrefix } from '../../../../src/engines/embedded/core/tiered-prefix.js';
import type { CachedByTier } from '../../../../src/engines/embedded/types.js';
import { answerTo, FAKE_SHAPE, FakeDevice, VOCAB } from './fake-device.js';
import { type JobOptions, run, start } from './jobs.js';

const CONTEXT = 1_024;
const NAMESPACE = '0123456789abcdef0123456789abcdef';
const scratch: string[] = [];

afterEach(() => {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function folder(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-tiers-'));
  scratch.push(dir);
  return dir;
}

/** Loading always pays on a device that computes nothing. */
class FreeLoads extends LoadCost {
  override worth(_held: number, tiers: readonly PageTier[]): number {
    return tiers.length;
  }
}

function open(dirs: { cpu?: string; disk?: string }, slots = 2) {
  const told = { stored: [] as [PageTier, PageFacts][], missed: [] as string[], faults: [] as string[] };
  const observer = {
    stored: (tier: PageTier, pages: readonly PageFacts[]) =>
      told.stored.push(...pages.map((page) => [tier, page] as [PageTier, PageFacts])),
    used: () => {},
    missed: (tier: PageTier, _keys: readonly bigint[], why: string) => told.missed.push(`${tier} ${why}`),
    fault: (tier: PageTier, message: string | null) => told.faults.push(`${tier} ${message}`),
  };
  const places = (['cpu', 'disk'] as const).flatMap((tier) => {
    const dir = dirs[tier];
    return dir === undefined
      ? []
      : [new DirectoryPlace({ tier, dir, namespace: NAMESPACE, isDurable: false })];
  });
  const store = new PageStore({ places, observer });
  const claims = new Claims(dirs.cpu ?? dirs.disk ?? folder());
  const tiers = new TieredPrefix({
    store,
    claims,
    cost: new FreeLoads(),
    shape: FAKE_SHAPE,
    namespace: NAMESPACE,
  });
  const device = new FakeDevice(slots);
  const facts = { modelSha256: 'm', libraryVersion: 'v', kvType: 'f16', rope: 'r' };
  const cache = new SlotCache({ slots, contextTokens: CONTEXT, facts });
  const batcher = new Batcher({ device, cache, contextTokens: CONTEXT, vocabTokens: VOCAB, tiers });
  const ask = async (options: JobOptions) => {
    let byTier: CachedByTier | undefined;
    const outcome = await run(batcher, {
      ...options,
      onStart: (_cached, tiersOf) => {
        byTier = { ...tiersOf };
      },
    });
    return { ...outcome, byTier };
  };
  const close = async () => {
    await batcher.close();
    await store.settled();
    await tiers.close();
  };
  return { device, batcher, store, told, ask, close };
}

const prompt = (length: number, seed = 1): number[] =>
  Array.from({ length }, (_, at) => 1 + ((at * 7 + seed * 131) % (VOCAB - 1)));

describe('a prompt', () => {
  it('is read from memory by another worker instead of being computed again', async () => {
    const dirs = { cpu: folder() };
    const first = open(dirs);
    await first.ask({ prompt: prompt(400), maxTokens: 1 });
    await first.close();
    const second = open(dirs);
    const { tokens, byTier } = await second.ask({ prompt: prompt(400), maxTokens: 8 });
    expect(byTier).toEqual({ gpu: 0, cpu: 384, disk: 0, remote: 0 });
    expect(tokens).toEqual(answerTo(prompt(400), 8));
    expect(second.device.calls[0]).toMatchObject({ rows: 16, position: 384 });
    await second.close();
  });

  it('continues its slot by pages: only what neither has is computed', async () => {
    const dirs = { cpu: folder() };
    const first = open(dirs);
    await first.ask({ prompt: prompt(640), maxTokens: 1 });
    await first.close();
    const second = open(dirs);
    rmPages(dirs.cpu, () => true);
    await second.ask({ prompt: prompt(130), maxTokens: 1 });
    await second.store.settled();
    const third = open({ cpu: dirs.cpu });
    await third.ask({ prompt: prompt(640), maxTokens: 1 });
    await third.close();
    const { tokens, byTier } = await second.ask({ prompt: prompt(700), maxTokens: 4 });
    expect(byTier).toEqual({ gpu: 128, cpu: 512, disk: 0, remote: 0 });
    expect(tokens).toEqual(answerTo(prompt(700), 4));
    await second.close();
  });

  it('read from disk is brought back to memory', async () => {
    const dirs = { cpu: folder(), disk: folder() };
    const first = open(dirs);
    await first.ask({ prompt: prompt(300), maxTokens: 1 });
    await first.close();
    rmPages(dirs.cpu, () => true);
    const second = open(dirs);
    const { byTier } = await second.ask({ prompt: prompt(300), maxTokens: 1 });
    expect(byTier).toMatchObject({ cpu: 0, disk: 256 });
    await second.store.settled();
    expect(pages(dirs.cpu)).toHaveLength(4);
    await second.close();
  });

  it('of another salt shares nothing', async () => {
    const dirs = { cpu: folder() };
    const first = open(dirs);
    await first.ask({ prompt: prompt(300), maxTokens: 1, cacheSalt: 'a' });
    const { byTier } = await first.ask({ prompt: prompt(300), maxTokens: 1, cacheSalt: 'b' });
    expect(byTier).toEqual({ gpu: 0, cpu: 0, disk: 0, remote: 0 });
    await first.close();
  });

  it('whose page is cut, altered or gone is computed from there on, and the miss is told', async () => {
    const dirs = { cpu: folder() };
    const first = open(dirs);
    await first.ask({ prompt: prompt(600), maxTokens: 1 });
    await first.close();
    const [one, two] = chain(dirs.cpu);
    const bytes = readFileSync(two!);
    bytes[bytes.length - 1] = bytes.at(-1)! ^ 1;
    writeFileSync(two!, bytes);
    const second = open(dirs);
    const { tokens, byTier } = await second.ask({ prompt: prompt(600), maxTokens: 6 });
    expect(byTier).toMatchObject({ cpu: 320 });
    expect(second.told.missed).toEqual(['cpu corrupt']);
    expect(tokens).toEqual(answerTo(prompt(600), 6));
    writeFileSync(one!, readFileSync(one!).subarray(0, 600));
    const third = open(dirs);
    expect((await third.ask({ prompt: prompt(600), maxTokens: 6 })).tokens).toEqual(answerTo(prompt(600), 6));
    expect(third.told.missed).toEqual(['cpu corrupt', 'cpu corrupt']);
    await Promise.all([second.close(), third.close()]);
  });

  it('of reasoning that nobody will need is not written down', async () => {
    const dirs = { cpu: folder() };
    const first = open(dirs);
    const retention = [
      { start: 0, end: 128, priority: 100, durationMs: 0 },
      { start: 128, end: 4_096, priority: 0, durationMs: 0 },
    ];
    await first.ask({ prompt: prompt(400), maxTokens: 1, retention });
    await first.close();
    expect(first.told.stored.map(([, { priority }]) => priority)).toEqual([100, 100]);
  });
});

describe('jobs at once', () => {
  it('answer what a fresh engine answers, whatever is shared, cancelled or read', async () => {
    const job = fc.record({
      seed: fc.integer({ min: 1, max: 3 }),
      length: fc.integer({ min: 1, max: 700 }),
      cancelAt: fc.option(fc.integer({ min: 0, max: 30 })),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 8 }), async (jobs) => {
        const dirs = { cpu: folder(), disk: folder() };
        const workers = [open(dirs), open(dirs)];
        await Promise.all(
          jobs.map(async ({ seed, length, cancelAt }, at) => {
            const { batcher } = workers[at % 2]!;
            const { handle, done } = start(batcher, { prompt: prompt(length, seed), maxTokens: 4 });
            for (let turn = 0; turn < (cancelAt ?? 0); turn++) await turnOf();
            if (cancelAt !== null) handle.cancel();
            const { tokens, reason } = await done;
            expect(reason).not.toBe('error');
            const whole = answerTo(prompt(length, seed), 4);
            expect(tokens).toEqual(reason === 'cancelled' ? whole.slice(0, tokens.length) : whole);
          }),
        );
        await Promise.all(workers.map(({ close }) => close()));
      }),
      { numRuns: 25 },
    );
  });
});

const turnOf = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

function pages(dir: string): string[] {
  const root = path.join(dir, NAMESPACE);
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.flatMap(({ name: two }) =>
    readdirSync(path.join(root, two))
      .filter((name) => name.endsWith('.page'))
      .map((name) => path.join(root, two, name)),
  );
}

function rmPages(dir: string, isOut: (file: string) => boolean): void {
  for (const file of pages(dir)) if (isOut(file)) rmSync(file);
}

/** Files of the only chain, first block first. */
function chain(dir: string): string[] {
  const byParent = new Map<string, string>();
  for (const file of pages(dir)) {
    const head = readFileSync(file);
    const parent = head.readUInt8(54) === 1 ? head.readBigUInt64LE(16).toString(16) : '';
    byParent.set(parent, file);
  }
  const files: string[] = [];
  for (let at = byParent.get(''); at !== undefined; ) {
    files.push(at);
    at = byParent.get(BigInt(`0x${path.basename(at, '.page')}`).toString(16));
  }
  return files;
}
