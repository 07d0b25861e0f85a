/** A client that takes one call at a time gets one, in every dialect, whatever the engine does. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/harness.js';
import { callsThenText } from './support/tool-loop.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ scripts: [callsThenText] });
});
afterAll(() => gateway.close());

const schema = { type: 'object', properties: { city: { type: 'string' } } };
const named = { name: 'get_weather', parameters: schema };
const messages = [{ role: 'user', content: 'Compare.' }];
const BODIES: [path: string, body: (isParallel: boolean) => Record<string, unknown>][] = [
  [
    '/v1/chat/completions',
    (isParallel) => ({
      messages,
      tools: [{ type: 'function', function: named }],
      parallel_tool_calls: isParallel,
    }),
  ],
  [
    '/v1/messages',
    (isParallel) => ({
      messages,
      max_tokens: 90,
      tools: [{ name: 'get_weather', input_schema: schema }],
      tool_choice: { type: 'auto', disable_parallel_tool_use: !isParallel },
    }),
  ],
  [
    '/v1/responses',
    (isParallel) => ({
      input: 'Compare.',
      store: false,
      tools: [{ type: 'function', ...named }],
      parallel_tool_calls: isParallel,
    }),
  ],
];

it.each(BODIES)('%s', async (path, body) => {
  for (const isParallel of [true, false]) {
    for (const stream of [true, false]) {
      gateway.events.length = 0;
      const answer = await gateway.post(path, { model: 'test-model', stream, ...body(isParallel) });
      const text = await answer.text();
      expect(text).toContain('call_a');
      expect(text.includes('call_b'), text).toBe(isParallel);
      const told = gateway.of('warning').map(({ code }) => code);
      expect(told).toEqual(isParallel ? [] : ['call_dropped']);
    }
  }
  expect(gateway.engines[0]?.bodies.at(-1)).toMatchObject({ parallel_tool_calls: false });
});
