/** Worker processes as real programs: readiness, restarts, crash loops, and ends that leave nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DynamoError } from '../../src/errors.js';
import { LIMITS } from '../../src/limits.js';
import type { Clock } from '../../src/supervisor/clock.js';
import { MemoryClaims } from '../../src/supervisor/memory-claims.js';
import { freePort } from '../../src/supervisor/ports.js';
import { allPids, processFacts } from '../../src/supervisor/process-facts.js';
import { createSupervisor } from '../../src/supervisor/supervisor.js';
import type { SupervisorService } from '../../src/supervisor/types.js';
import { ManualClock } from './support/manual-clock.js';
import {
  isRunning,
  type ProgramWish,
  programs,
  type Seen,
  until,
  watcher,
  workerOf,
} from './support/workers.js';

const HOST = '127.0.0.1';
let dir: string;
const running: SupervisorService[] = [];

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-supervisor-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop({ isGraceful: false })));
  rmSync(dir, { recursive: true, force: true });
});

function supervise(wishes: ProgramWish[], clock?: Clock): { service: SupervisorService; seen: Seen } {
  const seen = watcher();
  const service = createSupervisor(wishes.map(workerOf), { observer: seen, logDir: dir, clock });
  running.push(service);
  return { service, seen };
}

describe('a start', () => {
  it('resolves when the worker answers, having told its phases in order', async () => {
    const { service, seen } = supervise([{ program: 'serves.mjs', port: await freePort(HOST) }]);
    await service.start();
    expect([...new Set(seen.reports)]).toEqual(['starting/starting', 'starting/weights', 'ready/ready']);
    expect(service.tail('w0')).toEqual(['phase weights']);
    const [entry] = service.processes();
    expect(entry).toMatchObject({ id: 'w0', pid: seen.pids[0] });
    expect(entry!.commandLine).toContain(path.join(programs, 'serves.mjs'));
  });

  it('waits for a worker that answers 503 while it loads', async () => {
    const { service, seen } = supervise([
      { program: 'serves.mjs', port: await freePort(HOST), args: ['300'] },
    ]);
    const startedAt = performance.now();
    await service.start();
    expect(performance.now() - startedAt).toBeGreaterThan(300);
    expect(seen.last()).toBe('ready');
  });

  it('twice starts one process; a start of what is ready is over at once', async () => {
    const { service, seen } = supervise([{ program: 'serves.mjs', port: await freePort(HOST) }]);
    await Promise.all([service.start(), service.start()]);
    await service.start();
    expect(seen.pids).toHaveLength(1);
  });

  it('can be had anew: another process under the same id, which is not counted as a restart after a crash', async () => {
    const { service, seen } = supervise([{ program: 'serves.mjs', port: await freePort(HOST) }]);
    await service.start();
    await service.restart('w0');
    expect(seen.last()).toBe('ready');
    expect(new Set(seen.pids).size).toBe(2);
    expect(seen.reports).not.toContain('restarting/restarting');
    await expect(service.restart('w7')).rejects.toThrow('There is no worker w7.');
  });

  it('is not had anew while everything is stopped', async () => {
    const { service, seen } = supervise([{ program: 'serves.mjs', port: await freePort(HOST) }]);
    await service.start();
    const restart = failureOf(service.restart('w0'));
    await service.stop({ isGraceful: true });
    expect((await restart).message).toContain('being stopped');
    expect(seen.last()).toBe('stopped');
  });

  it('fails when the worker is not ready in time, and the worker is gone', async () => {
    const wish = { program: 'serves.mjs', port: await freePort(HOST), args: ['60000'], readyTimeoutMs: 600 };
    const { service, seen } = supervise([wish]);
    const error = await failureOf(service.start());
    expect(error.code).toBe('worker_failed');
    expect(error.message).toContain('not ready within 1 s');
    expect(error.remedy).toContain('w0.log');
    expect(seen.pids.filter(isRunning)).toEqual([]);
  });

  it('of a program that does not exist says so and tries once', async () => {
    const { service, seen } = supervise([{ program: '', file: '/nowhere/vllm', isRetryable: false }]);
    const error = await failureOf(service.start());
    expect(error).toMatchObject({ code: 'worker_failed' });
    expect(seen.reports.filter((report) => report.startsWith('restarting'))).toEqual([]);
    expect(seen.last()).toBe('failed');
  });
});

describe('memory', () => {
  it('that is not there now is waited for; workers that start side by side do not count on the same', async () => {
    const clock = new ManualClock();
    let free = 1_000;
    const seen = watcher();
    const workers = await Promise.all(
      ['w0', 'w1'].map(async (id) => {
        const supervised = workerOf({ id, program: 'serves.mjs', port: await freePort(HOST), args: ['200'] });
        return { ...supervised, worker: { ...supervised.worker, memoryBytes: 700 } };
      }),
    );
    const reasons: (string | undefined)[] = [];
    const observer = {
      ...seen,
      onState: (...facts: Parameters<typeof seen.onState>) => {
        reasons.push(facts[2].reason);
        seen.onState(...facts);
      },
    };
    const memory = new MemoryClaims(() => free);
    const service = createSupervisor(workers, { observer, logDir: dir, clock, memory });
    running.push(service);
    const started = service.start();
    await until(() => clock.pending > 0, 'the one that has to wait');
    expect(reasons).toContain('it needs 0.00 MiB of memory, 0.00 MiB are free');
    await until(() => seen.reports.includes('ready/ready'), 'the other to serve');
    // It has taken its memory now: what is free is for the second.
    free = 700;
    clock.fireNext();
    await started;
    expect(seen.pids).toHaveLength(2);
  });
});

describe('a worker that dies', () => {
  it('is restarted after growing pauses until the budget is spent; the error has its lines and the remedy', async () => {
    const clock = new ManualClock();
    const { service, seen } = supervise([{ program: 'dies.mjs' }], clock);
    const failure = failureOf(service.start());
    for (let turn = 0; turn < LIMITS.restartsMax; turn++) {
      await until(() => clock.pending > 0, `pause ${turn}`);
      expect(seen.last()).toBe('restarting');
      clock.fireNext();
    }
    const error = await failure;
    expect(clock.asked).toEqual([250, 500, 1_000, 2_000, 4_000]);
    expect(error.message).toContain('It ended with code 3 (after 5 restarts)');
    // Six deaths said it; a person reads it once.
    expect(error.message.match(/ERROR: the frobnicator is out of coffee/g)).toHaveLength(1);
    expect(error.remedy).toBe('Give it coffee.');
    expect(seen.telling).toContain('ERROR: the frobnicator is out of coffee');
    expect(seen.last()).toBe('failed');
    expect(clock.pending).toBe(0);
    await service.stop({ isGraceful: true });
    const log = readFileSync(path.join(dir, 'w0.log'), 'utf8');
    expect(log.match(/frobnicator/g)).toHaveLength(6);
  });

  it('is not restarted when that cannot help', async () => {
    const { service, seen } = supervise([{ program: 'dies.mjs', isRetryable: false }]);
    expect((await failureOf(service.start())).message).toContain('It ended with code 3\n');
    expect(seen.pids).toHaveLength(1);
  });

  it('while it serves comes back under another pid', async () => {
    const clock = new ManualClock();
    const port = await freePort(HOST);
    const { service, seen } = supervise([{ program: 'short-lived.mjs', port }], clock);
    await service.start();
    await fetch(`http://${HOST}:${port}/die`).catch(() => {});
    await until(() => clock.pending > 0, 'the pause');
    expect(service.processes()).toEqual([]);
    clock.fireNext();
    await service.start();
    expect(seen.pids).toHaveLength(2);
    expect(seen.last()).toBe('ready');
  });

  it('because its port was taken is started on another, and what it said then explains no later death', async () => {
    const clock = new ManualClock();
    const port = await freePort(HOST);
    const holder = http.createServer().listen(port, HOST);
    await once(holder, 'listening');
    const { service, seen } = supervise([{ program: 'wants-port.mjs', port }], clock);
    const started = service.start();
    await until(() => clock.pending > 0, 'the pause');
    clock.fireNext();
    await started;
    expect(seen.ports).toHaveLength(2);
    expect((await fetch(`http://${HOST}:${seen.ports[1]}/`)).status).toBe(200);
    process.kill(seen.pids.at(-1)!, 'SIGKILL');
    await until(() => clock.pending > 0, 'the second pause');
    clock.fireNext();
    await service.start();
    // A port that was not to blame is kept.
    expect(seen.ports).toHaveLength(2);
    holder.close();
  });

  it('is left alone when it is stopped during the pause', async () => {
    const clock = new ManualClock();
    const { service, seen } = supervise([{ program: 'dies.mjs' }], clock);
    const failure = failureOf(service.start());
    await until(() => clock.pending > 0, 'the pause');
    await service.stop({ isGraceful: true });
    expect((await failure).message).toContain('was stopped while it started');
    expect(clock.pending).toBe(0);
    clock.advance(60_000);
    expect(seen.pids).toHaveLength(1);
    expect(seen.last()).toBe('stopped');
  });
});

describe('a stop', () => {
  it('ends every worker and may be repeated; a start afterwards works', async () => {
    const ports = [await freePort(HOST), await freePort(HOST)];
    const wishes = ports.map((port, index) => ({ id: `w${index}`, program: 'serves.mjs', port }));
    const { service, seen } = supervise(wishes);
    await service.stop({ isGraceful: true });
    await service.start();
    await Promise.all([service.stop({ isGraceful: true }), service.stop({ isGraceful: true })]);
    await service.stop({ isGraceful: true });
    expect(seen.pids).toHaveLength(2);
    expect(seen.pids.filter(isRunning)).toEqual([]);
    expect(service.processes()).toEqual([]);
    await service.start();
    expect(seen.pids).toHaveLength(4);
  });

  it('kills what ignores SIGTERM at the deadline, not before', async () => {
    const clock = new ManualClock();
    const { service, seen } = supervise([{ program: 'deaf.mjs', port: await freePort(HOST) }], clock);
    await service.start();
    const stopped = service.stop({ isGraceful: true });
    await until(() => seen.lines.includes('not listening'), 'SIGTERM');
    clock.advance(LIMITS.stopGraceMs - 1);
    expect(isRunning(seen.pids[0]!)).toBe(true);
    clock.advance(1);
    await stopped;
    expect(isRunning(seen.pids[0]!)).toBe(false);
  });

  it('without patience moves the deadline of one with it', async () => {
    const clock = new ManualClock();
    const { service, seen } = supervise([{ program: 'deaf.mjs', port: await freePort(HOST) }], clock);
    await service.start();
    const both = [service.stop({ isGraceful: true }), service.stop({ isGraceful: false })];
    clock.advance(LIMITS.stopNowMs);
    await Promise.all(both);
    expect(seen.pids.filter(isRunning)).toEqual([]);
  });

  it('gives its whole grace again after an earlier stop of the same worker', async () => {
    const clock = new ManualClock();
    const { service, seen } = supervise([{ program: 'deaf.mjs', port: await freePort(HOST) }], clock);
    await service.stop({ isGraceful: false });
    clock.advance(LIMITS.stopGraceMs);
    await service.start();
    const stopped = service.stop({ isGraceful: true });
    clock.advance(LIMITS.stopGraceMs - 1);
    await until(() => seen.lines.includes('not listening'), 'SIGTERM');
    expect(isRunning(seen.pids[0]!)).toBe(true);
    clock.advance(1);
    await stopped;
  });

  it('while the program is being started leaves nothing running', async () => {
    const { service, seen } = supervise([{ program: 'serves.mjs', port: await freePort(HOST) }]);
    const failure = failureOf(service.start());
    await service.stop({ isGraceful: true });
    expect((await failure).code).toBe('start_failed');
    expect(seen.last()).toBe('stopped');
    expect(seen.pids.filter(isRunning)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('ends what workers forked, in their group and apart', async () => {
    const { service, seen } = supervise([{ program: 'forks.mjs', port: await freePort(HOST) }]);
    await service.start();
    await until(() => seen.lines.filter((line) => line.startsWith('forked')).length === 2, 'the forks');
    const forked = seen.lines.map((line) => Number(/^forked (\d+)$/.exec(line)?.[1]));
    expect(forked.filter(isRunning)).toHaveLength(2);
    await service.stop({ isGraceful: true });
    await until(() => !forked.some(isRunning), 'the forks to be gone', 5_000);
  });
});

describe.runIf(process.platform === 'linux')('a worker in Python', () => {
  it.each([
    'killed by somebody',
    'killed at the deadline',
  ])('%s leaves its resource tracker the time to clean up', async (how) => {
    const shared = path.join(dir, 'sem.mp-x');
    writeFileSync(shared, '');
    const { service, seen } = supervise([
      { program: 'tracked.mjs', port: await freePort(HOST), args: [shared], isRetryable: false },
    ]);
    await service.start();
    if (how === 'killed by somebody') process.kill(seen.pids[0]!, 'SIGKILL');
    else await service.stop({ isGraceful: false });
    await until(() => !existsSync(shared));
  });
});

describe('a worker whose stack died', () => {
  it('sees its stdin close and ends', async () => {
    const owner = spawn(process.execPath, [path.join(programs, 'owner.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = Number(await new Promise((resolve) => owner.stdout.once('data', resolve)));
    expect(isRunning(pid)).toBe(true);
    owner.kill('SIGKILL');
    await until(() => !isRunning(pid), 'the worker to end');
  });

  it.runIf(process.platform === 'linux')(
    'takes along what neither sees that nor is the worker itself',
    async () => {
      const shared = path.join(dir, 'sem.mp-x');
      writeFileSync(shared, '');
      const owner = spawn(process.execPath, [path.join(programs, 'watched.mjs'), shared], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const pid = Number(await new Promise((resolve) => owner.stdout.once('data', resolve)));
      const members = groupOf(pid);
      expect(members).toHaveLength(2);
      owner.kill('SIGKILL');
      await until(() => members.every((member) => !isRunning(member)), 'the group to end');
      expect(existsSync(shared)).toBe(false);
    },
  );
});

describe('the environment of a worker', () => {
  it('holds what it was given and nothing secret of ours', async () => {
    process.env['DYNAMO_API_KEY'] = 'secret-of-ours';
    process.env['SOME_SERVICE_TOKEN'] = 'secret-of-others';
    try {
      const { service, seen } = supervise([{ program: 'prints-environment.mjs', env: { GIVEN: 'yes' } }]);
      const failure = failureOf(service.start());
      await until(() => seen.lines.length > 0, 'the environment');
      const env = JSON.parse(seen.lines[0]!) as Record<string, string>;
      await service.stop({ isGraceful: false });
      await failure;
      expect(env).toMatchObject({ GIVEN: 'yes', PATH: process.env['PATH'] });
      expect(env['DYNAMO_WORKER']).toMatch(/^[0-9a-f-]{36}$/);
      expect(seen.lines[0]).not.toContain('secret-of');
    } finally {
      delete process.env['DYNAMO_API_KEY'];
      delete process.env['SOME_SERVICE_TOKEN'];
    }
  });
});

const groupOf = (leader: number): number[] => allPids().filter((pid) => processFacts(pid)?.group === leader);

async function failureOf(promise: Promise<void>): Promise<DynamoError> {
  return await promise.then(
    () => {
      throw new Error('it should have failed');
    },
    (error: DynamoError) => error,
  );
}
