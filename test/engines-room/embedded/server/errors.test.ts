/** What is wrong with a request is said in vLLM's words and shapes, and costs nothing but that request. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DynamoError } from '../../../../src/errors.js';
import { LIMITS } from '../../../../src/limits.js';
import { recorded, recordedJson } from './recorded.js';
import { chat, type FakeWorker, fakeWorker, get, type Json, post, USER } from './worker-client.js';

let worker: FakeWorker;

beforeAll(async () => {
  worker = await fakeWorker('ok');
});

afterAll(() => worker.server.close());

/** Everything but the sentence. */
function frame(json: Json): unknown {
  return { ...(json['error'] as Json), message: '' };
}

const error = (json: Json): Json => json['error'] as Json;

describe('as vLLM was recorded', () => {
  it('an unknown model', async () => {
    const { status, json } = await chat(worker.url, { model: 'nope' });
    expect(status).toBe(recorded('error-unknown-model').status);
    const aliases = /aliases: .*/;
    const expected = error(recordedJson('error-unknown-model'));
    expect(error(json)).toEqual({
      ...expected,
      message: (expected['message'] as string).replace(aliases, 'aliases: smollm2-135m, small.'),
    });
  });

  it('a prompt longer than the context', async () => {
    const { status, json } = await chat(worker.url, {
      messages: [{ role: 'user', content: 'x'.repeat(2_000) }],
    });
    expect(status).toBe(400);
    expect(frame(json)).toEqual(frame(recordedJson('error-context-too-long')));
    expect(error(json)['message']).toContain("This model's maximum context length is 1000 tokens.");
    expect(error(json)['message']).toContain('value=2018)');
  });

  it('a field of the wrong type', async () => {
    const { status, json } = await chat(worker.url, { temperature: 'hot' });
    expect([status, frame(json)]).toEqual([400, frame(recordedJson('error-bad-field'))]);
    expect(error(json)['message']).toContain("'input': 'hot'");
  });

  it('no messages', async () => {
    const { status, json } = await post(`${worker.url}/v1/chat/completions`, { model: 'small' });
    expect([status, json]).toEqual([400, recordedJson('error-no-messages')]);
  });

  it('a body that is no JSON', async () => {
    const { status, json } = await post(`${worker.url}/v1/chat/completions`, '{"model": ');
    expect([status, json]).toEqual([400, recordedJson('error-bad-json')]);
  });

  it('nothing at the path, and the wrong method', async () => {
    const missing = await get(`${worker.url}/v1/nothing`);
    expect([missing.status, missing.text]).toEqual([404, recorded('error-not-found').body]);
    const method = await get(`${worker.url}/v1/chat/completions`);
    expect([method.status, method.text]).toEqual([405, recorded('error-method').body]);
    expect(method.headers.get('allow')).toBe('POST');
    expect((await post(`${worker.url}/health`, '')).headers.get('allow')).toBe('GET');
  });
});

describe('refused with 400, naming the field', () => {
  it.each<[string, Json, string]>([
    ['a negative temperature', { temperature: -1 }, 'temperature'],
    ['top_p over 1', { top_p: 2 }, 'top_p'],
    ['a seed that is no integer', { seed: 1.5 }, 'body.seed'],
    ['no tokens at all', { max_tokens: 0 }, 'max_tokens'],
    ['too many answers', { n: LIMITS.choicesMax + 1 }, 'n'],
    ['a stop that is no text', { stop: [1] }, 'stop'],
    ['a stop token the model does not have', { stop_token_ids: [100_000] }, 'stop_token_ids'],
    ['a bias for a token it does not have', { logit_bias: { '100000': 1 } }, 'logit_bias'],
    ['a bias that is no number', { logit_bias: { '1': 'x' } }, 'body.logit_bias.1'],
    ['too many alternatives', { logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
    ['no messages in the list', { messages: [] }, 'messages'],
    ['a message that is no object', { messages: ['hi'] }, 'body.messages.0'],
    ['a message without a role', { messages: [{ content: 'hi' }] }, 'body.messages.0.role'],
    ['content that is a number', { messages: [{ role: 'user', content: 1 }] }, 'body.messages.0.content'],
    ['a tool without a name', { tools: [{ type: 'function' }] }, 'body.tools.0'],
    ['a call of nothing', { tool_choice: 'required' }, 'tool_choice'],
    ['template variables that are no object', { chat_template_kwargs: 'x' }, 'body.chat_template_kwargs'],
    ['a response format nobody knows', { response_format: { type: 'xml' } }, 'response_format'],
    [
      'a schema that is no schema',
      { response_format: { type: 'json_schema', json_schema: { schema: 1 } } },
      'response_format',
    ],
    ['a schema whose text is no JSON', { guided_json: '{' }, 'structured_outputs'],
    ['a regex', { structured_outputs: { regex: 'a+' } }, 'structured_outputs'],
    ['a model that is no text', { model: 7 }, 'body.model'],
  ])('%s', async (_, body, param) => {
    const { status, json } = await chat(worker.url, body);
    expect([status, error(json)['param'], error(json)['code']]).toEqual([400, param, 400]);
  });

  it.each<[string, unknown]>([
    ['several prompts', ['one', 'two']],
    ['several lists of tokens', [[1], [2]]],
    ['tokens the model does not have', [1, 300]],
    ['tokens that are no integers', [1.5]],
    ['an empty prompt', ''],
    ['a number', 7],
  ])('a completion of %s', async (_, prompt) => {
    const { status, json } = await post(`${worker.url}/v1/completions`, { prompt });
    expect([status, error(json)['param']]).toEqual([400, 'prompt']);
  });

  it('a schema nested without end', async () => {
    let schema: unknown = {};
    for (let level = 0; level < 500; level += 1) schema = { type: 'array', items: schema };
    const { status, json } = await chat(worker.url, { guided_json: schema });
    expect([status, error(json)['param']]).toEqual([400, 'schema']);
  });

  it.each([
    [
      'a listed value',
      (deep: string) =>
        `{"messages": [{"role": "user", "content": "Hi"}], "guided_json": {"enum": [${deep}]}}`,
    ],
    ['a field of the wrong type', (deep: string) => `{"messages": ${deep}}`],
    [
      'what is asked of a tool',
      (deep: string) => `{"messages": [{"role": "user", "content": "Hi"}], "tool_choice": "required",
      "tools": [{"type": "function", "function": {"name": "f", "parameters": {"const": ${deep}}}}]}`,
    ],
  ])('%s nested a hundred thousand deep', async (_, body) => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const { status, json } = await post(`${worker.url}/v1/chat/completions`, body(deep));
    expect([status, error(json)['type']]).toEqual([400, 'BadRequestError']);
  });

  it('each error leaves the next request alone', async () => {
    expect((await chat(worker.url)).json).toMatchObject({ choices: [{ message: { content: 'ok' } }] });
  });
});

describe('bodies', () => {
  it('over the limit are refused before they are read', async () => {
    const { status, json, headers } = await post(`${worker.url}/tokenize`, 'x'.repeat(LIMITS.bodyBytes + 1));
    expect([status, error(json)['code']]).toEqual([413, 413]);
    expect(headers.get('connection')).toBe('close');
  });

  it('of unknown length are refused once they are over it', async () => {
    const chunk = new Uint8Array(1024 * 1024);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += chunk.length;
        if (sent > 4 * LIMITS.bodyBytes) controller.close();
        else controller.enqueue(chunk);
      },
    });
    // A client that is still writing may see the connection end before the answer.
    const outcome = await post(`${worker.url}/tokenize`, '', { body, duplex: 'half' } as RequestInit).then(
      ({ status }) => status,
      () => 'cut',
    );
    expect([413, 'cut']).toContain(outcome);
    expect(sent).toBeLessThan(2 * LIMITS.bodyBytes);
  });

  it('of any JSON get an answer, never a failure of ours', async () => {
    const names = fc.constantFrom(
      ...['messages', 'prompt', 'tools', 'tool_choice', 'stop', 'n', 'response_format', 'stream_options'],
      ...[
        'logit_bias',
        'chat_template_kwargs',
        'structured_outputs',
        'cache_salt',
        'max_tokens',
        'seed',
        'stream',
      ],
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, fc.jsonValue()), fc.boolean(), async (body, isChat) => {
        const given = isChat ? { messages: USER, ...body } : { prompt: 'Hi', ...body };
        const path = isChat ? '/v1/chat/completions' : '/v1/completions';
        const { status, text } = await post(worker.url + path, { ...given, n: undefined });
        expect([200, 400, 404], text).toContain(status);
      }),
      { numRuns: 300 },
    );
  });

  it('of messages in any shape, too', async () => {
    const message = fc.dictionary(
      fc.constantFrom('role', 'content', 'tool_calls', 'name', 'tool_call_id', 'reasoning_content'),
      fc.oneof(
        fc.jsonValue(),
        fc.constantFrom<unknown>('user', 'tool', [{ type: 'text', text: 'x' }], [{ function: {} }]),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 3 }), async (messages) => {
        const { status, text } = await chat(worker.url, { messages });
        expect([200, 400], text).toContain(status);
      }),
      { numRuns: 300 },
    );
  });
});

describe('failures of the core', () => {
  const grammar = new DynamoError('invalid_request', { detail: 'The grammar is not valid GBNF.' });

  it.each([
    ['a grammar it refuses', grammar, 400, 'BadRequestError'],
    [
      'a full queue',
      new DynamoError('overloaded', { waiting: 9, seconds: 1 }),
      503,
      'ServiceUnavailableError',
    ],
    ['an end in progress', new DynamoError('draining'), 503, 'ServiceUnavailableError'],
    ['anything else', new Error('decode failed'), 500, 'InternalServerError'],
  ])('%s has its status, in a stream too, as long as nothing was sent', async (_, refusal, status, type) => {
    const failing = await fakeWorker({ output: '', refusal });
    for (const stream of [true, false]) {
      const answer = await chat(failing.url, { stream });
      expect([answer.status, error(answer.json)['type']]).toEqual([status, type]);
    }
    await failing.server.close();
  });

  it('after the first token it is the last event of the stream', async () => {
    const failing = await fakeWorker({ output: 'Hel', finish: 'error', error: new Error('decode failed') });
    const { status, text } = await chat(failing.url, { stream: true });
    const blocks = text.split('\n\n').slice(0, -1);
    expect(status).toBe(200);
    expect(blocks.at(-1)).toBe('data: [DONE]');
    expect(JSON.parse((blocks.at(-2) ?? '').slice(6))).toEqual({
      error: { message: 'decode failed', type: 'InternalServerError', param: null, code: 500 },
    });
    await failing.server.close();
  });
});
