/** The AI SDK, on which opencode and many other agents stand, with both providers that reach us. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/harness.js';
import type { Body, Script } from './support/scripted-engine.js';
import { callsThenText, PNG, weatherOf } from './support/tool-loop.js';

let gateway: TestGateway;
const created: { name: string; model: (name?: string) => ReturnType<ReturnType<typeof createAnthropic>> }[] =
  [
    {
      name: 'openai-compatible',
      model: (name = 'test-model') =>
        createOpenAICompatible({
          name: 'dynamo',
          baseURL: `${gateway.url}/v1`,
          includeUsage: true,
          supportsStructuredOutputs: true,
        })(name) as never,
    },
    {
      name: 'anthropic',
      model: (name = 'test-model') => createAnthropic({ baseURL: `${gateway.url}/v1`, apiKey: 'none' })(name),
    },
  ];

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const script = (answer: Script) => {
  gateway.engines[0]!.script = answer;
  gateway.engines[0]!.bodies.length = 0;
};
const sent = (): Body[] => gateway.engines[0]!.bodies;

const schema = jsonSchema<{ city: string }>({
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
});
const tools = {
  get_weather: tool({
    description: 'Weather of a city',
    inputSchema: schema,
    execute: ({ city }) => weatherOf(city),
  }),
};
const once = { maxRetries: 0, maxOutputTokens: 90 };

describe.each(created)('$name', ({ name, model }) => {
  it('generates a text with its usage', async () => {
    script(({ say }) => say('Hel', 'lo'));
    const answer = await generateText({ ...once, model: model(), prompt: 'hi' });
    expect(answer.text).toBe('Hello');
    expect(answer.finishReason).toBe('stop');
    expect(answer.usage).toMatchObject({ outputTokens: 3, cachedInputTokens: 8 });
    expect(answer.usage.inputTokens).toBe(20);
  });

  it.each([true, false])('finishes a job of several steps with tools, streamed: %s', async (isStream) => {
    script(callsThenText);
    const asked = { ...once, model: model(), tools, stopWhen: stepCountIs(4), prompt: 'Compare.' };
    const result = isStream ? streamText(asked) : await generateText(asked);
    if ('consumeStream' in result) await result.consumeStream();
    const steps = await result.steps;
    expect(await result.text).toBe('Rome is warmer.');
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
    expect(steps[0]?.toolResults.map(({ output }) => output)).toEqual(['Paris: 12', 'Rome: 21']);
    expect((sent()[1]!['messages'] as Body[]).map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'tool',
    ]);
  });

  it('streams reasoning apart from text', async () => {
    script(({ delta, done }) => {
      delta({ reasoning: 'Let me ' });
      delta({ reasoning: 'think.' });
      delta({ content: 'Done.' });
      delta({}, 'stop');
      done();
    });
    const result = streamText({ ...once, model: model(), prompt: 'hi' });
    await result.consumeStream();
    expect(await result.reasoningText).toBe('Let me think.');
    expect(await result.text).toBe('Done.');
    const whole = await generateText({ ...once, model: model(), prompt: 'hi' });
    expect([whole.reasoningText, whole.text]).toEqual(['Let me think.', 'Done.']);
  });

  it('gives the model its reasoning and calls back', async () => {
    script(({ body, delta, done, say }) => {
      if ((body['messages'] as Body[]).length > 1) return say('ok');
      delta({ reasoning: 'hm' });
      delta({
        tool_calls: [{ index: 0, id: 'c1', function: { name: 'get_weather', arguments: '{"city":"Rome"}' } }],
      });
      delta({}, 'tool_calls');
      done();
    });
    await generateText({ ...once, model: model(), tools, stopWhen: stepCountIs(3), prompt: 'x' });
    expect((sent()[1]!['messages'] as Body[])[1]).toMatchObject({
      role: 'assistant',
      reasoning_content: 'hm',
      tool_calls: [{ id: 'c1', function: { name: 'get_weather', arguments: '{"city":"Rome"}' } }],
    });
  });

  it('sends images', async () => {
    script(({ say }) => say('a pixel'));
    const content = [
      { type: 'text' as const, text: 'what?' },
      { type: 'image' as const, image: PNG, mediaType: 'image/png' },
    ];
    await generateText({ ...once, model: model(), messages: [{ role: 'user', content }] });
    expect((sent()[0]!['messages'] as Body[])[0]!['content']).toContainEqual({
      type: 'image_url',
      image_url: { url: `data:image/png;base64,${PNG}` },
    });
  });

  it('reads a structured answer', async () => {
    // The Anthropic provider asks for it as a forced tool where it does not know the model.
    script(({ body, delta, done, say }) => {
      if (body['tools'] === undefined) return say('{"city":', '"Rome"}');
      const [{ function: fn }] = body['tools'] as [{ function: { name: string } }];
      delta({
        tool_calls: [{ index: 0, id: 'j', function: { name: fn.name, arguments: '{"city":"Rome"}' } }],
      });
      delta({}, 'stop');
      done();
    });
    const output = Output.object({ schema });
    const whole = await generateText({ ...once, model: model(), output, prompt: 'where?' });
    expect(whole.output).toEqual({ city: 'Rome' });
    const streamed = streamText({ ...once, model: model(), output, prompt: 'where?' });
    await streamed.consumeStream();
    expect(await streamed.output).toEqual({ city: 'Rome' });
  });

  it.each([
    [400, false],
    [500, true],
    [503, true],
  ])('says whether to try again: the engine’s %i', async (status, isRetryable) => {
    script(({ refuse }) => refuse(status, { detail: 'no' }));
    const failure = await generateText({ ...once, model: model(), prompt: 'x' }).catch(
      (error: unknown) => error,
    );
    expect(APICallError.isInstance(failure)).toBe(true);
    expect(failure).toMatchObject({ isRetryable });
  });

  it('carries our words in its error', async () => {
    const failure = generateText({ ...once, model: model('other'), prompt: 'x' });
    await expect(failure).rejects.toThrow(/The model `other` does not exist here/);
    const long = generateText({ ...once, model: model(), prompt: 'x'.repeat(5_000) });
    await expect(long).rejects.toThrow(
      name === 'anthropic' ? /prompt is too long/ : /maximum context length/,
    );
  });

  it('hears of a failure in the middle of a stream', async () => {
    script(({ delta, chunk, response }) => {
      delta({ content: 'half' });
      chunk({ error: { message: 'out of memory', code: 500 } });
      response.end();
    });
    const errors: unknown[] = [];
    const result = streamText({
      ...once,
      model: model(),
      prompt: 'x',
      onError: ({ error }) => {
        errors.push(error);
      },
    });
    await result.consumeStream();
    expect(JSON.stringify(errors.map((error) => (error instanceof Error ? error.message : error)))).toContain(
      'out of memory',
    );
  });

  it('that leaves frees its worker', async () => {
    const controller = new AbortController();
    const before = gateway.snapshot().requests.cancelled;
    script(async ({ delta, hungUp }) => {
      delta({ content: 'half' });
      controller.abort();
      await hungUp;
    });
    const result = streamText({ ...once, model: model(), prompt: 'x', abortSignal: controller.signal });
    const kinds: string[] = [];
    for await (const part of result.fullStream) kinds.push(part.type);
    expect(kinds.at(-1)).toBe('abort');
    await expect.poll(() => gateway.snapshot().requests).toMatchObject({ active: 0, cancelled: before + 1 });
  });
});
