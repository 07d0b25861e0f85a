/** Where models, pages and state lie: room, a short real measurement of speed, shared memory, the remote store. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import { openRemote } from '../cache/remote/open-remote.js';
import type { TierPlan } from '../plan/types.js';
import { formatBytes, GIB, MIB } from '../plan/units.js';
import { type Check, fail, ok, warn } from './types.js';

/** Room for the default model and its converted form, with as much again. */
const DISK_MIN_BYTES = GIB;
/** A page of 64 tokens must come faster than it is computed; below this the disk tier rarely pays. */
const DISK_SPEED_MIN = 100 * MIB;
const SAMPLE_BYTES = 32 * MIB;
const SHARED_MEMORY = '/dev/shm';
/** What the memory tier takes when nobody says otherwise. */
const SHARED_MIN_BYTES = GIB;
const REMOTE_TIMEOUT_MS = 5_000;

export async function diskChecks(folder: string): Promise<Check[]> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const room = `${formatBytes(free)} free in ${folder}`;
    if (free < DISK_MIN_BYTES)
      return [
        warn('disk', room, 'Make room, or move the folder: `export DYNAMO_HOME=/another/disk/dynamo`.'),
      ];
    return [ok('disk', room), speedCheck(await measureDisk(folder))];
  } catch (error) {
    const why = `${folder} cannot be written: ${(error as Error).message}`;
    return [
      fail('disk', why, 'Give yourself the right to write there, or set DYNAMO_HOME to another folder.'),
    ];
  }
}

/** Bytes per second, written to the device and read back. Reads come from the system's cache where it has one. */
export interface DiskSpeed {
  writeBytesPerSecond: number;
  readBytesPerSecond: number;
}

export function speedCheck({ writeBytesPerSecond, readBytesPerSecond }: DiskSpeed): Check {
  const found = `writes ${formatBytes(writeBytesPerSecond)}/s, reads ${formatBytes(readBytesPerSecond)}/s (32 MiB, synced)`;
  if (writeBytesPerSecond >= DISK_SPEED_MIN) return ok('disk-speed', found);
  return warn('disk-speed', found, 'Put the disk tier on a faster disk: `--tiers disk=50GiB:/fast/disk`.');
}

async function measureDisk(folder: string): Promise<DiskSpeed> {
  const file = path.join(folder, `.doctor-${process.pid}`);
  const sample = randomBytes(SAMPLE_BYTES);
  try {
    const startedAt = performance.now();
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(sample);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const writtenAt = performance.now();
    await readFile(file);
    return {
      writeBytesPerSecond: (SAMPLE_BYTES * 1_000) / (writtenAt - startedAt),
      readBytesPerSecond: (SAMPLE_BYTES * 1_000) / (performance.now() - writtenAt),
    };
  } finally {
    await rm(file, { force: true });
  }
}

export async function sharedMemoryChecks(folder = SHARED_MEMORY): Promise<Check[]> {
  try {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const found = `${formatBytes(free)} free in ${folder}`;
    if (free >= SHARED_MIN_BYTES) return [ok('shared-memory', found)];
    const remedy = `A memory tier will be smaller than asked. In a container: \`docker run --shm-size=4g\`; else \`mount -o remount,size=4G ${folder}\`.`;
    return [warn('shared-memory', found, remedy)];
  } catch {
    return [ok('shared-memory', 'none here; a memory tier lies in the temporary folder')];
  }
}

/** Writes, reads and removes one small object in the store of a remote tier. */
export async function remoteChecks(tiers: readonly TierPlan[]): Promise<Check[]> {
  const at = tiers.find(({ name }) => name === 'remote')?.at ?? null;
  if (at === null) return [];
  const key = `doctor-${process.pid}-${Date.now()}`;
  let store: Awaited<ReturnType<typeof openRemote>> | undefined;
  try {
    store = await openRemote(at, 'doctor');
    const startedAt = performance.now();
    await within(store.put(key, Buffer.from('dynamo')));
    const back = await within(store.get(key));
    const ms = performance.now() - startedAt;
    if (back === null || back.toString() !== 'dynamo')
      throw new Error('it did not give back what it was given');
    return [ok('remote', `${at} keeps and gives an object in ${ms.toFixed(0)} ms`)];
  } catch (error) {
    const why = `${at} cannot be used: ${(error as Error).message}`;
    return [
      fail('remote', why, 'Check its address, and the keys in AWS_ACCESS_KEY_ID or DYNAMO_REDIS_PASSWORD.'),
    ];
  } finally {
    await store?.remove(key).catch(() => {});
    await store?.close();
  }
}

function within<Result>(promise: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${REMOTE_TIMEOUT_MS} ms`)), REMOTE_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
