/** Real requests of every dialect, and one with every feature: what the fuzz tests mutate. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { chatDialect } from '../../../src/dialects/chat/chat.js';
import { completionsDialect } from '../../../src/dialects/completions/completions.js';
import { messagesDialect } from '../../../src/dialects/messages/messages.js';
import { responsesDialect } from '../../../src/dialects/responses/responses.js';
import type { Dialect } from '../../../src/dialects/types.js';

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

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, '../../fixtures', name), 'utf8'));
const recorded = fixture('vllm/requests.json') as Record<string, unknown[]>;
const exchanges = Object.values(
  fixture('agentic-api/messages.json') as Record<string, { request: unknown }[]>,
).flat();

export interface Subject {
  dialect: Dialect;
  path: string;
  /** Bodies to mutate; the last is the one with every feature. */
  bases: unknown[];
}

export const SUBJECTS: Subject[] = [chatDialect, completionsDialect, messagesDialect, responsesDialect].map(
  (dialect, at) => {
    const [url, body] = BASES[at] as (typeof BASES)[number];
    const real = dialect === messagesDialect ? exchanges.map(({ request }) => request) : [];
    // The one with every feature as often as all others together.
    const others = [...(recorded[dialect.name] ?? []), ...real];
    return { dialect, path: url, bases: [...others, ...others.map(() => body), body] };
  },
);
