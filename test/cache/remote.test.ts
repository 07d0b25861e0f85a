/** Remote stores: real servers on loopback (s3rver, redis-server where it is installed). */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import S3rver from 's3rver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { factsOf } from '../../src/cache/page-format.js';
import { namedFacts, objectName } from '../../src/cache/remote/object-name.js';
import { openRemote } from '../../src/cache/remote/open-remote.js';
import { RemotePlace } from '../../src/cache/remote/remote-place.js';
import type { RemoteStore } from '../../src/cache/remote/types.js';
import { chain, NAMESPACE, page } from './pages.js';

const place = (store: RemoteStore, faults: (string | null)[] = []): RemotePlace =>
  new RemotePlace(store, NAMESPACE, (message) => faults.push(message));

/** What every store must do. */
function behaviours(address: () => string): void {
  it('keeps pages whole, lists them for others and forgets what is removed', async () => {
    const one = place(await openRemote(address(), NAMESPACE));
    const two = place(await openRemote(address(), NAMESPACE));
    const large = page(2n, { parent: 1n, origin: 'decode', payload: new Uint8Array(1_500_000).fill(7) });
    expect(await one.write(page(1n))).toBe(true);
    expect(await one.write(large)).toBe(true);
    expect(await one.write(large)).toBe(false);
    expect(two.has(2n)).toBe(false);
    await two.refresh();
    const views = [new Uint8Array(1_000_000), new Uint8Array(500_000)];
    expect(await two.read(2n, views)).toEqual(factsOf(large));
    expect(views[1]!.every((byte) => byte === 7)).toBe(true);
    await one.remove(2n);
    expect(await two.read(2n, views)).toBe('absent');
    expect(two.has(2n)).toBe(false);
    await one.remove(1n);
    await Promise.all([one.close(), two.close()]);
  });

  it('has its own pages apart from those of other models', async () => {
    const one = place(await openRemote(address(), NAMESPACE));
    await one.write(page(5n));
    const other = new RemotePlace(await openRemote(address(), 'e'.repeat(32)), 'e'.repeat(32), () => {});
    await other.refresh();
    expect(other.has(5n)).toBe(false);
    await one.remove(5n);
    await Promise.all([one.close(), other.close()]);
  });
}

describe('an S3 store', () => {
  let server: S3rver;
  const directory = mkdtempSync(path.join(os.tmpdir(), 'dynamo-s3-'));
  let address = '';
  beforeAll(async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'S3RVER';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'S3RVER';
    server = new S3rver({
      port: 0,
      address: '127.0.0.1',
      silent: true,
      directory,
      configureBuckets: [{ name: 'pages', configs: [] }],
    });
    const { port } = await server.run();
    address = `s3://pages/kv?endpoint=http://127.0.0.1:${port}`;
  });
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
  });
  behaviours(() => address);

  it('with wrong credentials is told, and has nothing', async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'nobody';
    const faults: (string | null)[] = [];
    const one = place(await openRemote(address, NAMESPACE), faults);
    await one.refresh();
    process.env['AWS_ACCESS_KEY_ID'] = 'S3RVER';
    expect(faults).toHaveLength(1);
    expect(faults[0]).toBeTruthy();
    await one.close();
  });
});

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

describe.skipIf(!hasRedis)('a Redis store', () => {
  let server: ChildProcess;
  let address = '';
  beforeAll(async () => {
    const port = await freePort();
    address = `redis://127.0.0.1:${port}/0`;
    server = spawn(
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--daemonize', 'no'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    await new Promise<void>((resolve) => {
      server.stdout!.on('data', (text: Buffer) => text.includes('Ready to accept') && resolve());
    });
  });
  afterAll(async () => {
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill();
    await gone;
  });
  behaviours(() => address);
});

describe('a store that is down', () => {
  it.each([
    's3://pages?endpoint=http://127.0.0.1:1',
    'redis://127.0.0.1:1',
  ])('%s is told; reads and writes say so', async (address) => {
    process.env['AWS_ACCESS_KEY_ID'] = 'x';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'x';
    const faults: (string | null)[] = [];
    const one = place(await openRemote(address, NAMESPACE), faults);
    await one.refresh();
    expect(faults).toHaveLength(1);
    await expect(one.write(page(1n))).rejects.toThrow();
    await one.close();
  });
});

it('an address that cannot be is refused', async () => {
  await expect(openRemote('ftp://x', NAMESPACE)).rejects.toThrow(/remote tier/);
  await expect(openRemote('no address', NAMESPACE)).rejects.toThrow(/remote tier/);
  await expect(openRemote('redis://:secret@host', NAMESPACE)).rejects.toThrow(/password/);
  await expect(openRemote('redis://:secret@host', NAMESPACE)).rejects.not.toThrow(/secret@/);
});

it('a name says everything of a page', () => {
  for (const facts of chain(3, 1, { origin: 'decode', priority: 80 }))
    expect(namedFacts(objectName(facts))).toEqual(facts);
  expect(namedFacts('readme.txt')).toBeNull();
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
