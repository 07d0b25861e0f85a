/** A stack leaves nothing behind, however it ends; every test looks for the pids. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, isRunning, makeHome, type RunningStack, until } from './harness.js';

let home: Home;

beforeAll(() => {
  home = makeHome();
});

afterAll(() => home.remove());

describe('a stack', () => {
  it('is gone with its workers after Ctrl-C', async () => {
    const stack = await home.up();
    const pids = await stack.pids();
    expect(pids).toHaveLength(3);
    stack.process.kill('SIGINT');
    await allGone(stack, pids);
    expect(stack.process.exitCode).toBe(130);
    expect(sockets(home)).toEqual([]);
  });

  it('is gone with its workers after `dynamo down`', async () => {
    const stack = await home.up();
    const pids = await stack.pids();
    const down = await home.cli('down');
    expect(down).toMatchObject({ code: 0, stdout: 'stopped default\n' });
    await allGone(stack, pids);
    expect(sockets(home)).toEqual([]);
  });

  it('leaves no worker behind when the stack process is killed with -9', async () => {
    const stack = await home.up();
    const pids = await stack.pids();
    process.kill(pids[0]!, 'SIGKILL');
    await allGone(stack, pids);
    expect(stack.process.exitCode).toBe(1);
    expect(stack.output()).toContain('stack process ended');
  });

  it('starts again under the same name after such a death', async () => {
    const stack = await home.up();
    const snapshot = await stack.snapshot();
    expect(snapshot.stack.state).toBe('ready');
    const second = await home.cli('up', '--no-tui', '--port', '0');
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('already running');
    expect(second.stderr).toContain('dynamo down');
    expect((await stack.snapshot()).stack.pid).toBe(snapshot.stack.pid);
    await stack.down();
  });

  it('runs detached until `dynamo down`', async () => {
    const up = await home.cli('up', '--detach', '--port', '0', '--workers', '1');
    expect(up.code).toBe(0);
    expect(up.stdout).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+ model=\S+ workers=1$/m);
    const status = JSON.parse((await home.cli('status', '--json')).stdout);
    expect((await home.cli('down', '--now')).code).toBe(0);
    await until(() => !isRunning(status.stack.pid), 'the stack to end');
  });
});

/** Workers that cost nothing to start. */
const SIMULATED = ['--recipe', 'gpt-oss-20b', '--simulate=2xh100'];

describe('a stack of simulated workers', () => {
  it('goes with the terminal it was started in', async () => {
    const stack = await home.up(...SIMULATED);
    const pids = await stack.pids();
    stack.process.kill('SIGHUP');
    await allGone(stack, pids);
    expect(stack.process.exitCode).toBe(130);
    expect(sockets(home)).toEqual([]);
  });

  it('that was detached outlives it, beside another one; each is stopped by its own name', async () => {
    const up = (name: string) => home.cli('up', '--detach', '--port', '0', '--name', name, ...SIMULATED);
    const started = await Promise.all([up('one'), up('two')]);
    expect(started.map(({ code }) => code)).toEqual([0, 0]);
    const [one, two] = await Promise.all(
      ['one', 'two'].map(async (name) =>
        JSON.parse((await home.cli('status', '--json', '--name', name)).stdout),
      ),
    );
    const ports = [one, two].flatMap(({ stack, workers }) => [
      new URL(stack.url).port,
      ...workers.map(({ url }: { url: string }) => new URL(url).port),
    ]);
    expect(new Set(ports).size).toBe(6);
    process.kill(one.stack.pid, 'SIGHUP');
    expect((await home.cli('down', '--now', '--name', 'two')).code).toBe(0);
    await until(() => !isRunning(two.stack.pid), 'the second to end');
    // The signal and its neighbour's end have done nothing to the first.
    expect((await fetch(`${one.stack.url}/health`)).status).toBe(200);
    expect((await home.cli('down', '--now', '--name', 'one')).code).toBe(0);
    await until(() => !isRunning(one.stack.pid), 'the first to end');
  });

  it('adds to its slowest engine’s start one question about tokens, and nothing else', async () => {
    const stack = await home.up(...SIMULATED);
    const steps = stack.output().split('\n');
    const last = steps.findLastIndex((line) => /w\d ready$/.test(line.trimEnd()));
    const after = steps.slice(last + 1).filter((line) => line.trim() !== '');
    // Two pipes: their order is not told.
    expect(after.map((line) => line.replace(/^[\s\d.]+ s\s+/, '').split(/[: ]/)[0]).sort()).toEqual([
      'ready',
      'stack',
      'tokenizer',
    ]);
    await stack.down();
  });
});

describe('a worker', () => {
  it('is restarted after kill -9 and serves again', async () => {
    const stack = await home.up('--workers', '1');
    const worker = (await stack.snapshot()).workers[0]!;
    process.kill(worker.pid!, 'SIGKILL');
    await until(async () => {
      const now = (await stack.snapshot()).workers[0]!;
      return now.state === 'ready' && now.pid !== worker.pid;
    }, 'the worker to be ready again');
    const answer = await fetch(`${stack.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'smollm2',
        messages: [{ role: 'user', content: 'Say hi.' }],
        max_tokens: 4,
      }),
    });
    expect(answer.status).toBe(200);
    expect((await stack.snapshot()).workers[0]!.restarts).toBe(1);
    await stack.down();
  });
});

async function allGone(stack: RunningStack, pids: number[]): Promise<void> {
  await until(() => pids.every((pid) => !isRunning(pid)), `pids ${pids} to end`);
  await until(() => stack.process.exitCode !== null || stack.process.signalCode !== null, 'dynamo up to end');
}

/** Socket files left in the runtime folder. */
function sockets(of: Home): string[] {
  const dir = path.join(of.dir, 'run', 'default');
  return existsSync(dir) ? readdirSync(dir) : [];
}
