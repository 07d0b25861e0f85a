/** The whole product over workers that only pretend: conversations, priorities, deaths, time, and nothing left behind. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rooflineTiming } from '../../src/engines/simulator/timing.js';
import type { Plan } from '../../src/plan/types.js';
import { type Home, isRunning, makeHome, type RunningStack, until } from './harness.js';

let home: Home;

beforeAll(() => {
  home = makeHome();
});

afterAll(() => home.remove());

type Json = Record<string, unknown>;

interface Turn {
  worker: string | null;
  predicted: number;
  prompt: number;
  cached: number;
  output: number;
  text: string;
}

/** How each dialect asks and tells; `history` alternates user and assistant texts. */
const DIALECTS: Record<
  string,
  { path: string; body(history: string[]): Json; read(answer: never): Omit<Turn, 'worker' | 'predicted'> }
> = {
  chat: {
    path: '/v1/chat/completions',
    body: (history) => ({ messages: messagesOf(history), max_tokens: 150, n: 1 }),
    read: ({
      choices: [choice],
      usage,
    }: {
      choices: [{ message: { content: string } }];
      usage: ChatUsage;
    }) => ({
      text: choice.message.content,
      prompt: usage.prompt_tokens,
      output: usage.completion_tokens,
      cached: usage.prompt_tokens_details.cached_tokens,
    }),
  },
  messages: {
    path: '/v1/messages',
    body: (history) => ({ messages: messagesOf(history), max_tokens: 150 }),
    read: ({ content: [block], usage }: { content: [{ text: string }]; usage: Record<string, number> }) => ({
      text: block.text,
      output: usage['output_tokens'] ?? 0,
      prompt: (usage['input_tokens'] ?? 0) + (usage['cache_read_input_tokens'] ?? 0),
      cached: usage['cache_read_input_tokens'] ?? 0,
    }),
  },
  responses: {
    path: '/v1/responses',
    body: (history) => ({ input: messagesOf(history), max_output_tokens: 150 }),
    read: ({
      output,
      usage,
    }: {
      output: { type: string; content: [{ text: string }] }[];
      usage: ResponsesUsage;
    }) => ({
      text: output.find(({ type }) => type === 'message')?.content[0].text ?? '',
      prompt: usage.input_tokens,
      output: usage.output_tokens,
      cached: usage.input_tokens_details.cached_tokens,
    }),
  },
};

interface ChatUsage {
  prompt_tokens: number;
  completion_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
}

interface ResponsesUsage {
  input_tokens: number;
  output_tokens: number;
  input_tokens_details: { cached_tokens: number };
}

const messagesOf = (history: string[]) =>
  history.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content }));

const wordsOf = (topic: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${topic} ${index}`).join(' ');

async function ask(
  stack: RunningStack,
  dialect: string,
  history: string[],
  { headers = {}, ...extra }: Json & { headers?: Record<string, string> } = {},
): Promise<Turn> {
  const { path: at, body, read } = DIALECTS[dialect]!;
  const response = await fetch(stack.url + at, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'glm-5.1', ...body(history), ...extra }),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return {
    worker: response.headers.get('x-dynamo-worker'),
    predicted: Number(response.headers.get('x-dynamo-predicted-tokens')),
    ...read(JSON.parse(text) as never),
  };
}

/** Events of an answer's last block may still be on their way when the answer has come. */
async function isIndexed(stack: RunningStack, history: string[], { prompt, output }: Turn): Promise<void> {
  const computed = Math.floor((prompt + output - 1) / 64) * 64;
  await until(async () => {
    const body = JSON.stringify({ model: 'glm5', messages: messagesOf(history) });
    const score = await fetch(`${stack.url}/dynamo/v1/score`, { method: 'POST', body });
    const { workers } = (await score.json()) as { workers: { predictedTokens: { gpu: number } }[] };
    return Math.max(...workers.map(({ predictedTokens }) => predictedTokens.gpu)) >= computed;
  }, 'the events of an answer');
}

async function downLeavesNothing(stack: RunningStack): Promise<void> {
  const pids = await stack.pids();
  expect(await home.cli('down', '--now')).toMatchObject({ code: 0 });
  await isAllGone(stack, pids);
}

async function isAllGone(stack: RunningStack, pids: number[]): Promise<void> {
  await until(() => pids.every((pid) => !isRunning(pid)), `pids ${pids} to end`);
  await until(() => stack.process.exitCode !== null, 'dynamo up to end');
  const runtime = path.join(home.dir, 'run', 'default');
  expect(existsSync(runtime) ? readdirSync(runtime) : []).toEqual([]);
}

describe('two simulated workers of 8 GPUs', () => {
  let stack: RunningStack;

  beforeAll(async () => {
    stack = await home.up('--recipe', 'glm5', '--simulate', '--workers', '2', '--set', 'simulator.speed=20');
  });

  afterAll(() => stack?.down());

  it('are marked everywhere', async () => {
    expect(stack.output()).toMatch(/^ready http:\S+ model=glm-5\.1 workers=2 SIMULATED$/m);
    const { stack: facts, workers } = await stack.snapshot();
    expect(facts).toMatchObject({ isSimulated: true, recipe: 'glm5', variant: 'fp8' });
    expect(workers.map(({ engine }) => engine)).toEqual(['simulator', 'simulator']);
    expect((await home.cli('top', '--once')).stdout).toMatch(/^default {2}ready {2}SIMULATED/);
    expect((await home.cli('status')).stdout).toContain('SIMULATED');
    expect((await home.cli('logs', 'w0')).stdout).toContain('SIMULATED: glm-5.1 on 8 × H200');
  });

  it('are exported as what they pretend to be', async () => {
    const { stdout, stderr } = await home.cli('export', 'dynamo');
    expect(stderr).toBe('');
    expect(stdout).toContain('kind: DynamoGraphDeployment');
    expect(stdout).toMatch(/replicas: 2\n/);
    expect(stdout).toContain('zai-org/GLM-5.1-FP8');
    const planned = await home.cli('export', 'dynamo', '--recipe', 'glm5', '--hardware', '16xh200');
    expect(planned.stdout).toBe(stdout);
  });

  it.each(
    Object.keys(DIALECTS),
  )('keep a conversation in %s where it is: predicted and reported alike, answers included', async (dialect) => {
    const history = [wordsOf(`${dialect} river`, 600)];
    const first = await ask(stack, dialect, history);
    expect(first).toMatchObject({ predicted: 0, cached: 0 });
    history.push(first.text, 'And what else?');
    await isIndexed(stack, history, first);
    const second = await ask(stack, dialect, history);
    expect(second.worker).toBe(first.worker);
    expect(second.predicted).toBe(second.cached);
    expect(second.cached).toBeGreaterThan(first.prompt - 64);
    history.push(second.text, 'Thank you.');
    await isIndexed(stack, history, second);
    const third = await ask(stack, dialect, history);
    expect([third.worker, third.predicted]).toEqual([first.worker, third.cached]);
    // What was said counts as known as well, but for the block that is not full.
    expect(third.cached).toBeGreaterThan(second.prompt);
  });

  it('explain, score and count sessions as any worker does', async () => {
    const response = await fetch(`${stack.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'glm5',
        messages: messagesOf([wordsOf('chat river', 600)]),
        max_tokens: 2,
      }),
    });
    await response.text();
    const decision = await (
      await fetch(`${stack.url}/dynamo/v1/requests/${response.headers.get('x-request-id')}`)
    ).json();
    expect(decision).toMatchObject({ worker: response.headers.get('x-dynamo-worker'), policy: 'kv' });
    const { tokens, workers } = await stack.snapshot();
    expect(tokens.prompt).toBe(workers.reduce((sum, worker) => sum + worker.promptTokens, 0));
    expect(tokens.predicted).toBe(tokens.cached);
  });

  it('die and come back: what one held is gone at once, and the other answers meanwhile', async () => {
    const history = [wordsOf('mountain', 800)];
    const first = await ask(stack, 'chat', history);
    const victim = (await stack.snapshot()).workers.find(({ id }) => id === first.worker)!;
    process.kill(victim.pid!, 'SIGKILL');
    await until(async () => {
      const now = (await stack.snapshot()).workers.find(({ id }) => id === victim.id)!;
      return now.state === 'ready' && now.pid !== victim.pid;
    }, 'the worker to be ready again');
    const again = await ask(stack, 'chat', history);
    expect([again.predicted, again.cached]).toEqual([0, 0]);
    await expect
      .poll(async () => (await ask(stack, 'chat', history)).cached)
      .toBeGreaterThan(again.prompt - 65);
    const { workers } = await stack.snapshot();
    expect(workers.find(({ id }) => id === victim.id)?.restarts).toBe(1);
  });

  it('are had anew on demand: what runs there finishes, the rest goes elsewhere, nothing is lost', async () => {
    const before = (await stack.snapshot()).workers[0];
    const long = Promise.all(
      ['a', 'b'].map((topic) =>
        ask(stack, 'chat', [wordsOf(topic, 50)], {
          max_tokens: 8_000,
          ignore_eos: true,
          nvext: { backend_instance_id: 'w0' },
        }),
      ),
    );
    await until(async () => (await stack.snapshot()).workers[0]!.active.requests > 0, 'a request on w0');
    let isOver = false;
    const restart = home.cli('restart', 'w0', '--json').finally(() => {
      isOver = true;
    });
    const meanwhile: Turn[] = [];
    while (!isOver) meanwhile.push(await ask(stack, 'chat', ['meanwhile'], { max_tokens: 50 }));
    const { stdout, stderr } = await restart;
    expect(JSON.parse(stdout), stderr).toMatchObject({ worker: 'w0', cutOff: 0 });
    expect(JSON.parse(stdout).running).toBeGreaterThan(0);
    expect((await long).map(({ output }) => output)).toEqual([8_000, 8_000]);
    expect(meanwhile.some(({ worker }) => worker === 'w1')).toBe(true);
    const { stack: facts, workers, requests } = await stack.snapshot();
    expect({ state: facts.state, failed: requests.failed }).toEqual({ state: 'ready', failed: 0 });
    expect(workers[0]).toMatchObject({ state: 'ready', restarts: before?.restarts });
    expect(workers[0]?.pid).not.toBe(before?.pid);
    expect(await home.cli('restart', 'w9')).toMatchObject({ code: 2 });
  });

  it('leave nothing after `down --now`', () => downLeavesNothing(stack));
});

describe('glm5 on eight H200', () => {
  const SPEED = 0.25;
  let stack: RunningStack;

  beforeAll(async () => {
    stack = await home.up('--recipe', 'glm5', '--simulate=8xh200', '--set', `simulator.speed=${SPEED}`);
  });

  afterAll(() => stack?.down());

  it('takes as long for a cold prompt of 20,000 tokens as its own arithmetic says', async () => {
    const { stdout } = await home.cli('plan', '--recipe', 'glm5', '--simulate=8xh200', '--json');
    const { passMs } = rooflineTiming((JSON.parse(stdout) as Plan).simulation!.facts);
    const shares: number[] = [];
    // A busy machine may be late once.
    for (const topic of ['ocean', 'island']) {
      const startedAt = performance.now();
      const { prompt } = await ask(stack, 'chat', [wordsOf(topic, 9_000)], { max_tokens: 1 });
      const simulatedMs = (performance.now() - startedAt) * SPEED;
      expect(prompt).toBeGreaterThan(19_000);
      let expected = 0;
      for (let left = prompt; left > 0; left -= 8_192) expected += passMs(Math.min(left, 8_192), 0, 0, 0);
      shares.push(simulatedMs / expected);
    }
    expect(Math.min(...shares)).toBeGreaterThan(0.95);
    expect(Math.min(...shares)).toBeLessThan(1.2);
  });

  it('answers who is more important first, when all wait', async () => {
    const ended: string[] = [];
    const urgent = { 'x-dynamo-request-priority': '10' };
    // From the first priority on the router keeps workers' own queues short.
    await ask(stack, 'chat', ['Is anybody there?'], { max_tokens: 1, headers: urgent });
    const before = (await stack.snapshot()).requests.total;
    const send = (name: string, headers: Record<string, string> = {}) =>
      ask(stack, 'chat', [wordsOf(name, 4_000)], { max_tokens: 1, headers }).then(() => ended.push(name));
    const plain = Array.from({ length: 6 }, (_, index) => send(`plain${index}`));
    await until(async () => (await stack.snapshot()).requests.total >= before + 6, 'six to be there');
    await Promise.all([...plain, send('urgent', urgent)]);
    expect(ended).toHaveLength(7);
    expect(ended.indexOf('urgent')).toBeLessThan(4);
  });

  it('finishes what it has begun before it goes, and leaves nothing', async () => {
    const pids = await stack.pids();
    const body = {
      model: 'glm5',
      ...DIALECTS['chat']!.body(['Take your time.']),
      stream: true,
      ignore_eos: true,
    };
    const answer = await fetch(`${stack.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    expect(await home.cli('down')).toMatchObject({ code: 0 });
    const text = await answer.text();
    expect(text).toContain('"finish_reason":"length"');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    await isAllGone(stack, pids);
  });
});

describe('what cannot be simulated', () => {
  it.each([
    [['--recipe', 'glm5', '--simulate=8xh100'], 3, 'h200'],
    [['--recipe', 'glm5', '--simulate=8xfoo'], 2, 'Families'],
    // Without it: the way out is named.
    [['--recipe', 'glm5'], 3, '`--simulate` alone'],
    [['--simulate', '--tiers', 'cpu=1GiB'], 2, '--tiers'],
    [['--set', 'simulator.speed=2'], 2, '--simulate'],
    [['--simulate', '--set', 'simulator.speed=x'], 2, 'simulator.speed'],
    [['--simulate', '--attach', 'http://127.0.0.1:1'], 2, 'attach'],
  ])('%j', async (args, code, text) => {
    const result = await home.cli('up', '--dry-run', ...args);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(text);
  });

  it('is nothing that a plan could not show', async () => {
    const plan = await home.cli('plan', '--recipe', 'minimax', '--simulate');
    expect(plan.stdout).toContain('SIMULATED 2 × RTX-PRO-6000');
    expect((await home.cli('up', '--simulate', '--dry-run')).stdout).toMatch(/^SIMULATED \d+ × /m);
  });
});
