/** What is particular to Responses: namespaces, freeform tools, items that come back, cut answers. */
import { describe, expect, it } from 'vitest';
import { responsesDialect } from '../../src/dialects/responses/responses.js';
import { flatName } from '../../src/dialects/responses/tool-names.js';
import type { KeptResponse } from '../../src/dialects/types.js';
import { DynamoError } from '../../src/errors.js';
import type { StreamEvent } from '../../src/request/types.js';

const warnings: string[] = [];
const decode = (body: Record<string, unknown>, kept?: KeptResponse) =>
  responsesDialect.decode(
    { model: 'm', input: 'hi', ...body },
    {
      requestId: 'r1',
      headers: {},
      warn: (code) => warnings.push(code),
      kept: (id) => (kept?.id === id ? kept : undefined),
    },
  );
const context = { model: 'm', created: 1, promptTokens: 5 };
const finish: StreamEvent[] = [{ type: 'finish', choice: 0, reason: 'tool_use' }, { type: 'done' }];

interface ResponseObject {
  output: Record<string, unknown>[];
  status: string;
  incomplete_details: unknown;
  error: { code: string };
}

describe('a namespace', () => {
  const tools = [
    {
      type: 'namespace',
      name: 'mcp__files',
      tools: [
        { type: 'function', name: 'read', parameters: { type: 'object' } },
        { type: 'custom', name: 'patch' },
      ],
    },
  ];

  it('becomes one function per member, and calls get their names back', () => {
    const request = decode({ tools });
    expect(request.tools.map(({ name }) => name)).toEqual(['mcp__files__read', 'mcp__files__patch']);
    const response = responsesDialect.encodeWhole(
      request,
      [
        { type: 'start', engineId: 'e' },
        { type: 'tool_start', choice: 0, index: 0, id: 'c1', name: 'mcp__files__read' },
        { type: 'tool_delta', choice: 0, index: 0, arguments: '{}' },
        { type: 'tool_start', choice: 0, index: 1, id: 'c2', name: 'mcp__files__patch' },
        { type: 'tool_delta', choice: 0, index: 1, arguments: '{"input":"x"}' },
        ...finish,
      ],
      context,
    ) as ResponseObject;
    expect(response.output).toMatchObject([
      { type: 'function_call', namespace: 'mcp__files', name: 'read', arguments: '{}' },
      { type: 'custom_tool_call', namespace: 'mcp__files', name: 'patch', input: 'x' },
    ]);
  });

  it('in earlier calls reads as the same flat name', () => {
    const call = {
      type: 'function_call',
      call_id: 'c',
      namespace: 'mcp__files',
      name: 'read',
      arguments: '{}',
    };
    const { input } = decode({ tools, input: [{ role: 'user', content: 'x' }, call] });
    expect(JSON.stringify(input)).toContain('"mcp__files__read"');
  });

  it('with long names stays within 64 characters, apart and the same each time', () => {
    const long = 'a'.repeat(60);
    const [one, two] = [flatName(`${long}1`, 'n'), flatName(`${long}2`, 'n')];
    expect([one.length, two.length]).toEqual([64, 64]);
    expect(one).not.toBe(two);
    expect(flatName(`${long}1`, 'n')).toBe(one);
  });
});

describe('tools of OpenAI’s own servers', () => {
  it('are left out with a warning', () => {
    warnings.length = 0;
    const types = ['web_search', 'local_shell', 'mcp', 'image_generation', 'tool_search'];
    expect(decode({ tools: types.map((type) => ({ type })) }).tools).toEqual([]);
    expect(warnings).toHaveLength(types.length);
    expect(decode({ tools: [], tool_choice: { type: 'web_search_preview' } }).toolChoice).toEqual({
      kind: 'auto',
    });
  });
});

describe('a conversation that goes on', () => {
  const kept: KeptResponse = {
    id: 'resp_0',
    response: {},
    inputItems: [],
    messages: [
      { role: 'user', blocks: [{ type: 'text', text: 'one' }] },
      { role: 'assistant', blocks: [{ type: 'text', text: 'two' }] },
    ],
  };

  it('takes the kept turns and leaves them untouched', () => {
    const item = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
    const { input } = decode({ previous_response_id: 'resp_0', instructions: 'new', input: [item] }, kept);
    expect(input).toMatchObject({
      messages: [
        { role: 'system' },
        { role: 'user' },
        { role: 'assistant', blocks: [{}, { type: 'tool_use' }] },
      ],
    });
    expect(kept.messages[1]?.blocks).toHaveLength(1);
  });

  it('from nothing known is a 400', () => {
    expect(() => decode({ previous_response_id: 'resp_9' })).toThrow(/resp_9/);
  });
});

describe('input', () => {
  it('of any effort and none at all is accepted', () => {
    expect(decode({ reasoning: { effort: 'xhigh' } }).reasoning).toEqual({ effort: 'high' });
    expect(decode({ reasoning: { effort: 'none' } }).reasoning).toEqual({ enabled: false });
    expect(decode({ reasoning: { effort: 'brand-new' } }).reasoning).toEqual({});
    expect(decode({ input: [], max_output_tokens: 1 }).input).toMatchObject({ messages: [{ role: 'user' }] });
  });

  it('that would be answered wrongly is refused', () => {
    for (const body of [{ background: true }, { conversation: 'c1' }, { prompt: { id: 'p' } }]) {
      expect(() => decode(body)).toThrow(DynamoError);
    }
  });
});

describe('an answer', () => {
  it('cut by its bound is incomplete and says why', () => {
    const events: StreamEvent[] = [
      { type: 'start', engineId: 'e' },
      { type: 'text', choice: 0, text: 'half' },
      { type: 'finish', choice: 0, reason: 'length' },
      { type: 'done' },
    ];
    const response = responsesDialect.encodeWhole(decode({}), events, context) as ResponseObject;
    expect(response).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [{ status: 'incomplete' }],
    });
  });

  it('that fails before anything was said is still created, then failed with a code agents know', () => {
    const encoder = responsesDialect.streamEncoder(decode({ stream: true }), context);
    const error = new DynamoError('prompt_too_long', { tokens: 9, limit: 5 });
    const text = encoder.push({ type: 'error', error });
    expect([...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)).toEqual([
      'response.created',
      'response.in_progress',
      'response.failed',
    ]);
    expect(text).toContain('"code":"context_length_exceeded"');
  });
});
