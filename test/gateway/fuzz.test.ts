/** Any JSON body: an answer or a 4xx that says why, never a 5xx, never a crash, nothing left running. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chatDialect } from '../../src/dialects/chat/chat.js';
import { completionsDialect } from '../../src/dialects/completions/completions.js';
import { messagesDialect } from '../../src/dialects/messages/messages.js';
import { responsesDialect } from '../../src/dialects/responses/responses.js';
import { DynamoError } from '../../src/errors.js';
import { engineBody } from '../../src/request/engine-body.js';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const BASES: [path: string, body: Record<string, unknown>][] = [
  [
    '/v1/chat/completions',
    {
      model: 'test-model',
      messages: [
        { role: 'system', content: 'sys' },
        { role: 'user', content: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }] },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: 'r' },
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
      tool_choice: { type: 'function', function: { name: 'f' } },
      response_format: { type: 'json_schema', json_schema: { name: 's', schema: { type: 'object' } } },
      stream_options: { include_usage: true },
      nvext: { agent_hints: { priority: 1 }, extra_fields: ['timing'] },
    },
  ],
  ['/v1/completions', { model: 'test-model', prompt: [1, 2, 3], max_tokens: 4, n: 1, stop: ['x'] }],
  [
    '/v1/messages',
    {
      model: 'test-model',
      max_tokens: 9,
      system: [{ type: 'text', text: 'sys', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [
        { role: 'user', content: 'a' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 't', signature: 's' },
            { type: 'tool_use', id: 'u', name: 'f', input: { a: 1 } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'u', content: [{ type: 'text', text: 'r' }], is_error: true },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'd' }, title: 't' },
          ],
        },
      ],
      tools: [{ name: 'f', input_schema: { type: 'object' } }],
      tool_choice: { type: 'tool', name: 'f' },
      thinking: { type: 'enabled', budget_tokens: 1024 },
      output_config: { effort: 'high' },
      metadata: { user_id: 'user_x_session_1' },
    },
  ],
  [
    '/v1/responses',
    {
      model: 'test-model',
      instructions: 'sys',
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'a' }] },
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'r' }] },
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_text', text: 'o' }] },
        { type: 'custom_tool_call', call_id: 'd', name: 'p', input: 'x' },
        { type: 'custom_tool_call_output', call_id: 'd', output: 'y' },
      ],
      tools: [
        { type: 'function', name: 'f', parameters: { type: 'object' } },
        { type: 'custom', name: 'p', format: { type: 'grammar', syntax: 'lark', definition: 'x' } },
        { type: 'namespace', name: 'n', tools: [{ type: 'function', name: 'g' }] },
        { type: 'web_search' },
      ],
      reasoning: { effort: 'max', summary: 'auto' },
      text: { format: { type: 'json_schema', name: 's', schema: {} } },
      include: ['reasoning.encrypted_content'],
    },
  ],
];

const DIALECTS = [chatDialect, completionsDialect, messagesDialect, responsesDialect];

/** A body with one place replaced, added or removed. */
function mutated(body: unknown): fc.Arbitrary<unknown> {
  const paths = placesOf(body);
  return fc
    .record({
      place: fc.constantFrom(...paths),
      what: fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant(undefined), fc.constantFrom(...ODD)),
      isStream: fc.boolean(),
    })
    .map(({ place, what, isStream }) => ({
      ...(replaced(body, place, what) as Record<string, unknown>),
      stream: isStream,
    }));
}

const ODD: unknown[] = [-1, 0, 1e308, 2 ** 53, '', 'x'.repeat(300), [], {}, [[]], [null], null, true, 'none'];

function placesOf(value: unknown, at: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[...at, key], ...placesOf(inner, [...at, key])]);
}

function replaced(value: unknown, [key, ...rest]: (string | number)[], what: unknown): unknown {
  if (key === undefined) return what;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, what);
  return copy;
}

describe('over HTTP', () => {
  it.each(BASES)('%s', async (path, base) => {
    expect((await gateway.post(path, base)).status).toBe(200);
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated(base), fc.jsonValue()), async (body) => {
        const answer = await gateway.post(path, body);
        const text = await answer.text();
        expect(answer.status, text).toBeLessThan(500);
        if (answer.status !== 200) expect(JSON.parse(text)).toHaveProperty('error.message');
      }),
      { numRuns: 150 },
    );
    expect(gateway.snapshot().requests.active).toBe(0);
  });
});

describe('in the decoder', () => {
  it.each(
    BASES.map(([, base], index) => [DIALECTS[index]!, base] as const),
  )('$name gives a request an engine can be sent, or an error a client can read', (dialect, base) => {
    fc.assert(
      fc.property(fc.oneof(mutated(base), fc.jsonValue()), (body) => {
        try {
          const context = { requestId: 'r', headers: {}, warn: () => {} };
          const { path, body: sent } = engineBody(dialect.decode(body, context));
          expect(path).toMatch(/^\/v1\//);
          JSON.stringify(sent);
        } catch (error) {
          expect(error).toBeInstanceOf(DynamoError);
          expect((error as DynamoError).status).toBe(400);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
