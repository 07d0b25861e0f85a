/** Folders whose names can be guessed, under a temporary folder everybody may write to. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { attach } from '../../src/cli/attach.js';
import { makePrivateDir, resolvePaths } from '../../src/cli/paths.js';
import type { Plan } from '../../src/plan/types.js';
import { placeWorkers } from '../../src/stack/place-workers.js';
import { placeTiers } from '../../src/stack/tier-places.js';

let base: string;
beforeEach(() => {
  base = mkdtempSync(path.join(os.tmpdir(), 'dynamo-folders-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(base, { recursive: true, force: true });
});

/** As another user's folder looks to us: only root could make a real one. */
const asAnotherUser = (): void =>
  void vi.spyOn(process, 'getuid').mockReturnValue((process.getuid?.() ?? 0) + 1);

describe.skipIf(process.platform === 'win32')('a folder for sockets and pages', () => {
  it('is made for its owner alone, and an own one that is open to others is closed', () => {
    const fresh = path.join(base, 'a', 'b');
    makePrivateDir(fresh);
    expect(statSync(fresh).mode & 0o777).toBe(0o700);
    const open = path.join(base, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    makePrivateDir(open);
    expect(statSync(open).mode & 0o777).toBe(0o700);
  });

  it('that somebody else has made is refused, and so is a link or a file', () => {
    const real = path.join(base, 'real');
    mkdirSync(real);
    const link = path.join(base, 'link');
    symlinkSync(real, link);
    const file = path.join(base, 'file');
    writeFileSync(file, '');
    expect(() => makePrivateDir(link)).toThrow(/cannot be used for sockets and pages: it is no folder/);
    expect(() => makePrivateDir(file)).toThrow();
    asAnotherUser();
    expect(() => makePrivateDir(real)).toThrow(/it belongs to user/);
  });

  it('of a stack must be ours before a worker, a page or a command uses it', async () => {
    const paths = resolvePaths({ DYNAMO_HOME: base });
    makePrivateDir(path.join(paths.runtime, 'default'));
    makePrivateDir(path.join(paths.data, 'kv'));
    const plan = { workers: [], tiers: [{ name: 'disk', bytesMax: 1, at: null }] } as unknown as Plan;
    asAnotherUser();
    const refused = { code: 'unsafe_folder' };
    await expect(placeWorkers(plan, paths, 'default')).rejects.toMatchObject(refused);
    await expect(attach('default', paths)).rejects.toMatchObject(refused);
    expect(() => placeTiers(plan, paths, 'default')).toThrow(/cannot be used/);
  });

  it('holds every event socket of workers we start', async () => {
    const paths = resolvePaths({ DYNAMO_HOME: base });
    const worker = { host: '127.0.0.1', port: 0, events: null, engine: 'embedded' };
    const plan = {
      workers: [
        { ...worker, id: 'w0' },
        { ...worker, id: 'w1' },
      ],
    } as unknown as Plan;
    const { workers } = await placeWorkers(plan, paths, 'default');
    const dir = path.join(paths.runtime, 'default');
    for (const { events, host } of workers) {
      expect(host).toBe('127.0.0.1');
      for (const address of [events?.events, events?.replay])
        expect(path.dirname(address?.replace('ipc://', '') ?? '')).toBe(dir);
    }
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });
});
