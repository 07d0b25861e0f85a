/**
 * The cases of the Open Responses compliance suite, told in our own words, over HTTP and WebSocket: every request,
 * response and event is checked against the specification's schemas, then for what the case is about.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../gateway/support/harness.js';
import type { Body, Exchange, Script } from '../gateway/support/scripted-engine.js';
import { responseIdOf, type SocketEvent, TestSocket } from '../gateway/support/socket.js';
import { eventProblems, problemsOf } from './open-responses.js';

interface ResponseObject {
  id: string;
  status: string;
  output: ({ type: string } & Body)[];
}

let gateway: TestGateway;
const sockets: TestSocket[] = [];
const model = 'test-model';
const headers = { authorization: 'Bearer test-key' };

const thinks: Script = ({ delta, done }: Exchange) => {
  delta({ reasoning: 'Let me ' });
  delta({ reasoning: 'see.' });
  delta({ content: 'One, ' });
  delta({ content: 'two.' });
  delta({}, 'stop');
  done();
};

const calls: Script = ({ delta, done }: Exchange) => {
  const call = (index: number, fields: Body) => delta({ tool_calls: [{ index, ...fields }] });
  call(0, { id: 'call_sf', type: 'function', function: { name: 'get_weather', arguments: '{"location":' } });
  call(0, { function: { arguments: '"San Francisco"}' } });
  delta({}, 'tool_calls');
  done();
};

beforeEach(async () => {
  gateway = await startGateway({
    scripts: [({ say }) => say('Hello ', 'there, friend.')],
    config: { apiKeys: ['test-key'] },
  });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await gateway.close();
});

const script = (answer: Script) => {
  gateway.engines[0]!.script = answer;
};

const post = (body: Body, path = '/v1/responses') => gateway.post(path, body, headers);

/** A whole answer, itself and its request checked. */
async function create(fields: Body): Promise<ResponseObject> {
  const body = { model, ...fields };
  expect(problemsOf('CreateResponseBody', body)).toEqual([]);
  const answer = await post(body);
  expect(answer.status).toBe(200);
  const response = (await answer.json()) as ResponseObject;
  expect(problemsOf('ResponseResource', response)).toEqual([]);
  return response;
}

/** A streamed answer with every event checked. */
async function stream(fields: Body): Promise<{ events: SocketEvent[]; response: ResponseObject }> {
  const answer = await post({ model, ...fields, stream: true });
  const events = [...(await answer.text()).matchAll(/^data: (.+)$/gm)].map(
    ([, data]) => JSON.parse(data ?? '') as SocketEvent,
  );
  return checked(events);
}

function checked(events: SocketEvent[]): { events: SocketEvent[]; response: ResponseObject } {
  expect(events.flatMap(eventProblems)).toEqual([]);
  const response = events.at(-1)?.['response'] as ResponseObject;
  expect(problemsOf('ResponseResource', response)).toEqual([]);
  return { events, response };
}

async function open(): Promise<TestSocket> {
  const socket = await TestSocket.open(gateway.url, headers);
  sockets.push(socket);
  return socket;
}

/** One response over a socket, its request and every event checked. */
async function turn(socket: TestSocket, fields: Body): Promise<ReturnType<typeof checked>> {
  const message = { type: 'response.create', model, ...fields };
  expect(problemsOf('WebSocketResponseCreateEvent', message)).toEqual([]);
  socket.send(message);
  return checked(await socket.turn());
}

/** A request over a socket that must fail: the code of its error event. */
async function failedTurn(socket: TestSocket, fields: Body): Promise<string> {
  socket.send({ type: 'response.create', model, ...fields });
  const [event] = await socket.turn();
  expect(problemsOf('WebSocketErrorEvent', event)).toEqual([]);
  return (event?.['error'] as { code: string }).code;
}

const user = (content: unknown) => ({ type: 'message', role: 'user', content });
const typesOf = (events: SocketEvent[]) => events.map(({ type }) => type);
const itemTypes = ({ output }: ResponseObject) => output.map(({ type }) => type);

const weather = {
  type: 'function',
  name: 'get_weather',
  description: 'Get the current weather for a location',
  parameters: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] },
};

describe('over HTTP', () => {
  it('basic-response: a message is answered', async () => {
    const response = await create({ input: [user('Say hello in exactly 3 words.')] });
    expect([response.status, itemTypes(response)]).toEqual(['completed', ['message']]);
  });

  it('assistant-phase: labelled turns of the assistant are taken', async () => {
    const said = (phase: string, content: string) => ({ type: 'message', role: 'assistant', phase, content });
    const response = await create({
      input: [
        said('commentary', 'I use the saved number.'),
        said('final_answer', 'Four.'),
        user('Repeat it.'),
      ],
    });
    expect(response.status).toBe('completed');
    expect(JSON.stringify(gateway.engines[0]?.bodies[0]?.['messages'])).toMatch(/saved number.*Four.*Repeat/);
  });

  it('streaming-response: every event is one of the specification’s', async () => {
    const { events, response } = await stream({ input: [user('Count from 1 to 5.')] });
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    expect(response.status).toBe('completed');
  });

  it('system-prompt: a system message is one', async () => {
    const system = { type: 'message', role: 'system', content: 'You are a pirate.' };
    const response = await create({ input: [system, user('Say hello.')] });
    expect(response.status).toBe('completed');
    expect(gateway.engines[0]?.bodies[0]?.['messages']).toMatchObject([{ role: 'system' }, { role: 'user' }]);
  });

  it('tool-calling: a function is called', async () => {
    script(calls);
    const response = await create({ input: [user('The weather in San Francisco?')], tools: [weather] });
    expect(itemTypes(response)).toEqual(['function_call']);
  });

  it('tool-calling-streaming: arguments come piece by piece and then whole', async () => {
    script(calls);
    const { events } = await stream({ input: [user('The weather in San Francisco?')], tools: [weather] });
    expect(typesOf(events)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
  });

  it('function-call-roundtrip: a result goes back', async () => {
    script(calls);
    const forced = { tools: [weather], tool_choice: { type: 'function', name: 'get_weather' } };
    const first = await create({ input: 'Use the tool.', ...forced });
    script(({ say }) => say('18 degrees.'));
    const output = { type: 'function_call_output', call_id: 'call_sf', output: '{"temperature":18}' };
    const call = { type: 'function_call', call_id: 'call_sf', name: 'get_weather', arguments: '{}' };
    const again = await create({ input: [user('Use the tool.'), call, output], tools: [weather] });
    const goesOn = await create({ previous_response_id: first.id, input: [output], tools: [weather] });
    expect([again.status, goesOn.status]).toEqual(['completed', 'completed']);
  });

  it('image-input: an image in the request reaches the engine', async () => {
    const url = 'data:image/png;base64,iVBORw0KGgo=';
    const content = [
      { type: 'input_text', text: 'What is it?' },
      { type: 'input_image', image_url: url },
    ];
    expect((await create({ input: [user(content)] })).status).toBe('completed');
    expect(JSON.stringify(gateway.engines[0]?.bodies[0])).toContain(url);
  });

  it('multi-turn: a conversation is sent again', async () => {
    const answered = { type: 'message', role: 'assistant', content: 'Hello Alice!' };
    const response = await create({ input: [user('My name is Alice.'), answered, user('What is my name?')] });
    expect(response.status).toBe('completed');
  });

  it('previous-response-id: a conversation is kept', async () => {
    const first = await create({ input: 'Remember this code word: papaya.' });
    const second = await create({ previous_response_id: first.id, input: 'Which code word?' });
    expect(second.status).toBe('completed');
    expect(JSON.stringify(gateway.engines[0]?.bodies[1])).toContain('papaya');
  });

  it('compact-response: a conversation is compacted', async () => {
    const body = {
      model,
      prompt_cache_key: 'compact-test',
      input: [user('We launch on Tuesday.'), { type: 'message', role: 'assistant', content: 'Understood.' }],
    };
    expect(problemsOf('CompactResponseMethodPublicBody', body)).toEqual([]);
    const compacted = (await (await post(body, '/v1/responses/compact')).json()) as ResponseObject;
    expect(problemsOf('CompactResource', compacted)).toEqual([]);
    expect(itemTypes(compacted)).toEqual(['message', 'compaction']);
  });

  it('compact-missing-model: no model is refused', async () => {
    const answer = await post({ input: [user('Compact this.')] }, '/v1/responses/compact');
    expect(answer.status).toBe(400);
  });

  it('file-input, file-search and web-search: what cannot be done here is said or left out', async () => {
    const file = { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' };
    const refused = await post({ model, input: [user([file])] });
    expect([refused.status, JSON.stringify(await refused.json())]).toEqual([
      400,
      expect.stringContaining('input[0].content[0].file_data'),
    ]);
    for (const type of ['file_search', 'web_search']) {
      const answer = await post({ model, input: 'search', tools: [{ type }], tool_choice: { type } });
      expect(answer.status).toBe(200);
    }
    expect(gateway.of('warning').map(({ code }) => code)).toContain('tool_ignored');
  });
});

describe('over a WebSocket', () => {
  it('websocket-response: the events of a stream are the messages', async () => {
    const { response } = await turn(await open(), { input: [user('Count from 1 to 3.')] });
    expect(response.status).toBe('completed');
  });

  it('websocket-sequential-responses: one connection, one after the other', async () => {
    const socket = await open();
    for (const word of ['first', 'second']) {
      const { response } = await turn(socket, { store: false, input: `Reply with exactly: ${word}` });
      expect(response.status).toBe('completed');
    }
  });

  it('websocket-continuation: a chain goes on without store', async () => {
    const socket = await open();
    const first = await turn(socket, { store: false, input: 'Remember the code word: cobalt.' });
    const next = { store: false, previous_response_id: first.response.id, input: 'Which code word?' };
    expect((await turn(socket, next)).response.status).toBe('completed');
    expect(JSON.stringify(gateway.engines[0]?.bodies[1])).toContain('cobalt');
  });

  it('websocket-generate-false: a prewarm has an id to go on from', async () => {
    const socket = await open();
    const warm = await turn(socket, { store: false, input: 'Remember: zinc.', generate: false });
    expect(warm.response).toMatchObject({ status: 'completed', output: [] });
    const { response } = await turn(socket, {
      store: false,
      previous_response_id: responseIdOf(warm.events),
      input: 'Go.',
    });
    expect(response.status).toBe('completed');
  });

  it('websocket-previous-response-not-found: an unknown chain is an error of its own', async () => {
    const missing = { store: false, previous_response_id: 'resp_missing', input: 'This should fail.' };
    expect(await failedTurn(await open(), missing)).toBe('previous_response_not_found');
  });

  it('websocket-reconnect-store-false-recovery: a chain ends with its connection, a new one begins', async () => {
    const first = await turn(await open(), { store: false, input: 'Remember: copper.' });
    const socket = await open();
    const chain = { store: false, previous_response_id: first.response.id, input: 'Go on.' };
    expect(await failedTurn(socket, chain)).toBe('previous_response_not_found');
    const recovered = await turn(socket, { store: false, input: [user('Start anew.')] });
    expect(recovered.response.status).toBe('completed');
  });

  it('websocket-failed-continuation-evicts-cache: a chain that failed is gone', async () => {
    const socket = await open();
    const first = await turn(socket, { store: false, input: 'Remember: ember.' });
    const chain = { store: false, previous_response_id: first.response.id };
    const stray = { type: 'function_call_output', call_id: 'call_missing', output: 'never called' };
    expect(await failedTurn(socket, { ...chain, input: [stray] })).toBe('invalid_request');
    expect(await failedTurn(socket, { ...chain, input: 'Go on.' })).toBe('previous_response_not_found');
  });

  it('websocket-compact-new-chain: what compaction gave begins a chain', async () => {
    const body = { model, input: [user('Remember: slate.'), { role: 'assistant', content: 'OK.' }] };
    const { output } = (await (await post(body, '/v1/responses/compact')).json()) as ResponseObject;
    const { response } = await turn(await open(), {
      store: false,
      tools: [],
      input: [...output, user('Continue from here.')],
    });
    expect(response.status).toBe('completed');
  });
});

describe('beyond the suite, the schemas hold for', () => {
  it('reasoning as a summary, streamed and whole', async () => {
    script(thinks);
    const fields = {
      input: 'think',
      reasoning: { effort: 'high', summary: 'auto' },
      include: ['reasoning.encrypted_content'],
    };
    const { response } = await stream(fields);
    expect(itemTypes(response)).toEqual(['reasoning', 'message']);
    await create(fields);
  });

  it('an answer that was cut', async () => {
    script(({ delta, done }) => {
      delta({ content: 'cut' });
      delta({}, 'length');
      done();
    });
    const { events, response } = await stream({ input: 'long', max_output_tokens: 16 });
    expect([typesOf(events).at(-1), response.status]).toEqual(['response.incomplete', 'incomplete']);
  });

  it('an answer that broke off', async () => {
    script(({ delta, chunk, response }) => {
      delta({ content: 'half' });
      chunk({ error: { message: 'out of memory', type: 'InternalServerError', code: 500 } });
      response.end();
    });
    const { events, response } = await stream({ input: 'hi' });
    expect([typesOf(events).at(-1), response.status]).toEqual(['response.failed', 'failed']);
  });

  it('log probabilities, tool choices, formats and metadata given back', async () => {
    const token = { token: 'Hi', logprob: -0.1, bytes: [72, 105], top_logprobs: [] };
    script(({ chunk, done }) => {
      const head = { id: 'chatcmpl-x', object: 'chat.completion.chunk', created: 1, model };
      chunk({ ...head, choices: [{ index: 0, delta: { content: 'Hi' }, logprobs: { content: [token] } }] });
      chunk({ ...head, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
      done();
    });
    const { response } = await stream({
      input: 'hi',
      include: ['message.output_text.logprobs'],
      top_logprobs: 2,
      metadata: { a: 'b' },
      tools: [weather],
      tool_choice: {
        type: 'allowed_tools',
        mode: 'auto',
        tools: [{ type: 'function', name: 'get_weather' }],
      },
      text: { format: { type: 'json_object' }, verbosity: 'low' },
      reasoning: { effort: 'low' },
      user: 'u',
      safety_identifier: 's',
      prompt_cache_key: 'k',
      service_tier: 'priority',
      max_tool_calls: 3,
      truncation: 'auto',
    });
    expect(JSON.stringify(response.output)).toContain('-0.1');
    expect(response).toMatchObject({ metadata: { a: 'b' }, max_tool_calls: 3, truncation: 'auto' });
  });

  it('a JSON schema given back, but for the schema, which the specification wants null', async () => {
    const format = { type: 'json_schema', name: 'a', schema: { type: 'object' } };
    const answer = await post({ model, input: 'hi', text: { format } });
    const response = (await answer.json()) as { text: { format: Body } };
    expect(response.text.format).toEqual({ ...format, description: null, strict: false });
    response.text.format['schema'] = null;
    expect(problemsOf('ResponseResource', response)).toEqual([]);
  });

  it('a compaction within a stream', async () => {
    const { response } = await stream({ input: [user('Remember.'), { type: 'compaction_trigger' }] });
    expect(itemTypes(response)).toEqual(['compaction']);
  });
});
