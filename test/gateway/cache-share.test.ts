/** Several keys and one cache: what each may have kept. */
import { afterEach, describe, expect, it } from 'vitest';
import { embeddedAdapter } from '../../src/engines/embedded/adapter.js';
import { type KeyPolicy, plainKey } from '../../src/gateway/key-policy.js';
import { engineFields } from '../../src/stack/engine-fields.js';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
afterEach(() => gateway.close());

const policy = (name: string, over: Partial<KeyPolicy> = {}): KeyPolicy => ({
  ...plainKey(name, `key-${name}`),
  ...over,
});
const start = async (policies: KeyPolicy[], pinnableTokens: number) => {
  gateway = await startGateway({
    config: { keyPolicies: policies },
    pinnableTokens: () => pinnableTokens,
    engineFields: (_worker, request, prompt) => engineFields(embeddedAdapter, request, prompt),
  });
};
/** About 300 tokens, kept for an hour. */
const ask = async (key: string, session: string, mark = true) => {
  const answer = await gateway.post(
    '/v1/messages',
    {
      model: 'test-model',
      max_tokens: 5,
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'text',
              text: `${session} ${'word '.repeat(220)}`,
              ...(mark ? { cache_control: { type: 'ephemeral', ttl: '1h' } } : {}),
            },
          ],
        },
      ],
    },
    { 'x-api-key': `key-${key}`, 'x-dynamo-session-id': session },
  );
  const { usage } = (await answer.json()) as { usage: { cache_creation_input_tokens: number } };
  return usage.cache_creation_input_tokens > 0;
};

describe('a key among others', () => {
  it('is promised half of what can be kept, then its marks count for nothing, which is told', async () => {
    await start([policy('a'), policy('b')], 1_400);
    expect(await ask('a', 's1')).toBe(true);
    expect(await ask('a', 's2')).toBe(true);
    expect(await ask('a', 's3')).toBe(false);
    expect(await ask('a', 's1')).toBe(true);
    expect(await ask('b', 's4')).toBe(true);
    expect(gateway.of('warning')).toMatchObject([
      { code: 'cache_share', message: expect.stringContaining('a has been') },
    ]);
    const spans = gateway.engines[0]!.bodies.map(
      (body) => body['kv_retention'] as { durationMs: number }[] | undefined,
    );
    expect(spans[0]?.some(({ durationMs }) => durationMs === 3_600_000)).toBe(true);
    expect(spans[2]).toBeUndefined();
  });

  it('has the share of its policy; alone it has all', async () => {
    await start([policy('a', { cacheShare: 0 }), policy('b', { cacheShare: 1 })], 700);
    expect(await ask('a', 's1')).toBe(false);
    expect(await ask('b', 's2')).toBe(true);
    expect(await ask('b', 's3')).toBe(true);
    await gateway.close();
    await start([policy('a')], 350);
    expect(await ask('a', 's1')).toBe(true);
    expect(await ask('a', 's2')).toBe(false);
  });

  it('that ends its session has the engine told so, however short the prompt is', async () => {
    await start([policy('a')], 0);
    const body = { model: 'test-model', messages: [{ role: 'user', content: 'bye '.repeat(20) }] };
    const headers = { 'x-api-key': 'key-a', 'x-dynamo-session-id': 's1', 'x-dynamo-session-final': 'true' };
    await (await gateway.post('/v1/chat/completions', body, headers)).json();
    const spans = gateway.engines[0]!.bodies[0]?.['kv_retention'] as {
      priority: number;
      durationMs: number;
    }[];
    expect(spans.every(({ priority, durationMs }) => priority === 10 && durationMs === 0)).toBe(true);
  });

  it('has its own table of what regions are worth', async () => {
    await start([policy('a', { retention: { conversation: { priority: 5, durationMs: 0 } } })], 0);
    await ask('a', 's1');
    const spans = gateway.engines[0]!.bodies[0]?.['kv_retention'] as {
      priority: number;
      durationMs: number;
    }[];
    // The mark still counts: the request's own word is the last.
    expect(spans[0]).toMatchObject({ priority: 80, durationMs: 3_600_000 });
  });
});
