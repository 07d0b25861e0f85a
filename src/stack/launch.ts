/** Starting the stack process from a command: detached, spec on stdin, progress over IPC. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stackStateDir } from '../cli/paths.js';
import { DynamoError } from '../errors.js';
import type { StackSpec, StartMessage } from './spec.js';

export interface LaunchedStack {
  pid: number;
  /** Resolves with the ready message; rejects with the failure the stack reported, or its log tail. */
  ready: Promise<Extract<StartMessage, { type: 'ready' }>>;
  /** Asks the stack to stop while it is still starting. */
  stop(): void;
  /** Resolves when the process has ended. */
  ended: Promise<void>;
  /** Lets this process end while the stack runs on. */
  release(): void;
}

/**
 * Compiles every function at its first call. The gateway is idle most of the time and then wanted at once: interpreted
 * code made the first hundred requests twice as slow on their way through (1.4 against 0.8 ms).
 */
const NODE_FLAGS = [
  '--always-sparkplug',
  // What was compiled stays so through an idle hour.
  '--no-flush-bytecode',
  // Helper threads for the young generation cost more in handing over than they save, and take cores from the engines.
  '--no-parallel-scavenge',
  // Bodies of a quarter megabyte fill the default 16 MiB in no time; what a request leaves behind should die young.
  '--max-semi-space-size=32',
  // The heap may grow to 2.5 times what was alive before all of it is looked through again: what is remembered of
  // conversations is some 200 MB, and V8 by itself looked through that after every thirty bodies of 2 MiB.
  '--heap-growing-percent=150',
];

/** The keys of clients came hashed with the spec: a process that runs for weeks need not have them in its environment. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const { DYNAMO_API_KEY: _, ...rest } = process.env;
  return { ...rest, NODE_ENV: 'production' };
}

/** Starts `src/stack/main.js` for a spec. The caller sees each step through `onMessage`. */
export function launchStack(spec: StackSpec, onMessage: (message: StartMessage) => void): LaunchedStack {
  const stateDir = stackStateDir(spec.paths, spec.name);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const logFile = path.join(stateDir, 'stack.log');
  const log = openSync(logFile, 'a', 0o600);
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const child = spawn(process.execPath, [...NODE_FLAGS, main, '--name', spec.name], {
    detached: true,
    stdio: ['pipe', log, log, 'ipc'],
    env: ownEnvironment(),
  });
  closeSync(log);
  child.stdin?.on('error', () => {});
  child.stdin?.end(JSON.stringify(spec));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid: child.pid ?? -1,
    ready: readiness(child, logFile, onMessage),
    ended,
    stop: () => void (child.connected && child.send({ type: 'stop' })),
    release: () => {
      if (child.connected) child.disconnect();
      child.unref();
    },
  };
}

function readiness(
  child: ChildProcess,
  logFile: string,
  onMessage: (message: StartMessage) => void,
): LaunchedStack['ready'] {
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(new DynamoError('start_failed', { detail: error.message, remedy: '' })),
    );
    child.on('message', (message: StartMessage) => {
      onMessage(message);
      if (message.type === 'ready') resolve(message);
      if (message.type === 'failed') reject(reported(message));
    });
    child.once('exit', (code, signal) => {
      const detail = `its process ended (${signal ?? `code ${code}`})\n${lastLines(logFile, 15)}`;
      reject(new DynamoError('start_failed', { detail, remedy: `The whole log is ${logFile}.` }));
    });
  });
}

/** The stack's own sentence, not wrapped in another one. */
function reported(message: Extract<StartMessage, { type: 'failed' }>): Error {
  return new DynamoError(
    'usage',
    { detail: message.message, remedy: message.remedy },
    { exit: message.exit },
  );
}

function lastLines(file: string, count: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '';
  }
}
