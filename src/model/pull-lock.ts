/** One pull of a model at a time: the second waits for the first and then finds the file there. */
import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '../is-running.js';
import { LIMITS } from '../limits.js';

const POLL_MS = 200;

/**
 * Takes the lock file, waiting while another live process holds it; a holder that has not touched it for
 * `LIMITS.modelLockStaleMs` or whose process is gone is dead. Returns the release function.
 * Rejects when `signal` aborts.
 */
export async function takePullLock(
  file: string,
  options: { signal?: AbortSignal; onWait?: () => void },
): Promise<() => Promise<void>> {
  const token = `${process.pid} ${randomUUID()}`;
  while (!(await tryCreate(file, token))) {
    options.signal?.throwIfAborted();
    if (await isDead(file)) {
      await rm(file, { force: true });
      continue;
    }
    options.onWait?.();
    await sleep(POLL_MS, undefined, { signal: options.signal });
  }
  const beat = setInterval(() => void touch(file), LIMITS.modelLockStaleMs / 6);
  beat.unref();
  return async () => {
    clearInterval(beat);
    // Whoever judged us dead owns the file now.
    if ((await readText(file)) === token) await rm(file, { force: true });
  };
}

async function tryCreate(file: string, token: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx');
    await handle.writeFile(token);
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isDead(file: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(file);
    const ageMs = Date.now() - mtimeMs;
    if (ageMs > LIMITS.modelLockStaleMs) return true;
    const pid = Number((await readText(file)).split(' ')[0]);
    // An empty file is one whose writer is between creating and writing.
    return Number.isInteger(pid) && pid > 0 && !isRunning(pid);
  } catch {
    return false;
  }
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

async function touch(file: string): Promise<void> {
  const now = new Date();
  await utimes(file, now, now).catch(() => {});
}
