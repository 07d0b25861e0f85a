/** `stack.json` and `lock`: who runs under a name, and which processes it started. */
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DynamoError } from '../errors.js';
import { isRunning } from '../is-running.js';
import { processFacts } from '../supervisor/process-facts.js';
import type { ProcessEntry } from '../supervisor/types.js';

export interface StackState {
  version: 1;
  name: string;
  pid: number;
  /** Clock ticks after boot; null where the system does not say. */
  startTime: string | null;
  url: string;
  recipe: string;
  workers: ProcessEntry[];
}

const VERSION = 1;
const LOCK_TRIES = 3;

/** Whether that very process still runs: a pid alone may have been given to somebody else. */
export function isAlive(mark: { pid: number; startTime: string | null }): boolean {
  const facts = processFacts(mark.pid);
  if (facts !== null)
    return !facts.isZombie && (mark.startTime === null || facts.startTime === mark.startTime);
  if (process.platform === 'linux') return false;
  return isRunning(mark.pid);
}

/** Null when there is none, or one that is not of this version. */
export function readState(dir: string): StackState | null {
  const state = readJson(path.join(dir, 'stack.json'));
  return isState(state) ? state : null;
}

/**
 * Before a stack writes its own: one of another version, or one that cannot be read, gets another name instead of being
 * written over. Answers what happened; null when there was nothing to do.
 */
export function setStateAside(dir: string): string | null {
  const file = path.join(dir, 'stack.json');
  const state = readJson(file);
  if (state === undefined || isState(state)) return null;
  const { version } = (typeof state === 'object' ? state : null) ?? {};
  const aside = `${file}.${Number.isInteger(version) && version !== VERSION ? `v${version}` : 'unreadable'}`;
  renameSync(file, aside);
  return `${file} is not of version ${VERSION} and was set aside as ${path.basename(aside)}; processes of the stack that wrote it are not looked for`;
}

/** Undefined when there is no file, null when it is no JSON. */
function readJson(file: string): { version?: unknown } | null | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function isState(value: { version?: unknown } | null | undefined): value is StackState {
  if (value === null || value === undefined || value.version !== VERSION) return false;
  const { pid, workers } = value as Partial<StackState>;
  const isEntry = (entry: unknown): boolean =>
    typeof entry === 'object' && entry !== null && Number.isInteger((entry as ProcessEntry).pid);
  return Number.isInteger(pid) && Array.isArray(workers) && workers.every(isEntry);
}

/** Written whole under a temporary name: a reader never sees half of it. */
export function writeState(dir: string, state: Omit<StackState, 'version' | 'pid' | 'startTime'>): void {
  const file = path.join(dir, 'stack.json');
  const temporary = `${file}.${process.pid}.tmp`;
  const whole: StackState = { version: VERSION, ...state, ...self() };
  writeFileSync(temporary, `${JSON.stringify(whole, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}

/**
 * Takes the name for this process or throws `stack_running`. A lock left by a dead process is replaced.
 * Answers the function that gives the name back.
 */
export function takeName(dir: string, name: string, url: string): () => void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const lock = path.join(dir, 'lock');
  for (let attempt = 0; attempt < LOCK_TRIES; attempt += 1) {
    if (createLock(lock, url)) return () => rmSync(lock, { force: true });
    const holder = lockHolder(dir);
    if (holder !== null) throw new DynamoError('stack_running', { name, url: holder.url, pid: holder.pid });
    removeDead(lock);
  }
  throw new DynamoError('start_failed', {
    detail: `the lock ${lock} could not be taken`,
    remedy: 'Try again.',
  });
}

/** The live process that holds a name, null when nobody does. */
export const lockHolder = (dir: string): { pid: number; url: string } | null =>
  holderIn(path.join(dir, 'lock'));

function holderIn(file: string): { pid: number; url: string } | null {
  try {
    const held = JSON.parse(readFileSync(file, 'utf8')) as {
      pid: number;
      startTime: string | null;
      url: string;
    };
    return isAlive(held) ? { pid: held.pid, url: held.url } : null;
  } catch {
    return null;
  }
}

/** A stack that ended in order took its lock with it. */
export const isLockLeft = (dir: string): boolean => existsSync(path.join(dir, 'lock'));

/**
 * A link to a file that is written already: nobody ever reads half a lock and takes it for a dead one's. Its three
 * fields mean the same in every version, so that an older dynamo does not take a newer one's name, nor the reverse.
 */
function createLock(lock: string, url: string): boolean {
  const whole = `${lock}.${process.pid}.new`;
  writeFileSync(whole, JSON.stringify({ ...self(), url }), { mode: 0o600 });
  try {
    linkSync(whole, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(whole, { force: true });
  }
}

/** Another start may have replaced the dead lock since it was read: what was moved away is looked at once more. */
function removeDead(lock: string): void {
  const moved = `${lock}.${process.pid}.old`;
  try {
    renameSync(lock, moved);
    if (holderIn(moved) !== null) linkSync(moved, lock);
  } catch {
    // Somebody else was faster; the next try finds out.
  } finally {
    rmSync(moved, { force: true });
  }
}

function self(): { pid: number; startTime: string | null } {
  return { pid: process.pid, startTime: processFacts(process.pid)?.startTime ?? null };
}
