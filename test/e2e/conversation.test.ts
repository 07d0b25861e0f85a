/** Two real workers: conversations stay where their cache is, unlike ones spread, figures agree. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome, type RunningStack } from './harness.js';

let home: Home;
let stack: RunningStack;

beforeAll(async () => {
  home = makeHome();
  stack = await home.up();
});

afterAll(async () => {
  await stack?.down();
  home?.remove();
});

interface Turn {
  worker: string;
  predicted: number;
  prompt: number;
  cached: number;
  text: string;
}

type ChatMessage = { role: string; content: string };

async function chat(messages: ChatMessage[], extra: Record<string, unknown> = {}): Promise<Turn> {
  const response = await fetch(`${stack.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'smollm2', messages, max_tokens: 16, temperature: 0, ...extra }),
  });
  const body = (await response.json()) as {
    choices: { message: { content: string } }[];
    usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
  };
  expect(response.status, JSON.stringify(body)).toBe(200);
  return {
    worker: response.headers.get('x-dynamo-worker')!,
    predicted: Number(response.headers.get('x-dynamo-predicted-tokens')),
    prompt: body.usage.prompt_tokens,
    cached: body.usage.prompt_tokens_details.cached_tokens,
    text: body.choices[0]!.message.content,
  };
}

const story = (topic: string, sentences: number) =>
  Array.from(
    { length: sentences },
    (_, index) => `Fact ${index} about ${topic}: it is number ${index * 7} in the list of ${topic}.`,
  ).join(' ');

describe('routing', () => {
  it('answers a question', async () => {
    const turn = await chat(
      [{ role: 'user', content: 'What is the capital of Italy? Answer in one sentence.' }],
      {
        temperature: 0,
      },
    );
    expect(turn.text).toContain('Rome');
  });

  it('sends the second turn to the worker that has the first, and both sides count the same', async () => {
    const messages = [{ role: 'user', content: `${story('rivers', 30)} Summarise.` }];
    const first = await chat(messages);
    messages.push(
      { role: 'assistant', content: first.text },
      { role: 'user', content: 'And now in one word.' },
    );
    const second = await chat(messages);
    expect(second.worker).toBe(first.worker);
    expect(second.cached).toBeGreaterThanOrEqual(first.prompt - 64);
    expect(Math.abs(second.predicted - second.cached)).toBeLessThanOrEqual(64);
  });

  it('spreads unlike sessions over both workers', async () => {
    const turns = await Promise.all(
      ['birds', 'cars', 'trees', 'stars'].map((topic) => chat([{ role: 'user', content: story(topic, 12) }])),
    );
    expect(new Set(turns.map(({ worker }) => worker)).size).toBe(2);
  });

  it('shows the same figures in status, and they add up', async () => {
    const { tokens, workers, requests, hitRate } = await stack.snapshot();
    expect(requests.failed).toBe(0);
    expect(tokens.prompt).toBe(workers.reduce((sum, worker) => sum + worker.promptTokens, 0));
    expect(tokens.cached).toBeGreaterThan(0);
    expect(hitRate.total).toBeCloseTo(tokens.cached / tokens.prompt, 5);
    expect(tokens.reachable).toBeGreaterThanOrEqual(tokens.cached - 64 * requests.total);
  });

  it('sends its token ids along, and the worker takes them instead of tokenizing again', async () => {
    const { workers } = await stack.snapshot();
    const ask = (extra: Record<string, unknown>) =>
      fetch(`${workers[0]!.url}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], max_tokens: 1, ...extra }),
      });
    const given = await ask({ prompt_token_ids: [504, 3575, 282, 4649, 314] });
    expect((await given.json()).usage.prompt_tokens).toBe(5);
    expect((await ask({ prompt_token_ids: [-1] })).status).toBe(400);
    const { embeddedAdapter } = await import('../../src/engines/embedded/adapter.js');
    expect(embeddedAdapter.tokenIdsField).toBe('prompt_token_ids');
  });

  it('explains a decision', async () => {
    const response = await fetch(`${stack.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'smollm2', messages: [{ role: 'user', content: 'hi' }], max_tokens: 1 }),
    });
    await response.text();
    const id = response.headers.get('x-request-id');
    const decision = await (await fetch(`${stack.url}/dynamo/v1/requests/${id}`)).json();
    expect(decision).toMatchObject({ worker: response.headers.get('x-dynamo-worker'), policy: 'kv' });
  });
});
