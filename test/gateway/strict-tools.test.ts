/** Tools reach an engine that needs it marked `strict`, in every dialect; others get them as they came. */
import { afterEach, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway | undefined;
afterEach(() => gateway?.close());

const schema = { type: 'object', properties: { city: { type: 'string' } } };
const messages = [{ role: 'user', content: 'hi' }];
const named = { name: 'f', parameters: schema };
const BODIES: [path: string, body: Record<string, unknown>][] = [
  ['/v1/chat/completions', { messages, tools: [{ type: 'function', function: named }] }],
  ['/v1/messages', { messages, max_tokens: 9, tools: [{ name: 'f', input_schema: schema }] }],
  ['/v1/responses', { input: 'hi', tools: [{ type: 'function', ...named }] }],
];

it.each([true, false])('strict: %s', async (strictTools) => {
  gateway = await startGateway({ served: { strictTools } });
  for (const [path, body] of BODIES) {
    const answer = await gateway.post(path, { model: 'test-model', ...body });
    expect(answer.status, await answer.text()).toBe(200);
    const tools = gateway.engines[0]?.bodies.at(-1)?.['tools'];
    expect(tools, path).toEqual([
      { type: 'function', function: strictTools ? { ...named, strict: true } : named },
    ]);
  }
});

it('a client that says no is heard', async () => {
  gateway = await startGateway({ served: { strictTools: true } });
  const tools = [{ type: 'function', function: { ...named, strict: false } }];
  await (await gateway.post('/v1/chat/completions', { model: 'test-model', messages, tools })).text();
  expect(gateway.engines[0]?.bodies[0]?.['tools']).toEqual(tools);
});
