/** Pages through real folders, tiers that fail, and what is told of it. */
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { DirectoryPlace } from '../../src/cache/directory-place.js';
import { decodeManifest, encodeManifest } from '../../src/cache/manifest.js';
import { factsOf, keyText } from '../../src/cache/page-format.js';
import { PageStore } from '../../src/cache/page-store.js';
import type { Page, PageFacts, PagePlace, PageTier } from '../../src/cache/types.js';
import { folder, NAMESPACE, page } from './pages.js';

function rig(places: PagePlace[], readMs = 10_000) {
  const told: string[] = [];
  let now = 0;
  const store = new PageStore({
    places,
    readMs,
    now: () => now,
    observer: {
      stored: (tier, pages) => told.push(`stored ${tier} ${pages.map(({ key }) => key)}`),
      used: (tier, pages) => told.push(`used ${tier} ${pages.map(({ key }) => key)}`),
      dropped: (tier, pages) => told.push(`dropped ${tier} ${pages}`),
      missed: (tier, keys, why) => told.push(`missed ${tier} ${keys} ${why}`),
      fault: (tier, message) => told.push(`fault ${tier} ${message}`),
    },
  });
  return {
    store,
    told,
    advance: (ms: number) => {
      now += ms;
    },
  };
}

const place = (tier: PageTier, dir: string): DirectoryPlace =>
  new DirectoryPlace({ tier, dir, namespace: NAMESPACE, isDurable: tier === 'disk' });
const fileOf = (dir: string, key: bigint): string =>
  path.join(dir, NAMESPACE, keyText(key).slice(0, 2), `${keyText(key)}.page`);

async function read(store: PageStore, tier: PageTier, one: Page): Promise<PageFacts | 'late' | null> {
  const views = [new Uint8Array(100), new Uint8Array(156)];
  const found = await store.read(tier, one.key, views);
  if (found !== null && found !== 'late')
    expect(Buffer.concat(views).equals(Buffer.from(one.payload))).toBe(true);
  return found;
}

describe('a page', () => {
  it('goes to every tier, is found in the uppermost and read piece by piece', async () => {
    const [memory, disk] = [folder(), folder()];
    const { store, told } = rig([place('cpu', memory), place('disk', disk)]);
    store.put([page(1n), page(2n, { parent: 1n, origin: 'decode' })]);
    await store.settled();
    expect(told.sort()).toEqual(['stored cpu 1', 'stored cpu 2', 'stored disk 1', 'stored disk 2']);
    expect(store.locate([1n, 2n, 3n], 0)).toEqual(['cpu', 'cpu']);
    expect(await read(store, 'disk', page(2n))).toMatchObject({ key: 2n, parent: 1n, origin: 'decode' });
  });

  it('is found in a lower tier where the upper lacks it, and a chain ends at the first hole', async () => {
    const [memory, disk] = [folder(), folder()];
    const { store } = rig([place('cpu', memory), place('disk', disk)]);
    store.put([page(1n), page(2n)]);
    store.put([page(3n), page(5n)], 'disk');
    await store.settled();
    expect(store.locate([1n, 2n, 3n, 4n, 5n], 0)).toEqual(['cpu', 'cpu', 'disk']);
    expect(store.locate([1n, 2n, 3n, 4n, 5n], 2)).toEqual(['disk']);
  });

  it('is written once, whoever comes', async () => {
    const dir = folder();
    const [one, two] = [rig([place('cpu', dir)]), rig([place('cpu', dir)])];
    for (let round = 0; round < 5; round++) {
      one.store.put([page(BigInt(round))]);
      two.store.put([page(BigInt(round))]);
    }
    await Promise.all([one.store.settled(), two.store.settled()]);
    expect(readdirSync(path.join(dir, NAMESPACE, '00'))).toHaveLength(5);
    expect(await read(one.store, 'cpu', page(3n))).not.toBeNull();
  });

  it.each([
    ['cut', (file: string) => truncateSync(file, 600)],
    ['cut within its head', (file: string) => truncateSync(file, 100)],
    [
      'longer than its payload should be',
      (file: string) => writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, 700)])),
    ],
    [
      'with a flipped bit',
      (file: string) => {
        const bytes = readFileSync(file);
        bytes[600] = bytes[600]! ^ 4;
        writeFileSync(file, bytes);
      },
    ],
    [
      'of another page',
      (file: string) =>
        writeFileSync(file, readFileSync(file.replace('0000000000000001', '0000000000000002'))),
    ],
  ])('%s is a miss that is told, and not looked for again', async (_name, spoil) => {
    const dir = folder();
    const { store, told } = rig([place('cpu', dir)]);
    store.put([page(1n), page(2n)]);
    await store.settled();
    spoil(fileOf(dir, 1n));
    expect(await read(store, 'cpu', page(1n))).toBeNull();
    expect(told.at(-1)).toBe('missed cpu 1 corrupt');
    expect(store.locate([1n, 2n], 0)).toEqual([]);
    expect(await read(store, 'cpu', page(2n))).not.toBeNull();
  });

  it('that is gone is absent', async () => {
    const { store, told } = rig([place('cpu', folder())]);
    expect(await read(store, 'cpu', page(1n))).toBeNull();
    expect(told).toEqual(['missed cpu 1 absent']);
  });
});

describe('a tier that fails', () => {
  /** A place whose writes fail while `error` is set. */
  class Broken implements PagePlace {
    readonly tier = 'disk' as const;
    error: Error | null = null;
    written: bigint[] = [];
    has = (key: bigint): boolean => this.written.includes(key);
    read = async () => 'absent' as const;
    async write(one: Page): Promise<boolean> {
      if (this.error !== null) throw this.error;
      this.written.push(one.key);
      return true;
    }
    async remove(): Promise<void> {}
    async *scan(): AsyncIterable<PageFacts> {}
    async close(): Promise<void> {}
  }

  it('steps aside, the others go on, and it is used again when it works', async () => {
    const broken = new Broken();
    const { store, told, advance } = rig([place('cpu', folder()), broken]);
    broken.error = new Error('ENOSPC: no space left on device');
    store.put([page(1n)]);
    await store.settled();
    expect(told).toContain('fault disk ENOSPC: no space left on device');
    expect(told).toContain('stored cpu 1');
    broken.error = null;
    store.put([page(2n)]);
    await store.settled();
    expect(broken.written).toEqual([]);
    advance(15_000);
    store.put([page(3n)]);
    await store.settled();
    expect(broken.written).toEqual([3n]);
    expect(told.filter((line) => line.includes('disk')).slice(-2)).toEqual([
      'fault disk null',
      'stored disk 3',
    ]);
  });

  it('in a folder nobody may write to is told', async () => {
    if (process.getuid?.() === 0) return;
    const dir = folder();
    const { store, told } = rig([place('disk', dir)]);
    chmodSync(path.join(dir, NAMESPACE), 0o500);
    store.put([page(1n)]);
    await store.settled();
    expect(told[0]).toMatch(/^fault disk EACCES/);
  });

  it('that cannot keep up loses pages, not memory, and counts them', async () => {
    const broken = new Broken();
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    broken.write = async () => {
      await gate;
      return true;
    };
    const { store, told } = rig([broken]);
    const large = new Uint8Array(32 * 1024 * 1024);
    store.put(Array.from({ length: 14 }, (_, at) => page(BigInt(at), { payload: large })));
    // Six wait at most (192 MiB); four of them are taken out at once when writing starts.
    expect(told).toEqual(Array.from({ length: 8 }, () => 'dropped disk 1'));
    release();
    await store.settled();
  });

  it('whose folder was replaced by something else is told', async () => {
    const dir = folder();
    const { store, told } = rig([place('disk', dir)]);
    rmSync(path.join(dir, NAMESPACE), { recursive: true });
    writeFileSync(path.join(dir, NAMESPACE), '');
    store.put([page(1n)]);
    await store.settled();
    expect(told[0]).toMatch(/^fault disk ENOTDIR/);
  });

  it('that does not answer steps aside, and its memory is not used again', async () => {
    const broken = new Broken();
    broken.written = [1n];
    broken.read = () => new Promise(() => {});
    const { store, told } = rig([broken], 5);
    expect(store.locate([1n], 0)).toEqual(['disk']);
    expect(await read(store, 'disk', page(1n))).toBe('late');
    expect(told).toEqual(['fault disk no page within 5 ms', 'missed disk 1 failed']);
    expect(store.locate([1n], 0)).toEqual([]);
  });

  it('is given what still waits when the worker stops, for as long as that may take', async () => {
    const dir = folder();
    const { store } = rig([place('disk', dir)]);
    store.put(Array.from({ length: 40 }, (_, at) => page(BigInt(at))));
    await store.close();
    expect(readdirSync(path.join(dir, NAMESPACE, '00'))).toHaveLength(40);
    const broken = new Broken();
    let release = (): void => {};
    const gate = new Promise<boolean>((resolve) => {
      release = () => resolve(true);
    });
    broken.write = () => gate;
    const slow = rig([broken]);
    slow.store.put(Array.from({ length: 10 }, (_, at) => page(BigInt(at))));
    const closed = slow.store.close(1);
    await vi.waitFor(() => expect(slow.told).toEqual(['dropped disk 6']));
    release();
    await closed;
  });
});

/** What a worker leaves that is killed while it writes. */
it('a page that was never finished is none, and is cleared away', async () => {
  const dir = folder();
  const one = place('disk', dir);
  await one.write(page(1n));
  const left = `${fileOf(dir, 2n)}.abc-0.tmp`;
  writeFileSync(left, readFileSync(fileOf(dir, 1n)).subarray(0, 600));
  const { store } = rig([one]);
  expect(store.locate([1n, 2n], 0)).toEqual(['disk']);
  utimesSync(left, 0, 0);
  expect(await scanned(one)).toEqual([1n]);
  expect(existsSync(left)).toBe(false);
});

describe('a manifest', () => {
  it('spares a scan opening what it knows, and is believed only of pages that are there', async () => {
    const dir = folder();
    const one = place('disk', dir);
    for (const key of [1n, 2n, 3n]) await one.write(page(key));
    await one.remember([page(1n, { priority: 90, expiresAt: 7 }), page(2n), page(8n)]);
    // Known pages are not opened: the first is no page at all by now.
    writeFileSync(fileOf(dir, 1n), 'spoilt');
    rmSync(fileOf(dir, 2n));
    const found = new Map<bigint, PageFacts>();
    for await (const facts of place('disk', dir).scan()) found.set(facts.key, facts);
    expect([...found.keys()].sort()).toEqual([1n, 3n]);
    expect(found.get(1n)).toMatchObject({ priority: 90, expiresAt: 7 });
  });

  it('that is cut, altered or of another model is none', () => {
    const bytes = encodeManifest([page(1n), page(2n, { parent: 1n, origin: 'decode' })], NAMESPACE);
    expect([...decodeManifest(bytes, NAMESPACE).values()]).toEqual([
      factsOf(page(1n)),
      factsOf(page(2n, { parent: 1n, origin: 'decode' })),
    ]);
    expect(decodeManifest(bytes, 'f'.repeat(32)).size).toBe(0);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const spoilt = Buffer.from(bytes);
        spoilt[at] = spoilt[at]! ^ (1 << bit);
        expect(decodeManifest(spoilt, NAMESPACE).size).toBe(0);
        expect(decodeManifest(bytes.subarray(0, at), NAMESPACE).size).toBe(0);
      }),
    );
  });
});

/** Two stacks: each has a catalogue of its own, both remove. */
it('two that share a folder see each other’s pages, and a page the other removed is a miss', async () => {
  const dir = folder();
  const [one, two] = [rig([place('disk', dir)]), rig([place('disk', dir)])];
  one.store.put([page(1n), page(2n)]);
  await one.store.settled();
  expect(two.store.locate([1n, 2n], 0)).toEqual(['disk', 'disk']);
  await place('disk', dir).remove(1n);
  expect(await read(two.store, 'disk', page(1n))).toBeNull();
  expect(two.told).toEqual(['missed disk 1 absent']);
  expect(await read(two.store, 'disk', page(2n))).not.toBeNull();
});

async function scanned(one: DirectoryPlace): Promise<bigint[]> {
  const keys: bigint[] = [];
  for await (const { key } of one.scan()) keys.push(key);
  return keys;
}

it('a scan gives every whole page and passes over what is none of ours', async () => {
  const dir = folder();
  const one = place('disk', dir);
  for (const key of [1n, 2n, 3n]) await one.write(page(key));
  writeFileSync(path.join(path.dirname(fileOf(dir, 1n)), 'readme.txt'), 'hello');
  writeFileSync(fileOf(dir, 9n), 'no page');
  const found: bigint[] = [];
  for await (const { key } of one.scan()) found.push(key);
  expect(found.sort()).toEqual([1n, 2n, 3n]);
});
