/** What Anthropic's clients are told of the cache: three parts that make up the whole prompt, and the lifetimes of what was kept. */
import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
afterEach(() => gateway.close());

const client = () => new Anthropic({ baseURL: gateway.url, apiKey: 'none' });
const ask = (cache?: { type: 'ephemeral'; ttl?: '5m' | '1h' }) => ({
  model: 'test-model',
  max_tokens: 10,
  messages: [
    {
      role: 'user' as const,
      content: [
        {
          type: 'text' as const,
          text: 'hello '.repeat(200),
          ...(cache === undefined ? {} : { cache_control: cache }),
        },
      ],
    },
  ],
});

describe('the usage of a message', () => {
  it.each([
    [undefined, { input_tokens: 12, cache_creation_input_tokens: 0, short: 0, long: 0 }],
    [
      { type: 'ephemeral' as const },
      { input_tokens: 0, cache_creation_input_tokens: 12, short: 12, long: 0 },
    ],
    [
      { type: 'ephemeral' as const, ttl: '1h' as const },
      { input_tokens: 0, cache_creation_input_tokens: 12, short: 0, long: 12 },
    ],
  ])('marked %j', async (mark, { short, long, ...expected }) => {
    gateway = await startGateway();
    const whole = await client().messages.create(ask(mark));
    const streamed = await client().messages.stream(ask(mark)).finalMessage();
    for (const { usage } of [whole, streamed]) {
      expect(usage).toMatchObject({
        ...expected,
        cache_read_input_tokens: 8,
        output_tokens: 3,
      });
    }
    expect(whole.usage.cache_creation).toEqual({
      ephemeral_5m_input_tokens: short,
      ephemeral_1h_input_tokens: long,
    });
  });
});
