/** Ending a running stack from outside: ask over the admin socket, wait, and only then kill. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StackClient } from '../cli/attach.js';
import { LIMITS } from '../limits.js';
import { isAlive, readState } from './state-file.js';

const POLL_MS = 50;

/** Resolves when the stack process is gone. `forced` says that asking was not enough. */
export async function stopStack(
  client: StackClient,
  stateDir: string,
  options: { isGraceful: boolean },
): Promise<{ forced: boolean }> {
  const { pid } = (await client.call('GET', '/admin/ping')) as { pid: number };
  const state = readState(stateDir);
  const mark = { pid, startTime: state?.pid === pid ? state.startTime : null };
  await client.call('POST', `/admin/stop${options.isGraceful ? '' : '?now=1'}`);
  const patienceMs = (options.isGraceful ? LIMITS.drainMs : 0) + 2 * LIMITS.stopGraceMs;
  const deadline = Date.now() + patienceMs;
  while (isAlive(mark)) {
    if (Date.now() > deadline) {
      process.kill(pid, 'SIGKILL');
      return { forced: true };
    }
    await sleep(POLL_MS);
  }
  return { forced: false };
}
