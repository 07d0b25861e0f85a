/** One worker's process: its own group, its output as lines, and its end. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findProgram } from '../plan/find-program.js';
import { watchDeath } from './death-watch.js';
import { hasTracker, killGroup } from './kill-group.js';
import { LineSplitter } from './log-lines.js';

export interface ChildSpec {
  file: string;
  args: string[];
  env: Record<string, string>;
}

export interface ExitFacts {
  code: number | null;
  signal: string | null;
  /** Set when the program could not be started at all. */
  error: string | null;
}

export interface Child {
  /** Null when it could not be started. */
  readonly pid: number | null;
  /** Asks the whole group to end. */
  terminate(): void;
  /** Ends the whole group at once. */
  kill(): void;
  /** Resolves once, when the process has ended, its group is gone and its output has been read. */
  readonly exited: Promise<ExitFacts>;
}

export type SpawnChild = (spec: ChildSpec, onLine: (line: string) => void) => Promise<Child>;

/** Time output may still arrive after the process ended: something it started may hold the pipe. */
const OUTPUT_GRACE_MS = 500;

/** Python's resource trackers remove what the killed shared within milliseconds, on a busy machine within a second. */
const TRACKER_GRACE_MS = 2_000;
const TRACKER_POLL_MS = 20;

/**
 * Starts the program in a process group of its own. Its stdin is a pipe that stays open: when the stack dies, however
 * it dies, the pipe closes, and on Linux the kernel kills the worker as well. What it forked is killed by a watch.
 */
export const spawnChild: SpawnChild = async (spec, onLine) => {
  const prefix = await parentDeathPrefix();
  const [file, ...args] = [...prefix, spec.file, ...spec.args];
  const child = spawn(file!, args, {
    env: spec.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  // Writing to a dead worker's stdin is nobody's problem.
  child.stdin.on('error', () => {});
  for (const stream of [child.stdout, child.stderr]) {
    const splitter = new LineSplitter(onLine);
    stream.on('data', (chunk: Buffer) => splitter.push(chunk));
    stream.on('end', () => splitter.end());
    stream.on('error', () => {});
  }
  return {
    pid: child.pid ?? null,
    terminate: () => signalGroup(child, 'SIGTERM'),
    kill: () => endGroup(child),
    exited: waitForExit(child, child.pid === undefined ? () => {} : watchDeath(child.pid)),
  };
};

async function waitForExit(child: ChildProcess, endWatch: () => void): Promise<ExitFacts> {
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const facts = await new Promise<ExitFacts>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error: error.message }));
    child.once('exit', (code, signal) => resolve({ code, signal, error: null }));
  });
  // What the worker forked dies with it: it would hold GPU memory and the pipes.
  endGroup(child);
  const timeout = AbortSignal.timeout(OUTPUT_GRACE_MS);
  const graceOver = new Promise<void>((resolve) =>
    timeout.addEventListener('abort', () => resolve(), { once: true }),
  );
  if (facts.error === null) await Promise.race([closed, graceOver]);
  if (child.pid !== undefined) await trackersGone(child.pid);
  // Whatever was spared has had its time.
  signalGroup(child, 'SIGKILL');
  endWatch();
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  return facts;
}

async function trackersGone(group: number): Promise<void> {
  const deadline = performance.now() + TRACKER_GRACE_MS;
  while (hasTracker(group) && performance.now() < deadline) await sleep(TRACKER_POLL_MS);
}

function endGroup(child: ChildProcess): void {
  if (process.platform === 'win32') signalGroup(child, 'SIGKILL');
  else if (child.pid !== undefined) killGroup(child.pid);
}

function signalGroup(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') {
    // No groups there: taskkill walks the tree. Asking is not possible, so asking is killing.
    execFile('taskkill', ['/pid', String(child.pid), '/T', '/F'], () => {});
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: the group is empty, which is what is wanted.
  }
}

let prefixOnce: Promise<string[]> | undefined;

/** `setpriv --pdeathsig KILL --` where it works (util-linux; busybox has a setpriv without it), else nothing. */
function parentDeathPrefix(): Promise<string[]> {
  prefixOnce ??= findParentDeathPrefix();
  return prefixOnce;
}

async function findParentDeathPrefix(): Promise<string[]> {
  const setpriv = process.platform === 'linux' ? await findProgram('setpriv') : null;
  if (setpriv === null) return [];
  const prefix = [setpriv, '--pdeathsig', 'KILL', '--'];
  try {
    await promisify(execFile)(setpriv, [...prefix.slice(1), process.execPath, '--version'], {
      timeout: 5_000,
    });
    return prefix;
  } catch {
    return [];
  }
}
