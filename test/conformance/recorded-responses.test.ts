/**
 * What OpenAI's own service answered to Codex's kinds of tools, and what we answer to the same. The requests and the
 * order and fields of the events are told after recordings in the public repository vllm-project/agentic-api
 * (`crates/agentic-server-core/tests/cassettes/codex`, Apache License 2.0); no recording is copied.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../gateway/support/harness.js';
import type { Body, Script } from '../gateway/support/scripted-engine.js';
import { responseIdOf, type SocketEvent, TestSocket } from '../gateway/support/socket.js';

let gateway: TestGateway;
let socket: TestSocket | undefined;

afterEach(async () => {
  socket?.close();
  socket = undefined;
  await gateway.close();
});

interface Recorded {
  transport: 'websocket' | 'http';
  body: Body;
  /** Calls of the engine: flat name and arguments, in pieces. */
  calls: [name: string, ...pieces: string[]][];
  /** Types of the events between `in_progress` and `completed`, runs of one type told once. */
  types: string[];
  /** Fields of the finished items. */
  items: Body[];
  /** What the client sends next. */
  next: Body[];
}

const functionEvents = [
  'response.output_item.added',
  'response.function_call_arguments.delta',
  'response.function_call_arguments.done',
  'response.output_item.done',
];

const RECORDED: Record<string, Recorded> = {
  'websocket-custom-tool-gpt-5.6': {
    transport: 'websocket',
    body: {
      input: 'Call the echo tool with exactly CUSTOM_OK before you answer.',
      max_output_tokens: 512,
      store: true,
      tools: [
        {
          type: 'custom',
          name: 'raw_echo',
          description: 'Gives the text back.',
          format: { type: 'grammar', syntax: 'lark', definition: 'start: "CUSTOM_OK"' },
        },
      ],
    },
    calls: [['raw_echo', '{"input":"CUST', 'OM_OK"}']],
    types: [
      'response.output_item.added',
      'response.custom_tool_call_input.delta',
      'response.custom_tool_call_input.done',
      'response.output_item.done',
    ],
    items: [{ type: 'custom_tool_call', status: 'completed', name: 'raw_echo', input: 'CUSTOM_OK' }],
    next: [
      { type: 'custom_tool_call_output', output: 'ECHO_OK' },
      { type: 'message', role: 'user', content: 'Return the output only.' },
    ],
  },
  'websocket-namespace-tool-gpt-4o': {
    transport: 'websocket',
    body: {
      input: 'Call mcp__fixture.add_numbers with [8, 0] before you answer.',
      store: true,
      tools: [
        {
          type: 'namespace',
          name: 'mcp__fixture',
          description: 'A namespace.',
          tools: [
            {
              type: 'function',
              name: 'add_numbers',
              description: 'Adds numbers.',
              strict: true,
              parameters: {
                type: 'object',
                properties: { numbers: { type: 'array', items: { type: 'number' }, minItems: 1 } },
                required: ['numbers'],
                additionalProperties: false,
              },
            },
          ],
        },
      ],
    },
    calls: [['mcp__fixture__add_numbers', '{"numbers', '":[8,0]}']],
    types: functionEvents,
    items: [
      {
        type: 'function_call',
        status: 'completed',
        name: 'add_numbers',
        namespace: 'mcp__fixture',
        arguments: '{"numbers":[8,0]}',
      },
    ],
    next: [
      { type: 'function_call_output', output: '{"sum":8}' },
      { type: 'message', role: 'user', content: 'Return the sum only.' },
    ],
  },
  'web-search-and-namespace-same-turn-gpt-4o': {
    transport: 'http',
    body: {
      input: 'Two things in parallel: search the web, and run pwd.',
      max_output_tokens: 512,
      store: true,
      tools: ['web_search', 'agentic_ns__mcp__shell__run'].map((name) => ({
        type: 'function',
        name,
        description: 'A tool.',
        parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
      })),
    },
    calls: [
      ['web_search', '{"text":"news"}'],
      ['agentic_ns__mcp__shell__run', '{"text":"pwd"}'],
    ],
    types: [...functionEvents, ...functionEvents],
    items: [
      { type: 'function_call', status: 'completed', name: 'web_search', arguments: '{"text":"news"}' },
      {
        type: 'function_call',
        status: 'completed',
        name: 'agentic_ns__mcp__shell__run',
        arguments: '{"text":"pwd"}',
      },
    ],
    next: [
      { type: 'function_call_output', output: 'nothing new' },
      { type: 'function_call_output', output: '/home' },
    ],
  },
};

const calling =
  (calls: Recorded['calls']): Script =>
  ({ delta, done }) => {
    for (const [index, [name, ...pieces]] of calls.entries()) {
      const call = { index, id: `call_${index}`, type: 'function' };
      delta({ tool_calls: [{ ...call, function: { name, arguments: '' } }] });
      for (const piece of pieces) delta({ tool_calls: [{ index, function: { arguments: piece } }] });
    }
    delta({}, 'tool_calls');
    done();
  };

async function eventsOf(transport: Recorded['transport'], body: Body): Promise<SocketEvent[]> {
  if (transport === 'websocket') {
    socket ??= await TestSocket.open(gateway.url);
    return socket.turn(body);
  }
  const answer = await gateway.post('/v1/responses', { model: 'test-model', ...body, stream: true });
  return [...(await answer.text()).matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data ?? ''));
}

const runsOnce = (types: readonly string[]) => types.filter((type, index) => type !== types[index - 1]);

describe.each(Object.entries(RECORDED))('%s', (_, { transport, body, calls, types, items, next }) => {
  it('is answered event by event as recorded', async () => {
    gateway = await startGateway({ scripts: [calling(calls)] });
    const events = await eventsOf(transport, body);
    expect(runsOnce(events.map(({ type }) => type))).toEqual([
      'response.created',
      'response.in_progress',
      ...types,
      'response.completed',
    ]);
    const done = events
      .filter(({ type }) => type === 'response.output_item.done')
      .map(({ item }) => item as Body);
    expect(done).toEqual(
      items.map((item, index) => ({ ...item, id: expect.any(String), call_id: `call_${index}` })),
    );
    expect((events.at(-1)?.['response'] as Body)['output']).toEqual(done);
    for (const { output_index: index, item_id: id } of events.filter(({ item_id }) => item_id !== undefined))
      expect(id).toBe(done[index as number]?.['id']);
  });

  it('goes on with the results, by id and with the whole conversation', async () => {
    gateway = await startGateway({ scripts: [calling(calls)] });
    const first = await eventsOf(transport, body);
    gateway.engines[0]!.script = ({ say }) => say('8');
    const results = next.map((item, index) =>
      item['type'] === 'message' ? item : { ...item, call_id: `call_${index}` },
    );
    const chained = { ...body, previous_response_id: responseIdOf(first), input: results };
    const output = (first.at(-1)?.['response'] as Body)['output'] as Body[];
    const whole = { ...body, input: [{ role: 'user', content: body['input'] }, ...output, ...results] };
    for (const again of [chained, whole])
      expect((await eventsOf(transport, again)).at(-1)?.type).toBe('response.completed');
    const [, second, third] = gateway.engines[0]!.bodies;
    expect(second?.['messages']).toEqual(third?.['messages']);
    expect(second?.['tools']).toEqual(gateway.engines[0]!.bodies[0]?.['tools']);
  });
});
