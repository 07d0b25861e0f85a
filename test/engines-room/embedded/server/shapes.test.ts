/** Our answers have the fields vLLM 0.32 was recorded with, of the same types and null where it sends null. */
import { afterEach, describe, expect, it } from 'vitest';
import { recorded, recordedJson, recordedStream } from './recorded.js';
import {
  chat,
  chatStream,
  type FakeWorker,
  fakeWorker,
  get,
  type Json,
  post,
  shapeOf,
  sseValues,
} from './worker-client.js';

let worker: FakeWorker;

afterEach(() => worker.server.close());

const USAGE = { stream_options: { include_usage: true } };
const TOOLS = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
    },
  },
];

/** vLLM's fields that have no meaning here and are left out. */
const LEFT_OUT = ['ec_transfer_params', 'metrics'];

function shared(answer: Json): Json {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => !LEFT_OUT.includes(name)));
}

describe('whole answers', () => {
  it.each([
    ['chat', 'Hello.', {}],
    ['chat-session-priority', 'Hello.', { request_id: 'my-request-1', priority: 5 }],
    [
      'chat-tools-required',
      '{"name": "get_weather", "arguments": {"city": "Paris"}}',
      { tool_choice: 'required' },
    ],
    [
      'chat-tools-named-not-strict',
      '{"city": "Paris"}',
      { tool_choice: { type: 'function', function: { name: 'get_weather' } } },
    ],
  ])('of %s', async (name, output, body) => {
    worker = await fakeWorker(output);
    const { json } = await chat(worker.url, { tools: 'tool_choice' in body ? TOOLS : [], ...body });
    expect(shapeOf(json)).toEqual(shapeOf(shared(recordedJson(name))));
  });

  it('of a chat with token ids and log probabilities', async () => {
    worker = await fakeWorker('abc');
    const asked = { return_token_ids: true, logprobs: true, top_logprobs: 2 };
    const { json } = await chat(worker.url, asked);
    expect(shapeOf(json)).toEqual(shapeOf(shared(recordedJson('chat-ids-logprobs'))));
  });

  it.each([
    ['completion', {}],
    ['completion-token-ids', { return_token_ids: true }],
  ])('of %s', async (name, body) => {
    worker = await fakeWorker('abc');
    const { json } = await post(`${worker.url}/v1/completions`, { prompt: [72, 105], ...body });
    const expected = shapeOf(shared(recordedJson(name))) as { usage: { prompt_tokens_details: Json } };
    // vLLM counts blocks made for chats only; we do for both.
    expected.usage.prompt_tokens_details['created_cache_tokens'] = 'number';
    expect(shapeOf(json)).toEqual(expected);
  });
});

describe('streams', () => {
  it('of a chat: role, text, finish, usage', async () => {
    worker = await fakeWorker('Hello.');
    const values = await chatStream(worker.url, USAGE);
    const expected = recordedStream('chat-stream');
    const places = [0, 1, -2, -1];
    expect(places.map((at) => shapeOf(values.at(at)))).toEqual(places.map((at) => shapeOf(expected.at(at))));
    expect(values).toHaveLength('Hello.'.length + 3);
  });

  it('of a chat with usage on every chunk', async () => {
    worker = await fakeWorker('Hello.');
    const options = { stream_options: { include_usage: true, continuous_usage_stats: true } };
    const values = await chatStream(worker.url, options);
    const expected = recordedStream('chat-stream-continuous-usage');
    const places = [0, 1, -2, -1];
    expect(places.map((at) => shapeOf(values.at(at)))).toEqual(places.map((at) => shapeOf(expected.at(at))));
    expect(values.slice(0, 3).map((value) => (value['usage'] as Json)['completion_tokens'])).toEqual([
      0, 1, 2,
    ]);
  });

  it('of a required call: name first, then its arguments in pieces', async () => {
    worker = await fakeWorker('{"name": "get_weather", "arguments": {"city": "Paris"}}');
    const values = await chatStream(worker.url, { ...USAGE, tools: TOOLS, tool_choice: 'required' });
    const expected = recordedStream('chat-tools-required-stream');
    const places = [0, 1, 2, -2, -1];
    expect(places.map((at) => shapeOf(values.at(at)))).toEqual(places.map((at) => shapeOf(expected.at(at))));
  });

  it('of a completion with token ids', async () => {
    worker = await fakeWorker('abc');
    const body = { prompt: [72, 105], return_token_ids: true, stream: true, ...USAGE };
    const { text, headers } = await post(`${worker.url}/v1/completions`, body);
    const values = sseValues(text);
    const expected = recordedStream('completion-token-ids-stream');
    expect(headers.get('content-type')).toBe(recorded('completion-token-ids-stream').contentType);
    expect([0, 1].map((at) => shapeOf(values[at]))).toEqual([0, 1].map((at) => shapeOf(expected[at])));
    expect(values.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 3 } });
  });
});

describe('other routes', () => {
  it('tokenize a text, a chat, and back', async () => {
    worker = await fakeWorker();
    const plain = await post(`${worker.url}/tokenize`, { prompt: 'Hi', return_token_strs: true });
    expect(plain.json).toEqual({ count: 2, max_model_len: 1_000, tokens: [72, 105], token_strs: ['H', 'i'] });
    const messages = [{ role: 'user', content: 'Hi' }];
    const chatted = await post(`${worker.url}/tokenize`, { messages, add_generation_prompt: true });
    expect(shapeOf(chatted.json)).toEqual(shapeOf(recordedJson('tokenize-messages')));
    expect(Buffer.from(chatted.json['tokens'] as number[]).toString()).toBe('<user>Hi\n<assistant>');
    const back = await post(`${worker.url}/detokenize`, { tokens: [72, 105] });
    expect(back.json).toEqual({ prompt: 'Hi' });
    expect((await post(`${worker.url}/detokenize`, { tokens: [] })).json).toEqual({ prompt: '' });
  });

  it('render what /tokenize is asked for: tools, template variables, no generation prompt', async () => {
    worker = await fakeWorker();
    const body = {
      messages: [{ role: 'user', content: 'Hi' }],
      tools: TOOLS,
      add_generation_prompt: false,
      chat_template_kwargs: { style: 'terse' },
    };
    const { json } = await post(`${worker.url}/tokenize`, body);
    const text = Buffer.from(json['tokens'] as number[]).toString();
    expect(text).toContain('get_weather');
    expect(text).toMatch(/\(terse\)$/);
  });

  it('list the model under each of its names, with its context', async () => {
    worker = await fakeWorker();
    const { json } = await get(`${worker.url}/v1/models`);
    const cards = json['data'] as Json[];
    expect(cards.map(({ id, max_model_len }) => [id, max_model_len])).toEqual([
      ['smollm2-135m', 1_000],
      ['small', 1_000],
    ]);
    const [card] = recordedJson('models')['data'] as Json[];
    expect(Object.keys(cards[0] as Json).sort()).toEqual(Object.keys(card as Json).sort());
  });

  it('tell where events are published', async () => {
    const events = { events: 'tcp://127.0.0.1:5557', replay: 'tcp://127.0.0.1:5558', topic: 'kv' };
    worker = await fakeWorker('', events);
    const { json } = await get(`${worker.url}/kv_event_sources`);
    expect(shapeOf(json)).toEqual(shapeOf(recordedJson('kv-event-sources')));
    expect(json['0']).toMatchObject({ endpoint: events.events, replay_endpoint: events.replay, topic: 'kv' });
  });

  it('tell health, version and load, and empty the cache', async () => {
    worker = await fakeWorker();
    expect(await get(`${worker.url}/health`)).toMatchObject({ status: 200, text: recorded('health').body });
    expect((await get(`${worker.url}/version`)).json['version']).toBe('0.0.0-fake');
    expect((await get(`${worker.url}/load`)).json).toEqual({ server_load: 2 });
    expect((await post(`${worker.url}/reset_prefix_cache`, '')).status).toBe(200);
    expect(worker.core.cleared).toBe(1);
  });
});
