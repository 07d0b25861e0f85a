/** Engines that run already: routed to, watched, never started or stopped. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome, type RunningStack } from './harness.js';

interface WorkerStatus {
  id: string;
  url: string;
  pid: number;
  state: string;
}

let home: Home;
let engines: RunningStack;
let stack: RunningStack;
let workers: WorkerStatus[];

const statusOf = async (name: string): Promise<{ stack: { state: string }; workers: WorkerStatus[] }> =>
  JSON.parse((await home.cli('status', '--name', name, '--json')).stdout);

beforeAll(async () => {
  home = makeHome();
  engines = await home.up('--name', 'engines', '--workers', '2', '--set', 'slots=2');
  ({ workers } = await statusOf('engines'));
  stack = await home.up('--name', 'attached', ...workers.flatMap(({ url }) => ['--attach', url]));
});

afterAll(async () => {
  await stack?.down();
  await engines?.down();
  home?.remove();
});

const chat = async (text: string) => {
  const answer = await fetch(`${stack.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'smollm2',
      max_tokens: 4,
      messages: [
        { role: 'system', content: 'You answer briefly and to the point. '.repeat(40) },
        { role: 'user', content: text },
      ],
    }),
  });
  const body = (await answer.json()) as { usage: { prompt_tokens_details: { cached_tokens: number } } };
  return {
    worker: answer.headers.get('x-dynamo-worker'),
    predicted: Number(answer.headers.get('x-dynamo-predicted-tokens')),
    cached: body.usage.prompt_tokens_details.cached_tokens,
  };
};

describe('attached engines', () => {
  it('tell their model, their tokens and where their events are: the second request finds the first', async () => {
    const first = await chat('Hello there');
    await expect.poll(async () => (await chat('Hello there')).predicted).toBeGreaterThan(200);
    const again = await chat('Something else');
    expect(again).toMatchObject({ worker: first.worker, predicted: again.cached });
  });

  it('that die are left out at once, and nothing else happens to the stack', async () => {
    const { worker } = await chat('Hello there');
    const dead = workers.find(({ id }) => id === worker) as WorkerStatus;
    // Stopped, not killed: its own stack would start it again at once.
    process.kill(dead.pid, 'SIGSTOP');
    try {
      const isDegraded = async () => (await statusOf('attached')).stack.state;
      await expect.poll(isDegraded, { timeout: 20_000, interval: 500 }).toBe('degraded');
      expect((await chat('Hello there')).worker).not.toBe(worker);
    } finally {
      process.kill(dead.pid, 'SIGCONT');
    }
    await expect
      .poll(async () => (await statusOf('attached')).stack.state, { timeout: 20_000, interval: 500 })
      .toBe('ready');
  });

  it('go on after the stack has gone', async () => {
    await stack.down();
    for (const { pid } of workers)
      expect(execFileSync('ps', ['-p', String(pid)]).toString()).toContain(String(pid));
    const status = await statusOf('engines');
    expect(status.stack.state).toBe('ready');
  });

  it('must answer, and must serve one model', async () => {
    const nobody = await home.cli('up', '--name', 'x', '--no-tui', '--attach', 'http://127.0.0.1:9');
    expect(nobody).toMatchObject({ code: 4 });
    expect(nobody.stderr).toContain('http://127.0.0.1:9');
    const odd = await home.cli('up', '--name', 'x', '--attach', 'http://127.0.0.1:9,evnts=tcp://x:1');
    expect(odd).toMatchObject({ code: 2 });
  });
});
