/** What is particular to Messages: every block, marks, error words, and order under interleaved calls. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messagesDialect } from '../../src/dialects/messages/messages.js';
import { inputOf } from '../../src/dialects/messages/whole.js';
import { DynamoError } from '../../src/errors.js';
import type { StreamEvent } from '../../src/request/types.js';

const warnings: string[] = [];
const decode = (body: Record<string, unknown>) =>
  messagesDialect.decode(
    { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }], ...body },
    { requestId: 'r1', headers: {}, warn: (code) => warnings.push(code) },
  );
const blocks = (content: unknown, role = 'user') => {
  const { input } = decode({ messages: [{ role, content }] });
  return input.kind === 'chat' ? input.messages[0]?.blocks : undefined;
};

describe('blocks', () => {
  it('carry their cache marks, and none of it reaches the engine', () => {
    expect(blocks([{ type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '1h' } }])).toEqual([
      { type: 'text', text: 'a', cache: { ttlSeconds: 3600 } },
    ]);
    const request = decode({
      cache_control: { type: 'ephemeral' },
      tools: [{ name: 'f', input_schema: {} }],
    });
    expect(request.hints.cacheControl).toEqual({ ttlSeconds: 300 });
  });

  it('of thinking come back with their signature', () => {
    expect(
      blocks(
        [
          { type: 'thinking', thinking: 't', signature: 's' },
          { type: 'redacted_thinking', data: 'd' },
        ],
        'assistant',
      ),
    ).toEqual([
      { type: 'thinking', text: 't', signature: 's' },
      { type: 'redacted_thinking', data: 'd' },
    ]);
  });

  it('of tool results hold text, images and the error mark', () => {
    const content = [
      { type: 'text', text: 'a' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } },
    ];
    expect(blocks([{ type: 'tool_result', tool_use_id: 'u', content, is_error: true }])).toEqual([
      {
        type: 'tool_result',
        toolUseId: 'u',
        isError: true,
        content: [
          { type: 'text', text: 'a' },
          { type: 'image', mediaType: 'image/png', data: 'AA' },
        ],
      },
    ]);
    expect(blocks([{ type: 'tool_result', tool_use_id: 'u', content: 'plain' }])).toMatchObject([
      { content: [{ type: 'text', text: 'plain' }] },
    ]);
    expect(blocks([{ type: 'tool_result', tool_use_id: 'u' }])).toMatchObject([{ content: [] }]);
  });

  it('of documents are read as text, or refused when there is none in them', () => {
    const data = Buffer.from('inside').toString('base64');
    expect(
      blocks([
        { type: 'document', title: 'T', source: { type: 'base64', media_type: 'text/plain', data } },
        { type: 'document', source: { type: 'content', content: 'nested' } },
      ]),
    ).toEqual([
      { type: 'text', text: 'T' },
      { type: 'text', text: 'inside' },
      { type: 'text', text: 'nested' },
    ]);
    const pdf = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data } };
    expect(() => blocks([pdf])).toThrow(/application\/pdf/);
    expect(() => blocks([{ type: 'image', source: { type: 'url', url: 'http://x' } }])).toThrow(
      /not fetched/,
    );
  });

  it('nobody knows are left out with a warning, or read as their text', () => {
    warnings.length = 0;
    expect(
      blocks([
        { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } },
        { type: 'new', text: 'a' },
      ]),
    ).toEqual([{ type: 'text', text: 'a' }]);
    expect(warnings).toEqual(['block_ignored']);
  });

  it.each([
    [
      {
        type: 'search_result',
        title: 'T',
        source: 'https://s',
        content: [{ type: 'text', text: 'found' }],
        citations: { enabled: true },
      },
      'T\nhttps://s\nfound',
    ],
    [{ type: 'compaction', content: 'so far: much', encrypted_content: 'x' }, 'so far: much'],
    [
      {
        type: 'web_search_tool_result',
        tool_use_id: 's',
        content: [{ type: 'web_search_result', title: 'A', url: 'https://a', encrypted_content: 'zzz' }],
      },
      'A\nhttps://a',
    ],
    [
      {
        type: 'mcp_tool_result',
        tool_use_id: 'm',
        content: [{ type: 'text', text: 'from mcp' }],
        is_error: false,
      },
      'from mcp',
    ],
    [
      {
        type: 'code_execution_tool_result',
        tool_use_id: 'c',
        content: { type: 'code_execution_result', stdout: 'out', stderr: 'err', return_code: 0, content: [] },
      },
      'out\nerr',
    ],
    [
      {
        type: 'web_fetch_tool_result',
        content: {
          type: 'web_fetch_result',
          url: 'https://f',
          content: { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'page' } },
        },
      },
      'https://f\npage',
    ],
  ])('%o is read as its text', (block, text) => {
    expect(blocks([block])).toEqual([{ type: 'text', text }]);
    const inResult = blocks([{ type: 'tool_result', tool_use_id: 'u', content: [block] }]);
    expect(inResult).toMatchObject([{ content: [{ type: 'text', text }] }]);
  });

  it('of tool results name the tools they found and hold documents', () => {
    const content = [
      { type: 'tool_reference', tool_name: 'deploy' },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'doc' } },
    ];
    expect(blocks([{ type: 'tool_result', tool_use_id: 'u', content }])).toMatchObject([
      {
        content: [
          { type: 'text', text: 'deploy' },
          { type: 'text', text: 'doc' },
        ],
      },
    ]);
  });

  it('of images may be a data address, never one to fetch', () => {
    const image = (url: string) => [{ type: 'image', source: { type: 'url', url } }];
    expect(blocks(image('data:image/jpeg;base64,AAAA'))).toEqual([
      { type: 'image', mediaType: 'image/jpeg', data: 'AAAA' },
    ]);
    expect(() => blocks(image('https://example.com/a.png'))).toThrow(/not fetched here/);
    expect(() => blocks([{ type: 'image', source: { type: 'file', file_id: 'f' } }])).toThrow(/file id/);
  });

  it('of thinking that was left out come back from the signature', () => {
    const request = decode({ thinking: { type: 'adaptive', display: 'omitted' } });
    const events: StreamEvent[] = [
      { type: 'start', engineId: 'e' },
      { type: 'thinking', choice: 0, text: 'secret ' },
      { type: 'thinking', choice: 0, text: 'plan' },
      { type: 'text', choice: 0, text: 'Done.' },
      { type: 'finish', choice: 0, reason: 'stop' },
      { type: 'done' },
    ];
    const context = { model: 'm', created: 1, promptTokens: 1 };
    const encoder = messagesDialect.streamEncoder(request, context);
    const text = events.map((event) => encoder.push(event)).join('');
    expect(text).not.toContain('secret');
    expect(text).not.toContain('thinking_delta');
    const streamed = /"signature_delta","signature":"([^"]+)"/.exec(text)?.[1];
    const whole = messagesDialect.encodeWhole(request, events, context) as { content: unknown[] };
    expect(whole.content[0]).toEqual({ type: 'thinking', thinking: '', signature: streamed });
    expect(blocks([whole.content[0]], 'assistant')).toEqual([
      { type: 'thinking', text: 'secret plan', signature: streamed },
    ]);
    expect(blocks([{ type: 'thinking', thinking: '', signature: 'EqQBCgIYAhIM' }], 'assistant')).toEqual([
      { type: 'thinking', text: '', signature: 'EqQBCgIYAhIM' },
    ]);
  });
});

describe('settings', () => {
  it('of thinking and effort', () => {
    expect(decode({ thinking: { type: 'enabled', budget_tokens: 2048 } }).reasoning).toEqual({
      enabled: true,
      budgetTokens: 2048,
    });
    expect(decode({ thinking: { type: 'adaptive' } }).reasoning).toEqual({});
    expect(decode({ thinking: { type: 'disabled' } }).reasoning).toEqual({ enabled: false });
    expect(decode({ output_config: { effort: 'max' } }).reasoning).toEqual({ effort: 'high' });
  });

  it('of tools and their choice', () => {
    warnings.length = 0;
    const tools = [
      { name: 'f', input_schema: { type: 'object' } },
      { type: 'web_search_20250305', name: 'web_search' },
    ];
    const choice = (tool_choice: object) => decode({ tools, tool_choice }).toolChoice;
    expect(decode({ tools }).tools.map(({ name }) => name)).toEqual(['f']);
    expect(warnings).toEqual(['tool_ignored']);
    expect(choice({ type: 'any' })).toEqual({ kind: 'required' });
    expect(choice({ type: 'tool', name: 'f' })).toEqual({ kind: 'tool', name: 'f' });
    expect(choice({ type: 'none' })).toEqual({ kind: 'none' });
    expect(decode({ tools, tool_choice: { type: 'auto', disable_parallel_tool_use: true } })).toMatchObject({
      toolChoice: { kind: 'auto' },
      parallelToolCalls: false,
    });
    expect(() => choice({ type: 'tool', name: 'g' })).toThrow(DynamoError);
  });

  it('of tools that Anthropic defines: those the client runs get their schema, the others are left out', () => {
    warnings.length = 0;
    const { tools } = decode({
      tools: [
        { type: 'bash_20250124', name: 'bash', cache_control: { type: 'ephemeral' } },
        { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool', max_characters: 10_000 },
        { type: 'text_editor_20241022', name: 'str_replace_editor' },
        { type: 'memory_20250818', name: 'memory' },
        { type: 'code_execution_20250825', name: 'code_execution' },
        { type: 'bash_code_execution', name: 'x' },
        { type: 'computer_20251124', name: 'computer', display_width_px: 1, display_height_px: 1 },
        { type: 'mcp_toolset', mcp_server_name: 's' },
        { type: 'web_fetch_20250910', name: 'web_fetch' },
        { type: 'tool_search_tool_regex_20251119', name: 'tool_search_tool_regex' },
      ],
    });
    expect(tools.map(({ name }) => name)).toEqual([
      'bash',
      'str_replace_based_edit_tool',
      'str_replace_editor',
      'memory',
    ]);
    expect(tools[0]).toMatchObject({ parameters: { type: 'object' }, cache: { ttlSeconds: 300 } });
    const commands = (at: number) =>
      (tools[at]?.parameters['properties'] as { command: { enum: string[] } }).command.enum;
    expect(commands(1)).not.toContain('undo_edit');
    expect(commands(2)).toContain('undo_edit');
    expect(warnings).toEqual(Array(6).fill('tool_ignored'));
  });

  it('of a choice that names a tool left out: auto, as Claude Code forces its web search', () => {
    const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
    expect(decode({ tools, tool_choice: { type: 'tool', name: 'web_search' } }).toolChoice).toEqual({
      kind: 'auto',
    });
    expect(decode({ tools, tool_choice: { type: 'any' } }).toolChoice).toEqual({ kind: 'auto' });
  });

  it('that do nothing here are told, once each', () => {
    warnings.length = 0;
    decode({ mcp_servers: [{ name: 's', url: 'u' }], container: 'c', context_management: { edits: [] } });
    decode({ mcp_servers: [], container: null });
    expect(warnings).toEqual(['field_ignored', 'field_ignored', 'field_ignored']);
  });

  it('of the system prompt: an empty one is none, and one in the middle may have no text', () => {
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'system', content: [{ type: 'tool_removal', tool: { type: 'tool_reference', name: 'x' } }] },
      { role: 'system' },
      { role: 'user', content: 'b' },
    ];
    for (const system of ['', [{ type: 'text', text: '' }], null]) {
      const { input } = decode({ system, messages });
      expect(input.kind === 'chat' && input.messages.map(({ role }) => role)).toEqual(['user', 'user']);
    }
  });

  it('of an answer begun by the client: told that it is not continued', () => {
    warnings.length = 0;
    decode({
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'The answer is' },
      ],
    });
    expect(warnings).toEqual(['prefill_ignored']);
  });

  it('of a JSON schema for the answer', () => {
    const format = { type: 'json_schema', schema: { type: 'object' } };
    expect(decode({ output_config: { format } }).format).toMatchObject({
      kind: 'json_schema',
      schema: format.schema,
    });
  });
});

describe('errors', () => {
  it('a conversation held by the server is refused in the words that make the client send all of it', () => {
    let error: unknown;
    try {
      decode({ thread: { type: 'continue', previous_message_id: 'msg_1' } });
    } catch (thrown) {
      error = thrown;
    }
    expect(messagesDialect.encodeError(error as DynamoError)).toMatchObject({
      status: 400,
      body: { error: { details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] } } },
    });
    expect(decode({ thread: null }).model).toBe('m');
  });

  it.each([
    ['unauthorized', 401, 'authentication_error'],
    ['unknown_model', 404, 'not_found_error'],
    ['body_too_large', 413, 'request_too_large'],
    ['overloaded', 529, 'overloaded_error'],
    ['not_ready', 503, 'overloaded_error'],
    ['engine_lost', 502, 'api_error'],
    ['internal', 500, 'api_error'],
  ] as const)('%s has status %i and type %s', (code, status, type) => {
    expect(messagesDialect.encodeError(new DynamoError(code), 'req')).toMatchObject({
      status,
      body: { type: 'error', error: { type }, request_id: 'req' },
    });
  });
});

describe('the stream', () => {
  it('keeps its order however calls, text and thinking interleave, and loses no argument', () => {
    const piece: fc.Arbitrary<StreamEvent> = fc.oneof(
      fc.record({ type: fc.constant('text' as const), choice: fc.constant(0), text: fc.string() }),
      fc.record({
        type: fc.constant('thinking' as const),
        choice: fc.constant(0),
        text: fc.string({ minLength: 1 }),
      }),
      fc.record({
        type: fc.constant('tool_delta' as const),
        choice: fc.constant(0),
        index: fc.integer({ min: 0, max: 3 }),
        arguments: fc.constantFrom('{', '"a":1', '}', ' '),
      }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.boolean(), (pieces, startsEarly) => {
        const run = withStarts(pieces, startsEarly);
        const encoder = messagesDialect.streamEncoder(decode({ stream: true }), {
          model: 'm',
          created: 1,
          promptTokens: 1,
        });
        const text = run.map((event) => encoder.push(event)).join('');
        const told = [...text.matchAll(/^data: (.*)$/gms)].flatMap(([line]) =>
          line.split('\n').filter((each) => each.startsWith('data: ')),
        );
        const events = told.map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>);
        checkOrder(events);
        expect(said(events, 'text')).toBe(
          pieces.flatMap((each) => (each.type === 'text' ? [each.text] : [])).join(''),
        );
        for (const index of [0, 1, 2, 3]) {
          const given = pieces.flatMap((each) =>
            each.type === 'tool_delta' && each.index === index ? [each.arguments] : [],
          );
          const args = given.join('');
          // What follows complete arguments is no part of them.
          if (!startsEarly || endsEarly(given)) continue;
          const isObject = args.trimStart().startsWith('{');
          const expected = isObject ? args : JSON.stringify(inputOf(args.trim()));
          expect(said(events, `call_${index}`)).toBe(expected);
        }
      }),
    );
  });
});

/** Calls started at once, or each before its first delta, as engines do. */
function withStarts(pieces: StreamEvent[], startsEarly: boolean): StreamEvent[] {
  const out: StreamEvent[] = [{ type: 'start', engineId: 'e' }];
  const started = new Set<number>();
  const start = (index: number) => {
    if (started.has(index)) return;
    started.add(index);
    out.push({ type: 'tool_start', choice: 0, index, id: `call_${index}`, name: 'f' });
  };
  if (startsEarly) for (const index of [0, 1, 2, 3]) start(index);
  for (const piece of pieces) {
    if (piece.type === 'tool_delta') start(piece.index);
    out.push(piece);
  }
  return [...out, { type: 'finish', choice: 0, reason: 'tool_use' }, { type: 'done' }];
}

/** The arguments are complete before their last piece: the block may be closed by then. */
function endsEarly(given: string[]): boolean {
  return given.slice(0, -1).some((_, at) => isJson(given.slice(0, at + 1).join('')));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function checkOrder(events: Record<string, unknown>[]): void {
  expect(events[0]?.['type']).toBe('message_start');
  expect(events.slice(-2).map(({ type }) => type)).toEqual(['message_delta', 'message_stop']);
  let open: unknown = null;
  let next = 0;
  for (const { type, index } of events.slice(1, -2)) {
    if (type === 'content_block_start') {
      expect([open, index]).toEqual([null, next]);
      open = index;
      next += 1;
    } else {
      expect(index).toBe(open);
      if (type === 'content_block_stop') open = null;
    }
  }
  expect(open).toBeNull();
}

/** Text of all text blocks, or arguments of the call with this id. */
function said(events: Record<string, unknown>[], what: string): string {
  let current = '';
  let out = '';
  for (const event of events) {
    const block = event['content_block'] as { type: string; id?: string } | undefined;
    if (block !== undefined) current = block.id ?? block.type;
    const delta = event['delta'] as { text?: string; partial_json?: string } | undefined;
    if (current === what && event['type'] === 'content_block_delta')
      out += delta?.text ?? delta?.partial_json ?? '';
  }
  return out;
}
