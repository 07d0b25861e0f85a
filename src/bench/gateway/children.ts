/** The benchmark's own processes: upstream, pass-through and driver. Each ends when its channel to us closes. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DriverAnswer, DriverJob, DriverMessage } from './types.js';

export interface BenchChild {
  pid: number;
  /** Where it listens; none for the driver. */
  urls: string[];
  /** Resolves when the process has taken the message. */
  ask(message: object): Promise<unknown>;
  stop(): Promise<void>;
}

export interface JobHooks {
  /** What comes before the measurement is done; it begins when this resolves. */
  onOpened?(): Promise<unknown>;
  onProgress?(requests: number): void;
}

export interface Driver {
  run(job: DriverJob, hooks?: JobHooks): Promise<DriverAnswer>;
  stop(): Promise<void>;
}

export const startUpstream = (): Promise<BenchChild> => startChild('upstream-main.js', []);

export const startPassThrough = (upstreams: readonly string[]): Promise<BenchChild> =>
  startChild('pass-through-main.js', upstreams);

export async function startDriver(): Promise<Driver> {
  const child = fork(fileURLToPath(new URL('./driver-main.js', import.meta.url)), []);
  await firstMessage(child);
  return {
    run: (job, hooks = {}) => runJob(child, job, hooks),
    stop: () => stopChild(child),
  };
}

async function startChild(file: string, args: readonly string[]): Promise<BenchChild> {
  const child = fork(fileURLToPath(new URL(`./${file}`, import.meta.url)), [...args]);
  const { urls = [] } = (await firstMessage(child)) as { urls?: string[] };
  return {
    pid: child.pid ?? 0,
    urls,
    ask: (message) => {
      const taken = firstMessage(child);
      child.send(message);
      return taken;
    },
    stop: () => stopChild(child),
  };
}

function firstMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`a process of the benchmark ended with ${code}`));
    child.once('error', reject);
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('error', reject);
      child.off('exit', onExit);
      resolve(message);
    });
  });
}

function runJob(child: ChildProcess, job: DriverJob, hooks: JobHooks): Promise<DriverAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      then();
    };
    const onExit = (code: number | null): void =>
      settle(() => reject(new Error(`the load driver ended with ${code}`)));
    const onMessage = (message: DriverMessage): void => {
      if (message.type === 'progress') hooks.onProgress?.(message.requests);
      if (message.type === 'opened') {
        (hooks.onOpened?.() ?? Promise.resolve()).then(
          () => child.send({ kind: 'go' }),
          (error: Error) => settle(() => reject(error)),
        );
      }
      if (message.type === 'done') settle(() => resolve(message.answer));
      if (message.type === 'failed') settle(() => reject(new Error(message.message)));
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send(job);
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  if (child.connected) child.disconnect();
  await ended;
}
