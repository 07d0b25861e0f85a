/** The official clients, unchanged, against real workers: stream and not, text and tools. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome, type RunningStack } from './harness.js';

let home: Home;
let stack: RunningStack;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  home = makeHome();
  stack = await home.up('--workers', '1', '--set', 'slots=4', '--api-key', 'test-key');
  openai = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: 'test-key', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: stack.url, apiKey: 'test-key', maxRetries: 0 });
});

afterAll(async () => {
  await stack?.down();
  home?.remove();
});

const model = 'smollm2';
const capital = 'What is the capital of Italy? Answer in one sentence.';
const weather = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const }, unit: { type: 'string' as const, enum: ['C', 'F'] } },
  required: ['city', 'unit'],
};

describe('openai', () => {
  it('lists the model', async () => {
    const models = await openai.models.list();
    expect(models.data.map(({ id }) => id)).toContain(model);
  });

  it('completes a chat', async () => {
    const answer = await openai.chat.completions.create({
      model,
      messages: [{ role: 'user', content: capital }],
      max_tokens: 24,
      temperature: 0,
    });
    expect(answer.choices[0]?.message.content).toContain('Rome');
    expect(answer.usage?.prompt_tokens).toBeGreaterThan(20);
  });

  it('streams a chat, with usage at the end', async () => {
    const stream = await openai.chat.completions.create({
      model,
      messages: [{ role: 'user', content: capital }],
      max_tokens: 24,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text).toContain('Rome');
    expect(usage?.completion_tokens).toBeGreaterThan(0);
  });

  it('is given a valid call of a required tool', async () => {
    const answer = await openai.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'What is the weather in Paris in C?' }],
      tools: [{ type: 'function', function: { name: 'get_weather', parameters: weather } }],
      tool_choice: 'required',
      max_tokens: 100,
    });
    const call = answer.choices[0]?.message.tool_calls?.[0];
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
    expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather' } });
    const args = JSON.parse(call?.type === 'function' ? call.function.arguments : '');
    expect(Object.keys(args).sort()).toEqual(['city', 'unit']);
    expect(['C', 'F']).toContain(args.unit);
  });

  it('is given JSON of the schema it asked for', async () => {
    const answer = await openai.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'A person named Ann, 31 years old.' }],
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'person',
          schema: {
            type: 'object',
            properties: { name: { type: 'string', maxLength: 20 }, age: { type: 'integer' } },
            required: ['name', 'age'],
          },
        },
      },
      max_tokens: 100,
    });
    const person = JSON.parse(answer.choices[0]?.message.content ?? '');
    expect(typeof person.name).toBe('string');
    expect(Number.isInteger(person.age)).toBe(true);
  });

  it('creates and streams a response', async () => {
    const whole = await openai.responses.create({
      model,
      input: capital,
      max_output_tokens: 24,
      temperature: 0,
    });
    expect(whole.output_text).toContain('Rome');
    const stream = openai.responses.stream({ model, input: capital, max_output_tokens: 24, temperature: 0 });
    const final = await stream.finalResponse();
    expect(final.output_text).toBe(whole.output_text);
    expect(final.usage?.input_tokens_details.cached_tokens).toBeGreaterThanOrEqual(0);
  });
});

describe('anthropic', () => {
  it('creates a message', async () => {
    const message = await anthropic.messages.create({
      model,
      max_tokens: 24,
      temperature: 0,
      messages: [{ role: 'user', content: capital }],
    });
    expect(message.content[0]).toMatchObject({ type: 'text' });
    expect(message.content[0]?.type === 'text' && message.content[0].text).toContain('Rome');
    expect(message.stop_reason).toMatch(/end_turn|max_tokens/);
  });

  it('streams a message whose second turn reads the cache', async () => {
    const system = 'You are a helpful assistant that answers briefly. '.repeat(12);
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: capital }];
    const first = await anthropic.messages
      .stream({ model, max_tokens: 24, temperature: 0, system, messages })
      .finalMessage();
    const text = first.content[0]?.type === 'text' ? first.content[0].text : '';
    messages.push({ role: 'assistant', content: text }, { role: 'user', content: 'And of Italy?' });
    const second = await anthropic.messages
      .stream({ model, max_tokens: 24, temperature: 0, system, messages })
      .finalMessage();
    expect(second.usage.cache_read_input_tokens).toBeGreaterThan(100);
    expect(second.usage.input_tokens).toBeLessThan(100);
  });

  it('is given a valid tool_use', async () => {
    const message = await anthropic.messages
      .stream({
        model,
        max_tokens: 100,
        messages: [{ role: 'user', content: 'What is the weather in Paris in C?' }],
        tools: [{ name: 'get_weather', description: 'Weather of a city', input_schema: weather }],
        tool_choice: { type: 'any' },
      })
      .finalMessage();
    expect(message.stop_reason).toBe('tool_use');
    const use = message.content.find((block) => block.type === 'tool_use');
    expect(use).toMatchObject({
      name: 'get_weather',
      input: { city: expect.any(String), unit: expect.stringMatching(/^[CF]$/) },
    });
  });

  it('counts tokens exactly as the engine does', async () => {
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: capital }];
    const { input_tokens } = await anthropic.messages.countTokens({ model, messages });
    const message = await anthropic.messages.create({ model, max_tokens: 1, messages });
    const { usage } = message;
    expect(input_tokens).toBe(
      usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
    );
  });

  it('is refused without the key, in its own words', async () => {
    const stranger = new Anthropic({ baseURL: stack.url, apiKey: 'wrong', maxRetries: 0 });
    await expect(
      stranger.messages.create({ model, max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }),
    ).rejects.toThrow(/authentication_error/);
  });
});
