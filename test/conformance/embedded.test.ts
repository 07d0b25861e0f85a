/** The behaviours that a real engine can show, in every dialect, streamed or not: the same words, counts and ends in all of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome, type RunningStack, until } from '../e2e/harness.js';
import { type Ask, type DialectDriver, DRIVERS, type Told } from './dialect-drivers.js';

let home: Home;
let stack: RunningStack;

beforeAll(async () => {
  home = makeHome();
  stack = await home.up('--workers', '1', '--set', 'slots=6');
});

afterAll(async () => {
  await stack?.down();
  home?.remove();
});

const weather = {
  name: 'get_weather',
  schema: {
    type: 'object',
    properties: { city: { enum: ['Paris', 'Rome'] } },
    required: ['city'],
  },
};
const user = (text: string) => ({ role: 'user' as const, text });
const capital = 'What is the capital of Italy? Answer in one sentence.';

/** One question in all six ways at once. */
function askAll(ask: Partial<Ask>): Promise<Told[]> {
  return Promise.all(
    DRIVERS.flatMap((driver) => [true, false].map((isStream) => askOne(driver, { ...ask, isStream }))),
  );
}

/** In three of them, one after another: a token under a grammar costs as much as ten without, more side by side. */
async function askEach(ask: Partial<Ask>): Promise<Told[]> {
  const told: Told[] = [];
  for (const [at, driver] of DRIVERS.entries())
    told.push(await askOne(driver, { ...ask, isStream: at % 2 === 0 }));
  return told;
}

async function askOne(driver: DialectDriver, ask: Partial<Ask> & { isStream: boolean }): Promise<Told> {
  const body = driver.body({
    model: 'smollm2',
    turns: [user(capital)],
    maxTokens: 16,
    isGreedy: true,
    ...ask,
  });
  const answer = await fetch(stack.url + driver.path, { method: 'POST', body: JSON.stringify(body) });
  return driver.read(answer.status, await answer.text(), ask.isStream);
}

function same<T>(told: Told[], read: (each: Told) => T): T {
  const values = told.map(read);
  for (const value of values) expect(value).toEqual(values[0]);
  return values[0] as T;
}

describe('in every dialect, streamed or not', () => {
  it('the same text, end and counts', async () => {
    const told = await askAll({});
    expect(same(told, ({ text }) => text)).toContain('Rome');
    expect(same(told, ({ end }) => end)).toBe('stop');
    expect(same(told, ({ error, calls, thinking }) => [error, calls, thinking])).toEqual([null, [], '']);
    expect(same(told, ({ usage }) => usage?.output)).toBeGreaterThan(4);
    expect(same(told, ({ usage }) => usage?.prompt)).toBeGreaterThan(20);
  });

  it('an answer cut by its bound', async () => {
    const told = await askAll({ maxTokens: 3 });
    expect(same(told, ({ end }) => end)).toBe('length');
    expect(same(told, ({ usage }) => usage?.output)).toBe(3);
  });

  it('a stop string that is not part of the answer', async () => {
    const told = await askAll({ stop: [' Rome'] });
    expect(same(told, ({ text }) => text)).toMatch(/\w is$/);
    expect(same(told, ({ end }) => end)).toBe('stop');
  });

  it('system prompt, turns, a system message in between, any characters', async () => {
    const told = await askAll({
      system: 'Be brief.',
      maxTokens: 4,
      turns: [
        user('naïve 日本 \u{1F600} "quoted" \u2028 <|im_end|>'),
        { role: 'assistant', text: 'ok' },
        { role: 'system', text: '900 tokens left' },
        user('Hi'),
      ],
    });
    expect(same(told, ({ usage }) => usage?.prompt)).toBeGreaterThan(30);
    same(told, ({ text }) => text);
  });

  it('calls and results of earlier turns', async () => {
    const told = await askAll({
      tools: [weather],
      maxTokens: 4,
      turns: [
        user('weather?'),
        {
          role: 'assistant',
          text: 'Looking.',
          calls: [{ id: 'a', name: 'get_weather', args: '{"city":"Paris"}' }],
        },
        { role: 'tool', id: 'a', text: 'sun' },
        user('thanks'),
      ],
    });
    expect(same(told, ({ status, error }) => [status, error])).toEqual([200, null]);
    expect(same(told, ({ usage }) => usage?.prompt)).toBeGreaterThan(100);
  });

  it('a forced call that keeps to its schema', async () => {
    const told = await askEach({
      tools: [weather],
      forceTool: 'get_weather',
      maxTokens: 32,
      turns: [user('What is the weather in Paris?')],
    });
    expect(same(told, ({ end }) => end)).toBe('tool');
    const [call] = same(told, ({ calls }) => calls.map(({ name, args }) => ({ name, args })));
    expect(call).toMatchObject({
      name: 'get_weather',
      args: { city: expect.stringMatching(/^(Paris|Rome)$/) },
    });
    expect(new Set(told.map(({ calls }) => calls[0]?.id)).size).toBe(told.length);
  });

  it('an answer in JSON of a schema', async () => {
    const format = {
      type: 'object',
      properties: { ok: { type: 'boolean' } },
      required: ['ok'],
      additionalProperties: false,
    };
    const told = await askEach({ format, maxTokens: 12, turns: [user('Is 2 even?')] });
    expect(Object.keys(JSON.parse(same(told, ({ text }) => text)) as object)).toEqual(['ok']);
  });

  it('what the engine read from its cache', async () => {
    const system = 'You are a patient assistant who explains everything twice. '.repeat(16);
    await askOne(DRIVERS[0]!, { system, maxTokens: 1, isStream: false });
    const told = await askAll({ system, maxTokens: 2 });
    for (const { usage } of told) expect(usage?.cached).toBeGreaterThanOrEqual(128);
  });

  it('a prompt that is too long, in the words agents compact on', async () => {
    const told = await askAll({ turns: [user('word '.repeat(9_000))] });
    expect(same(told, ({ status }) => status)).toBe(400);
    for (const { error } of told) {
      expect(error).toMatch(/prompt is too long: \d+ tokens > 8192 maximum|maximum context length is 8192/);
    }
  });

  it('a model that is not there', async () => {
    const told = await askAll({ model: 'gpt-99' });
    expect(same(told, ({ status }) => status)).toBe(404);
    for (const { error } of told) expect(error).toContain('gpt-99');
  });
});

describe('a client that leaves', () => {
  it.each(DRIVERS)('before the first token frees its worker: $name', async (driver) => {
    const body = driver.body({
      model: 'smollm2',
      turns: [user(`Unlike any other: ${driver.name}. ${'Tell me more. '.repeat(150)}`)],
      maxTokens: 400,
      isStream: true,
    });
    const controller = new AbortController();
    const sent = fetch(stack.url + driver.path, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: controller.signal,
    });
    await until(async () => (await stack.snapshot()).requests.active > 0, 'the request to be active', 5_000);
    controller.abort();
    await expect(sent.then((answer) => answer.text())).rejects.toThrow(/abort/);
    await until(async () => {
      const { requests, workers } = await stack.snapshot();
      return requests.active === 0 && workers.every(({ active }) => active.requests === 0);
    }, 'the worker to be free');
  });
});

describe('counting', () => {
  const tools = [{ name: weather.name, description: 'Weather of a city', input_schema: weather.schema }];
  it.each([
    ['text', { messages: [{ role: 'user', content: capital }] }],
    ['a system prompt and tools', { system: 'Be brief.', tools, messages: [{ role: 'user', content: 'x' }] }],
    [
      'thinking, calls and results',
      {
        tools,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        messages: [
          { role: 'user', content: 'x' },
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: 'hm', signature: 's' },
              { type: 'tool_use', id: 'a', name: 'get_weather', input: { city: 'Paris' } },
            ],
          },
          {
            role: 'user',
            content: [{ type: 'tool_result', tool_use_id: 'a', content: 'sun', is_error: true }],
          },
        ],
      },
    ],
  ])('equals what the engine reads: %s', async (_name, fields) => {
    const post = async (path: string, more: object) => {
      const body = JSON.stringify({ model: 'smollm2', ...fields, ...more });
      return (await fetch(stack.url + path, { method: 'POST', body })).json() as Promise<{
        input_tokens: number;
        usage: { input_tokens: number; cache_read_input_tokens: number };
      }>;
    };
    const counted = await post('/v1/messages/count_tokens', {});
    const { usage } = await post('/v1/messages', { max_tokens: 1 });
    expect(counted.input_tokens).toBe(usage.input_tokens + usage.cache_read_input_tokens);
  });
});
