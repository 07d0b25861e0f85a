/** Every field the official client can send is accepted, or refused with a reason that names it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { responsesDialect } from '../../src/dialects/responses/responses.js';
import { DynamoError } from '../../src/errors.js';

const TYPES = path.resolve(
  import.meta.dirname,
  '../../node_modules/openai/resources/responses/responses.d.ts',
);

/** Fields of an interface of the client's types. */
function fieldsOf(name: string): string[] {
  const text = readFileSync(TYPES, 'utf8');
  const start = text.indexOf(`export interface ${name} {`);
  const body = text.slice(start, text.indexOf('\n}', start)).replace(/\/\*\*[\s\S]*?\*\//g, '');
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field]) => field ?? '').sort();
}

/** Values a client sends, and the word of the refusal where there is one. */
const ACCEPTED: Record<string, unknown[]> = {
  background: [false, null],
  context_management: [[{ type: 'compaction', compact_threshold: 1_000 }]],
  include: [
    ['reasoning.encrypted_content', 'web_search_call.action.sources', 'message.output_text.logprobs'],
    null,
  ],
  input: ['hi', [{ role: 'user', content: 'hi' }], []],
  instructions: ['Be brief.', null],
  max_output_tokens: [64, null],
  max_tool_calls: [3, null],
  metadata: [{ a: 'b' }, null],
  model: ['m'],
  moderation: [{ mode: 'auto' }, null],
  parallel_tool_calls: [true, false, null],
  prompt_cache_key: ['k', null],
  prompt_cache_options: [{}],
  prompt_cache_retention: ['24h', null],
  reasoning: [
    ...['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max', 'anything'].map((effort) => ({ effort })),
    { summary: 'auto' },
    { generate_summary: 'concise' },
    null,
  ],
  safety_identifier: ['s', null],
  service_tier: ['auto', 'default', 'flex', 'scale', 'priority', null],
  store: [true, false, null],
  stream: [true, false, null],
  stream_options: [{ include_obfuscation: false }, null],
  temperature: [0, 2, null],
  text: [
    { format: { type: 'text' }, verbosity: 'low' },
    { format: { type: 'json_object' } },
    { format: { type: 'json_schema', name: 'a', schema: { type: 'object' }, strict: true } },
  ],
  tool_choice: ['auto', 'none', 'required', { type: 'file_search' }],
  tools: [[], [{ type: 'function', name: 'f', parameters: null, strict: null }]],
  top_logprobs: [0, 20, null],
  top_p: [0.5, null],
  truncation: ['auto', 'disabled', null],
  user: ['u'],
};

const REFUSED: Record<string, unknown> = {
  background: true,
  conversation: 'conv_1',
  previous_response_id: 'resp_unknown',
  prompt: { id: 'pmpt_1' },
};

const decode = (fields: Record<string, unknown>) =>
  responsesDialect.decode(
    { model: 'm', input: 'hi', ...fields },
    { requestId: 'r1', headers: {}, warn: () => {} },
  );

describe('the fields of the official client', () => {
  it('are all known here', () => {
    const known = [...Object.keys(ACCEPTED), ...Object.keys(REFUSED)];
    expect(fieldsOf('ResponseCreateParamsBase').filter((field) => !known.includes(field))).toEqual([]);
    expect(fieldsOf('ResponseCreateParamsBase').length).toBeGreaterThan(25);
  });

  it.each(Object.entries(ACCEPTED))('%s is accepted', (field, values) => {
    for (const value of values) expect(decode({ [field]: value }).dialect).toBe('responses');
  });

  it.each(Object.entries(REFUSED))('%s is refused by name', (field, value) => {
    try {
      decode({ [field]: value });
    } catch (error) {
      expect(error).toBeInstanceOf(DynamoError);
      expect((error as DynamoError).param).toBe(field);
      expect((error as DynamoError).status).toBe(400);
      return;
    }
    expect.unreachable(`${field} was accepted`);
  });
});
