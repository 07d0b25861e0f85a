/** What earlier stacks left behind: processes that outlived a `kill -9`, locks, memory, sockets. Changes nothing. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type Paths, stackRuntimeDir, stackStateDir } from '../cli/paths.js';
import { isLockLeft, lockHolder, readState, type StackState } from '../stack/state-file.js';
import { memoryFolder } from '../stack/tier-places.js';
import { findLeftovers } from '../supervisor/leftovers.js';
import { type Check, ok, warn } from './types.js';

export function leftoverChecks(paths: Paths): Check[] {
  const names = stackNames(paths);
  const checks = names.flatMap((name) => stackChecks(paths, name));
  const running = names.flatMap((name) => {
    const holder = lockHolder(stackStateDir(paths, name));
    return holder === null ? [] : [`${name} at ${holder.url} (pid ${holder.pid})`];
  });
  const found = running.length === 0 ? 'no stack runs' : `running: ${running.join(', ')}`;
  return [ok('stacks', found), ...(checks.length === 0 ? [ok('leftovers', 'none')] : checks)];
}

/** A stack that runs is in order; one that does not should have left nothing. */
function stackChecks(paths: Paths, name: string): Check[] {
  const dir = stackStateDir(paths, name);
  if (lockHolder(dir) !== null) return [];
  const again = `\`dynamo up --name ${name}\` cleans up before it starts`;
  return [
    ...processCheck(name, readState(dir)),
    ...(isLockLeft(dir)
      ? [warn('leftovers', `the lock of ${name} is left; its process is gone`, `${again}.`)]
      : []),
    ...memoryCheck(paths, name),
    ...socketCheck(paths, name, again),
  ];
}

function processCheck(name: string, state: StackState | null): Check[] {
  const pids = state === null ? [] : findLeftovers(state.workers);
  if (pids.length === 0) return [];
  const remedy = `Kill them: \`kill -9 ${pids.join(' ')}\`; \`dynamo up --name ${name}\` does it by itself.`;
  return [warn('leftovers', `workers of ${name} outlived their stack: ${pids.join(', ')}`, remedy)];
}

function memoryCheck(paths: Paths, name: string): Check[] {
  const folder = memoryFolder(paths, name);
  if (!existsSync(folder)) return [];
  const what = `${folder} holds the memory tier of ${name}, which does not run`;
  return [
    warn('leftovers', what, `Free it: \`rm -r ${folder}\`; the next start of ${name} uses what is in it.`),
  ];
}

function socketCheck(paths: Paths, name: string, again: string): Check[] {
  const dir = stackRuntimeDir(paths, name);
  const sockets = listed(dir).filter((file) => file.endsWith('.sock'));
  return sockets.length === 0
    ? []
    : [warn('leftovers', `${sockets.length} sockets of ${name} are left in ${dir}`, `${again}.`)];
}

/** Every stack that ever ran here has a folder. */
function stackNames(paths: Paths): string[] {
  return listed(paths.state).filter((name) => existsSync(path.join(paths.state, name)));
}

function listed(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
