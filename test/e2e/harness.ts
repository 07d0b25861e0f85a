/** Runs the built product the way a user does: the real CLI, an own DYNAMO_HOME, the real default model. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Snapshot } from '../../src/telemetry/types.js';

export const root = path.resolve(import.meta.dirname, '../..');
const bin = path.join(root, 'bin', 'run.js');
const run = promisify(execFile);

export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Home {
  dir: string;
  env: NodeJS.ProcessEnv;
  /** Runs one command to its end. */
  cli(...args: string[]): Promise<CliResult>;
  /** `dynamo up --no-tui`, on a free port unless one is given; resolves when the ready line came. */
  up(...args: string[]): Promise<RunningStack>;
  remove(): void;
}

export interface RunningStack {
  url: string;
  /** The `dynamo up` process. */
  process: ChildProcess;
  /** Milliseconds from spawn to the ready line. */
  startMs: number;
  snapshot(): Promise<Snapshot>;
  /** Pids of the stack process and its workers. */
  pids(): Promise<number[]>;
  output(): string;
  down(): Promise<void>;
}

/** An empty home whose model folder holds the default model, fetched before the tests. */
export function makeHome(): Home {
  const model = process.env['DYNAMO_TEST_MODEL'];
  if (model === undefined) throw new Error('DYNAMO_TEST_MODEL is not set: run the tests with `npm test`');
  const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-'));
  const models = path.join(dir, 'data', 'models', 'smollm2');
  mkdirSync(models, { recursive: true });
  symlinkSync(model, path.join(models, path.basename(model)));
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DYNAMO_HOME: dir,
    NODE_ENV: 'production',
    HF_HUB_OFFLINE: '1',
  };
  const cli = (...args: string[]) => runCli(env, args);
  return {
    dir,
    env,
    cli,
    up: (...args) => up(env, cli, args),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

async function runCli(env: NodeJS.ProcessEnv, args: string[]): Promise<CliResult> {
  try {
    const { stdout, stderr } = await run(process.execPath, [bin, ...args], {
      env,
      timeout: 60_000,
      maxBuffer: 16 << 20,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const failed = error as { code?: number; stdout?: string; stderr?: string };
    return { code: failed.code ?? -1, stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' };
  }
}

async function up(env: NodeJS.ProcessEnv, cli: Home['cli'], args: string[]): Promise<RunningStack> {
  const startedAt = performance.now();
  const port = args.includes('--port') ? [] : ['--port', '0'];
  const child = spawn(process.execPath, [bin, 'up', '--no-tui', ...port, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk));
  const url = await new Promise<string>((resolve, reject) => {
    const look = () => {
      const ready = /^ready (http:\S+) /m.exec(text);
      if (ready?.[1] !== undefined) resolve(ready[1]);
    };
    child.stdout.on('data', look);
    child.once('exit', (code) => reject(new Error(`dynamo up ended with ${code}:\n${text}`)));
  });
  const name = args.includes('--name') ? ['--name', args[args.indexOf('--name') + 1] ?? ''] : [];
  const snapshot = async () => JSON.parse((await cli('status', '--json', ...name)).stdout) as Snapshot;
  return {
    url,
    process: child,
    startMs: performance.now() - startedAt,
    snapshot,
    output: () => text,
    pids: async () => {
      const { stack, workers } = await snapshot();
      return [stack.pid, ...workers.flatMap(({ pid }) => (pid === null ? [] : [pid]))];
    },
    down: async () => {
      await cli('down', '--now', ...name);
      await until(() => child.exitCode !== null || child.signalCode !== null, 'dynamo up to end');
    },
  };
}

/** Waits for a condition with a bound, so that a failing test says what it waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  ms = 20_000,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
    await sleep(25);
  }
}

/** Whether a process still runs (a zombie does not). */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = process.platform === 'linux' ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
    return !/\) Z /.test(stat);
  } catch {
    return false;
  }
}
