/** What the official clients build on the wire: tool loops, structured answers, their own error classes, leaving. */
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/harness.js';
import type { Body, Exchange, Script } from './support/scripted-engine.js';
import { callsThenText, PNG, weatherOf } from './support/tool-loop.js';

let gateway: TestGateway;
let openai: OpenAI;
let anthropic: Anthropic;

const model = 'test-model';
const question = [{ role: 'user' as const, content: 'Compare Paris and Rome.' }];
const schema = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city' as const],
};

beforeEach(async () => {
  gateway = await startGateway({ config: { apiKeys: ['key'] } });
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'key', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: gateway.url, apiKey: 'key', maxRetries: 0 });
});

afterEach(() => gateway.close());

const script = (answer: Script) => {
  gateway.engines[0]!.script = answer;
};
const sent = (): Body[] => gateway.engines[0]!.bodies;
const json =
  (text: string): Script =>
  ({ say }) =>
    say(text.slice(0, 5), text.slice(5));

describe('openai chat', () => {
  const tools = [
    {
      type: 'function' as const,
      function: {
        name: 'get_weather',
        parameters: schema,
        parse: JSON.parse,
        function: ({ city }: { city: string }) => weatherOf(city),
      },
    },
  ];

  it.each([true, false])('runTools finishes a job of two rounds, streamed: %s', async (stream) => {
    script(callsThenText);
    const runner = stream
      ? openai.chat.completions.runTools({ model, messages: question, tools, stream: true })
      : openai.chat.completions.runTools({ model, messages: question, tools });
    expect(await runner.finalContent()).toBe('Rome is warmer.');
    const { usage } = { usage: await runner.totalUsage() };
    if (!stream) expect(usage.total_tokens).toBe(46);
    expect(sent()).toHaveLength(2);
    expect((sent()[1]!['messages'] as Body[]).slice(1)).toMatchObject([
      { role: 'assistant', tool_calls: [{ id: 'call_a' }, { id: 'call_b' }] },
      { role: 'tool', tool_call_id: 'call_a', content: 'Paris: 12' },
      { role: 'tool', tool_call_id: 'call_b', content: 'Rome: 21' },
    ]);
  });

  it('tells each piece of an answer through the helper’s events', async () => {
    script(callsThenText);
    const stream = openai.chat.completions.stream({
      model,
      messages: question,
      tools: [{ type: 'function', function: { name: 'get_weather', parameters: schema } }],
    });
    const done: unknown[] = [];
    stream.on('tool_calls.function.arguments.done', ({ name, index, arguments: args }) =>
      done.push([name, index, args]),
    );
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]?.finish_reason).toBe('tool_calls');
    expect(done).toEqual([
      ['get_weather', 0, '{"city": "Paris"}'],
      ['get_weather', 1, '{"city": "Rome"}'],
    ]);
  });

  it('parses a structured answer', async () => {
    script(json('{"city":"Rome"}'));
    const answer = await openai.chat.completions.parse({
      model,
      messages: question,
      response_format: { type: 'json_schema', json_schema: { name: 'city', schema, strict: true } },
    });
    expect(answer.choices[0]?.message.parsed).toEqual({ city: 'Rome' });
    expect(sent()[0]!['response_format']).toMatchObject({
      type: 'json_schema',
      json_schema: { strict: true },
    });
  });

  it('reads several choices with log probabilities, streamed', async () => {
    script(({ chunk, done }) => {
      const content = (token: string) => [{ token, logprob: -0.5, bytes: null, top_logprobs: [] }];
      for (const index of [0, 1]) {
        const logprobs = { content: content(`t${index}`) };
        chunk({
          id: 'c',
          choices: [{ index, delta: { content: `t${index}` }, logprobs, finish_reason: null }],
        });
      }
      for (const index of [1, 0]) chunk({ id: 'c', choices: [{ index, delta: {}, finish_reason: 'stop' }] });
      done();
    });
    const asked = { model, messages: question, n: 2, logprobs: true, top_logprobs: 1 };
    const final = await openai.chat.completions.stream(asked).finalChatCompletion();
    const whole = await openai.chat.completions.create(asked);
    for (const { choices } of [final, whole]) {
      expect(choices.map(({ message }) => message.content)).toEqual(['t0', 't1']);
      expect(choices.map(({ logprobs }) => logprobs?.content?.[0]?.token)).toEqual(['t0', 't1']);
    }
    expect(sent()[0]).toMatchObject({ n: 2, logprobs: true, top_logprobs: 1 });
  });

  it.each([
    [true, [null, null, null, 23]],
    [false, [undefined, undefined, undefined]],
    [undefined, [undefined, undefined, undefined]],
  ])('frames usage as asked: %s', async (include, expected) => {
    script(({ delta, done }) => {
      delta({ content: 'a' });
      delta({}, 'stop');
      done();
    });
    const stream = await openai.chat.completions.create({
      model,
      messages: question,
      stream: true,
      ...(include === undefined ? {} : { stream_options: { include_usage: include } }),
    });
    const told: unknown[] = [];
    for await (const { usage, choices } of stream) {
      told.push(usage?.total_tokens ?? usage);
      if (usage) expect(choices).toEqual([]);
    }
    expect(told).toEqual(expected);
  });
});

describe('anthropic', () => {
  const tool = (run = ({ city }: { city: string }): string => weatherOf(city)) =>
    betaTool({ name: 'get_weather', description: 'Weather', inputSchema: schema, run });

  it.each([true, false])('the tool runner finishes a job of two rounds, streamed: %s', async (stream) => {
    script(callsThenText);
    const runner = anthropic.beta.messages.toolRunner({
      model,
      max_tokens: 90,
      messages: question,
      tools: [tool()],
      stream,
    });
    const final = await runner.runUntilDone();
    expect(final.content).toMatchObject([{ type: 'text', text: 'Rome is warmer.' }]);
    expect((sent()[1]!['messages'] as Body[]).slice(1).map(({ role }) => role)).toEqual([
      'assistant',
      'tool',
      'tool',
    ]);
  });

  it('a tool that throws is told as an error result', async () => {
    script(callsThenText);
    const failing = tool(() => {
      throw new Error('no such city');
    });
    await anthropic.beta.messages
      .toolRunner({ model, max_tokens: 90, messages: question, tools: [failing] })
      .runUntilDone();
    const results = (sent()[1]!['messages'] as Body[]).filter(({ role }) => role === 'tool');
    expect(results).toHaveLength(2);
    expect(String(results[0]!['content'])).toMatch(/^Error: \n.*no such city/);
  });

  it('thinking, text and calls come back as they were given', async () => {
    script(({ delta, done }: Exchange) => {
      delta({ reasoning: 'Both ' });
      delta({ reasoning: 'cities.' });
      delta({ content: 'Looking.' });
      delta({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'get_weather', arguments: '' } }] });
      delta({}, 'tool_calls');
      done();
    });
    const tools = [{ name: 'get_weather', input_schema: schema }];
    const asked = {
      model,
      max_tokens: 90,
      tools,
      thinking: { type: 'enabled' as const, budget_tokens: 1024 },
    };
    const stream = anthropic.messages.stream({ ...asked, messages: question });
    const seen: string[] = [];
    stream.on('thinking', (delta) => seen.push(delta));
    stream.on('inputJson', (delta) => seen.push(delta));
    const final = await stream.finalMessage();
    expect(seen).toEqual(['Both ', 'cities.', '{}']);
    expect(final.content.map(({ type }) => type)).toEqual(['thinking', 'text', 'tool_use']);
    expect(final.content[2]).toMatchObject({ input: {} });
    const result = { type: 'tool_result' as const, tool_use_id: 'c1', content: '12' };
    await anthropic.messages.create({
      ...asked,
      messages: [
        ...question,
        { role: 'assistant', content: final.content },
        { role: 'user', content: [result] },
      ],
    });
    expect((sent()[1]!['messages'] as Body[])[1]).toMatchObject({
      role: 'assistant',
      reasoning_content: 'Both cities.',
      content: 'Looking.',
      tool_calls: [{ id: 'c1', function: { arguments: '{}' } }],
    });
  });

  it('arguments that are no object are wrapped, streamed as whole', async () => {
    script(({ delta, done }: Exchange) => {
      delta({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: '"Par' } }] });
      delta({ tool_calls: [{ index: 0, function: { arguments: 'is"' } }] });
      delta({}, 'stop');
      done();
    });
    const asked = {
      model,
      max_tokens: 9,
      messages: question,
      tools: [{ name: 'f', input_schema: schema }],
      tool_choice: { type: 'tool' as const, name: 'f' },
    };
    const streamed = await anthropic.messages.stream(asked).finalMessage();
    const whole = await anthropic.messages.create(asked);
    for (const { content, stop_reason } of [streamed, whole]) {
      expect(content).toMatchObject([{ type: 'tool_use', input: { input: 'Paris' } }]);
      expect(stop_reason).toBe('tool_use');
    }
  });

  it('an image reaches the engine as a data address', async () => {
    const source = { type: 'base64' as const, media_type: 'image/png' as const, data: PNG };
    await anthropic.messages.create({
      model,
      max_tokens: 9,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source },
            { type: 'text', text: 'what?' },
          ],
        },
      ],
    });
    expect((sent()[0]!['messages'] as Body[])[0]!['content']).toEqual([
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
      { type: 'text', text: 'what?' },
    ]);
  });

  it('a stop sequence is named', async () => {
    script(({ delta, chunk, done }: Exchange) => {
      delta({ content: 'a' });
      chunk({ id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop', stop_reason: 'END' }] });
      done();
    });
    const asked = { model, max_tokens: 9, messages: question, stop_sequences: ['END'] };
    const streamed = await anthropic.messages.stream(asked).finalMessage();
    expect([streamed.stop_reason, streamed.stop_sequence]).toEqual(['stop_sequence', 'END']);
  });
});

it('answers and failures carry the id both clients show', async () => {
  const body = { model, max_tokens: 9, messages: question };
  const message = await anthropic.messages.create(body);
  expect(message._request_id).toMatch(/^[0-9a-f]{32}$/);
  expect(message.id).toBe(`msg_${message._request_id}`);
  const chat = await openai.chat.completions.create(body);
  expect(chat.id).toBe(`chatcmpl-${chat._request_id}`);
  const wrong = { ...body, temperature: 9 };
  const id = expect.stringMatching(/^[0-9a-f]{32}$/);
  await expect(anthropic.messages.create(wrong)).rejects.toMatchObject({ requestID: id });
  await expect(openai.chat.completions.create(wrong)).rejects.toMatchObject({ requestID: id });
});

describe('failures are the clients’ own classes', () => {
  const ask = {
    openai: () => openai.chat.completions.create({ model, messages: question }),
    anthropic: () => anthropic.messages.create({ model, max_tokens: 9, messages: question }),
  };
  const refusing =
    (status: number, body: unknown): Script =>
    ({ refuse }) =>
      refuse(status, body);

  it.each([
    [400, OpenAI.BadRequestError, Anthropic.BadRequestError],
    [422, OpenAI.UnprocessableEntityError, Anthropic.UnprocessableEntityError],
    [503, OpenAI.InternalServerError, Anthropic.InternalServerError],
    [500, OpenAI.InternalServerError, Anthropic.InternalServerError],
  ])('the engine’s %i', async (status, openaiClass, anthropicClass) => {
    script(refusing(status, { detail: 'no' }));
    await expect(ask.openai()).rejects.toBeInstanceOf(openaiClass);
    await expect(ask.anthropic()).rejects.toBeInstanceOf(anthropicClass);
  });

  it('a wrong key, a model that is not there, a body that is wrong', async () => {
    const strange = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
    const stranger = new Anthropic({ baseURL: gateway.url, apiKey: 'wrong', maxRetries: 0 });
    const body = { model, max_tokens: 9, messages: question };
    await expect(strange.chat.completions.create(body)).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(stranger.messages.create(body)).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    const other = { ...body, model: 'other' };
    await expect(openai.chat.completions.create(other)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(anthropic.messages.create(other)).rejects.toBeInstanceOf(Anthropic.NotFoundError);
    const wrong = { ...body, temperature: 9 };
    const refused = openai.chat.completions.create(wrong);
    await expect(refused).rejects.toMatchObject({ status: 400, param: 'temperature' });
    await expect(anthropic.messages.create(wrong)).rejects.toThrow(/temperature: must be between 0 and 2/);
  });

  it('a prompt that is too long, in the words each agent compacts on', async () => {
    const long = [{ role: 'user' as const, content: 'x'.repeat(5_000) }];
    await expect(openai.chat.completions.create({ model, messages: long })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
    await expect(anthropic.messages.create({ model, max_tokens: 9, messages: long })).rejects.toThrow(
      /invalid_request_error.*prompt is too long: \d+ tokens > 1000 maximum/,
    );
  });

  it('an engine that is full: overloaded_error with the time to come back', async () => {
    script(({ response }) => {
      response.writeHead(503, { 'retry-after': '7' });
      response.end('full');
    });
    const failure = await ask
      .anthropic()
      .catch((error: unknown) => error as InstanceType<typeof Anthropic.APIError>);
    expect(failure).toMatchObject({ status: 529, error: { error: { type: 'overloaded_error' } } });
    expect((failure as { headers: Headers }).headers.get('retry-after')).toBe('7');
  });

  it('an error in the middle of a stream', async () => {
    script(({ delta, chunk, response }) => {
      delta({ content: 'half' });
      chunk({ error: { message: 'out of memory', code: 500 } });
      response.end();
    });
    const chat = openai.chat.completions.stream({ model, messages: question });
    await expect(chat.finalChatCompletion()).rejects.toThrow(/out of memory/);
    const message = anthropic.messages.stream({ model, max_tokens: 9, messages: question });
    await expect(message.finalMessage()).rejects.toThrow(/out of memory/);
    expect(message.receivedMessages).toEqual([]);
  });

  it('a client that leaves frees its worker', async () => {
    const waiting = async (start: (signal: AbortSignal) => Promise<unknown>, reason: RegExp) => {
      const controller = new AbortController();
      script(async ({ delta, hungUp }) => {
        delta({ content: 'half' });
        controller.abort();
        await hungUp;
      });
      await expect(start(controller.signal)).rejects.toThrow(reason);
    };
    await waiting(
      (signal) =>
        openai.chat.completions.stream({ model, messages: question }, { signal }).finalChatCompletion(),
      /abort/i,
    );
    await waiting(
      (signal) =>
        anthropic.messages.stream({ model, max_tokens: 9, messages: question }, { signal }).finalMessage(),
      /abort/i,
    );
    await expect.poll(() => gateway.snapshot().requests).toMatchObject({ active: 0, cancelled: 2 });
  });
});
