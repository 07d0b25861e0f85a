/** `stack.json`: who runs under a name, and which processes it started, with proof against reused pids. */
import { existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, closeSync } from 'node:fs';
import path from 'node:path';
import { DynamoError } from '../errors.js';

/** A process as it can be recognised later: pids are reused, start times are not. */
export interface ProcessMark {
  pid: number;
  /** Clock ticks since boot (`/proc/PID/stat` field 22); null where the system does not say. */
  startTime: string | null;
  /** First words of the command line, for the reaper. */
  commandLine: string;
}

export interface StackState {
  version: 1;
  name: string;
  stack: ProcessMark;
  url: string;
  recipe: string;
  workers: (ProcessMark & { id: string })[];
}

const VERSION = 1;

/** Start time of a running process, null when it is gone or the system has no /proc. */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command may hold spaces and brackets: fields are counted after the last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/** Whether that very process still runs. */
export function isAlive(mark: { pid: number; startTime: string | null }): boolean {
  try {
    process.kill(mark.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return mark.startTime === null || startTimeOf(mark.pid) === mark.startTime;
}

export function readState(dir: string): StackState | null {
  try {
    const state = JSON.parse(readFileSync(path.join(dir, 'stack.json'), 'utf8')) as StackState;
    return state.version === VERSION ? state : null;
  } catch {
    return null;
  }
}

/** Written whole under a temporary name: a reader never sees half of it. */
export function writeState(dir: string, state: StackState): void {
  const file = path.join(dir, 'stack.json');
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}

/**
 * Takes the name for this process or throws `stack_running`. The lock file holds pid and start time; one left
 * by a dead process is replaced.
 */
export function takeName(dir: string, name: string, url: string): () => void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const lock = path.join(dir, 'lock');
  const mine = { pid: process.pid, startTime: startTimeOf(process.pid), url };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const fd = openSync(lock, 'wx', 0o600);
      writeFileSync(fd, JSON.stringify(mine));
      closeSync(fd);
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = lockHolder(dir);
      if (holder !== null) throw new DynamoError('stack_running', { name, url: holder.url, pid: holder.pid });
      rmSync(lock, { force: true });
    }
  }
  throw new DynamoError('start_failed', { detail: `the lock ${lock} could not be taken`, remedy: 'Try again.' });
}

/** The live process that holds a name, null when nobody does. */
export function lockHolder(dir: string): { pid: number; url: string } | null {
  const lock = path.join(dir, 'lock');
  if (!existsSync(lock)) return null;
  try {
    const held = JSON.parse(readFileSync(lock, 'utf8')) as { pid: number; startTime: string | null; url: string };
    return isAlive(held) ? { pid: held.pid, url: held.url } : null;
  } catch {
    return null;
  }
}
