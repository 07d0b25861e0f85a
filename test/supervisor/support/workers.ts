/** Workers made of tiny real programs, and what is needed to watch them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineAdapter } from '../../../src/engines/types.js';
import type { Plan, WorkerPlan } from '../../../src/plan/types.js';
import type { LifecycleState, SupervisedWorker, SupervisorObserver } from '../../../src/supervisor/types.js';

export const programs = path.resolve(import.meta.dirname, '../../fixtures/child');

export interface ProgramWish {
  id?: string;
  /** File of test/fixtures/child. */
  program: string;
  args?: string[];
  port?: number;
  /** The whole command instead of a fixture. */
  file?: string;
  env?: Record<string, string>;
  readyTimeoutMs?: number;
  isRetryable?: boolean;
}

export function workerOf(wish: ProgramWish): SupervisedWorker {
  const { id = 'w0', port = 0, args = [], env = {} } = wish;
  const script = [path.join(programs, wish.program), String(port), ...args];
  const command = { file: wish.file ?? process.execPath, args: wish.file === undefined ? script : args, env };
  const worker: WorkerPlan = {
    ...command,
    id,
    engine: 'embedded',
    host: '127.0.0.1',
    port,
    gpus: [],
    events: null,
    blockTokens: 64,
    kvBlocks: null,
    contextTokens: 4096,
  };
  return { plan: planOf(worker), worker, adapter: adapterOf(wish, command) };
}

function adapterOf(wish: ProgramWish, command: ReturnType<EngineAdapter['command']>): EngineAdapter {
  return {
    name: 'embedded',
    healthPath: '/health',
    readyTimeoutMs: wish.readyTimeoutMs ?? 20_000,
    prepare: async (plan) => plan,
    // As engines do: a worker that is moved is started on its new port.
    command: (_plan, { port }) =>
      wish.file === undefined
        ? { ...command, args: [command.args[0]!, String(port), ...command.args.slice(2)] }
        : command,
    phaseOf: (line) => {
      const name = /^phase (\w+)/.exec(line)?.[1];
      return name === undefined ? null : { name, progress: null };
    },
    classify: ({ code, signal }, tail) => ({
      code: tail.some((line) => line.includes('EADDRINUSE')) ? 'port_in_use' : 'crash',
      message: `It ended with ${signal ?? `code ${code}`}`,
      remedy: 'Give it coffee.',
      isRetryable: wish.isRetryable ?? true,
    }),
    enginePriority: () => undefined,
    metrics: { running: '', waiting: '', kvUsage: '' },
  };
}

function planOf(worker: WorkerPlan): Plan {
  return {
    recipe: 'test',
    title: 'Test',
    variant: 'test',
    engine: 'embedded',
    servedModel: 'test',
    aliases: [],
    model: { kind: 'gguf', name: 'test', path: 'test.gguf', sha256: null },
    workers: [worker],
    contextTokens: 4096,
    blockTokens: 64,
    reasons: [],
    notes: [],
    defaults: {},
  };
}

export interface Seen extends SupervisorObserver {
  lines: string[];
  /** `state/phase` per report, in order. */
  reports: string[];
  pids: number[];
  ports: number[];
  /** Of workers that were given up. */
  telling: string[];
  last(): LifecycleState | undefined;
}

export function watcher(): Seen {
  const seen: Seen = {
    lines: [],
    reports: [],
    pids: [],
    ports: [],
    telling: [],
    last: () => seen.reports.at(-1)?.split('/')[0] as LifecycleState | undefined,
    onState(_worker, state, { phase, pid, port, telling = [] }) {
      if (port !== undefined && !seen.ports.includes(port)) seen.ports.push(port);
      seen.telling.push(...telling);
      seen.reports.push(`${state}/${phase.name}`);
      if (pid !== null && !seen.pids.includes(pid)) seen.pids.push(pid);
    },
    onLog: (_worker, line) => seen.lines.push(line),
  };
  return seen;
}

/** Waits for a condition with a bound, so that a failing test says what it waited for. */
export async function until(condition: () => boolean, what: string, ms = 15_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
    await sleep(10);
  }
}

/** Whether a process still runs (a zombie does not). */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
