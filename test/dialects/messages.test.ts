/** What is particular to Messages: every block, marks, error words, and order under interleaved calls. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messagesDialect } from '../../src/dialects/messages/messages.js';
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
        { type: 'tool_reference', tool_name: 'x' },
        { type: 'new', text: 'a' },
      ]),
    ).toEqual([{ type: 'text', text: 'a' }]);
    expect(warnings).toEqual(['block_ignored']);
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

  it('of a JSON schema for the answer', () => {
    const format = { type: 'json_schema', schema: { type: 'object' } };
    expect(decode({ output_config: { format } }).format).toMatchObject({
      kind: 'json_schema',
      schema: format.schema,
    });
  });
});

describe('errors', () => {
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
          if (startsEarly && !interrupted(pieces)) expect(said(events, `call_${index}`)).toBe(given.join(''));
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

/** Text after a call closes it: deltas that come later have no block to go to. */
function interrupted(pieces: StreamEvent[]): boolean {
  return pieces.some((piece) => (piece.type === 'text' && piece.text !== '') || piece.type === 'thinking');
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
