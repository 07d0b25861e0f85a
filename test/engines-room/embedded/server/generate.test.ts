/** What a request makes of the core's tokens: text, stops, several answers, and jobs with the right settings. */
import http from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CoreJob } from '../../../../src/engines/embedded/types.js';
import {
  chat,
  chatStream,
  type FakeWorker,
  fakeWorker,
  gathered,
  get,
  type Json,
  post,
  sseValues,
} from './worker-client.js';

let worker: FakeWorker;

afterEach(() => worker.server.close());

async function jobOf(body: Json): Promise<CoreJob> {
  worker = await fakeWorker();
  expect((await chat(worker.url, body)).status).toBe(200);
  return worker.core.jobs[0] as CoreJob;
}

const content = (json: Json): unknown => ((json['choices'] as Json[])[0]?.['message'] as Json)['content'];
const choiceOf = (json: Json): Json => (json['choices'] as Json[])[0] as Json;

describe('text', () => {
  it('comes out in whole characters however they are split over tokens', async () => {
    worker = await fakeWorker('naïve 日本語 👩‍👩‍👧 end');
    const values = await chatStream(worker.url);
    expect(gathered(values)[0]?.text).toBe('naïve 日本語 👩‍👩‍👧 end');
    expect(JSON.stringify(values)).not.toContain('\ufffd');
  });

  it('leaves out a character that was never finished', async () => {
    worker = await fakeWorker({ output: Buffer.from('日本').subarray(0, 5) });
    expect(gathered(await chatStream(worker.url))[0]?.text).toBe('日');
    expect(content((await chat(worker.url)).json)).toBe('日');
  });

  it('keeps a byte order mark', async () => {
    worker = await fakeWorker('\ufeffx');
    expect(content((await chat(worker.url)).json)).toBe('\ufeffx');
  });

  it('of an empty answer is an empty text', async () => {
    worker = await fakeWorker('');
    expect(choiceOf((await chat(worker.url)).json)).toMatchObject({
      message: { content: '' },
      finish_reason: 'stop',
    });
  });
});

describe('stop strings', () => {
  it.each<[string, Json, string, string | null]>([
    ['end the text before them', { stop: 'cd' }, 'ab', 'cd'],
    ['may be many; the first in the text counts', { stop: ['ef', 'bc', 'zz'] }, 'a', 'bc'],
    ['are part of the text when asked', { stop: ['cd'], include_stop_str_in_output: true }, 'abcd', 'cd'],
    ['that never come change nothing', { stop: ['xyz', 'fgh'] }, 'abcdefg', null],
  ])('%s', async (_, body, text, stop) => {
    worker = await fakeWorker('abcdefg');
    const whole = choiceOf((await chat(worker.url, body)).json);
    expect(whole).toMatchObject({ message: { content: text }, finish_reason: 'stop', stop_reason: stop });
    const values = await chatStream(worker.url, body);
    expect(gathered(values)[0]).toMatchObject({ text, finish: 'stop' });
    expect(choiceOf(values.at(-1) as Json)['stop_reason']).toBe(stop);
  });

  it('end the job and count as stopped, not as aborted', async () => {
    worker = await fakeWorker('abcdefg');
    const { json } = await chat(worker.url, { stop: 'cd' });
    expect(worker.core.cancelled).toHaveLength(1);
    expect((json['usage'] as Json)['completion_tokens']).toBe(4);
    const { text } = await get(`${worker.url}/metrics`);
    expect(text).toMatch(/request_success_total\{finished_reason="stop",[^}]*\} 1\n/);
    expect(text).toMatch(/request_success_total\{finished_reason="abort",[^}]*\} 0\n/);
  });
});

describe('the job', () => {
  it('has the settings of the body', async () => {
    const job = await jobOf({
      ...{ temperature: 0.5, top_p: 0.9, top_k: 40, min_p: 0.1, seed: 7, frequency_penalty: 0.2 },
      ...{ presence_penalty: 0.3, repetition_penalty: 1.1, logit_bias: { '65': 500, '66': -2 } },
      ...{ priority: 3, cache_salt: 'tenant', ignore_eos: true, stop_token_ids: [9], max_tokens: 12 },
    });
    expect(job.sampling).toEqual({
      ...{ temperature: 0.5, topP: 0.9, topK: 40, minP: 0.1, seed: 7, frequencyPenalty: 0.2 },
      ...{ presencePenalty: 0.3, repetitionPenalty: 1.1 },
      logitBias: new Map([
        [65, 100],
        [66, -2],
      ]),
    });
    expect(job).toMatchObject({ priority: -3, cacheSalt: 'tenant', ignoreEos: true, maxTokens: 12 });
    expect(job.stopTokens).toEqual(new Set([9]));
  });

  it("has vLLM's defaults without them, and null counts as absent", async () => {
    const job = await jobOf({ temperature: null, stop: null, tools: null, max_tokens: null, seed: null });
    expect(job.sampling).toEqual({
      ...{ temperature: 1, topP: 1, topK: 0, minP: 0 },
      ...{ frequencyPenalty: 0, presencePenalty: 0, repetitionPenalty: 1 },
    });
    expect(Object.is(job.priority, 0)).toBe(true);
  });

  it.each<[string, Json]>([
    ['more tokens than the context has left', { max_tokens: 32_000 }],
    ['no bound', {}],
    ['the newer name of the bound', { max_completion_tokens: 1e9, max_tokens: 5 }],
  ])('asked with %s ends with the context', async (_, body) => {
    const job = await jobOf(body);
    expect(job.maxTokens).toBe(1_000 - job.tokens.length);
  });

  it('of a plain completion is 16 tokens long unless asked', async () => {
    worker = await fakeWorker('x'.repeat(50));
    const { json } = await post(`${worker.url}/v1/completions`, { prompt: 'Hi' });
    expect(choiceOf(json)).toMatchObject({ text: 'x'.repeat(16), finish_reason: 'length' });
  });

  it.each<[string, unknown]>([
    ['text', 'Hi'],
    ['a list of one text', ['Hi']],
    ['token ids', [72, 105]],
    ['a list of one list of token ids', [[72, 105]]],
  ])('takes a prompt as %s', async (_, prompt) => {
    worker = await fakeWorker();
    await post(`${worker.url}/v1/completions`, { prompt });
    expect(Array.from(worker.core.jobs[0]?.tokens ?? [])).toEqual([72, 105]);
  });

  it.each<[string, Json, RegExp]>([
    ['response_format json_object', { response_format: { type: 'json_object' } }, /^root ::= r0/m],
    [
      'response_format json_schema',
      { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { const: 'yes' } } } },
      /^root ::= "\\"yes\\""/m,
    ],
    ['structured_outputs.json', { structured_outputs: { json: { const: 5 } } }, /^root ::= "5"/m],
    ['guided_json as text', { guided_json: '{"const": 5}' }, /^root ::= "5"/m],
    ['structured_outputs.choice', { structured_outputs: { choice: ['a', 'b'] } }, /^root ::= "a" \| "b"/m],
    ['a grammar of its own', { structured_outputs: { grammar: 'root ::= "x"' } }, /^root ::= "x"$/],
  ])('is held to %s', async (_, body, grammar) => {
    expect((await jobOf(body)).sampling.grammar).toMatch(grammar);
  });

  it('of an assistant turn without content, as clients send it back, is rendered', async () => {
    const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } };
    const messages = [
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c1', content: 'done' },
      { role: 'assistant', content: 'Well.', tool_calls: null },
      { role: 'user', content: 'Go on' },
    ];
    const text = Buffer.from((await jobOf({ messages })).tokens).toString();
    expect(text).toMatch(/Hi[\s\S]*"a":1[\s\S]*done[\s\S]*Well\.[\s\S]*Go on/);
  });
});

describe('several answers', () => {
  it('are jobs of their own with seeds of their own', async () => {
    worker = await fakeWorker((index) => `answer ${index}`);
    const { json } = await chat(worker.url, { n: 3, seed: 2 ** 32 - 1 });
    const choices = json['choices'] as Json[];
    expect(choices.map(({ index, message }) => [index, (message as Json)['content']])).toEqual([
      [0, 'answer 0'],
      [1, 'answer 1'],
      [2, 'answer 2'],
    ]);
    expect(worker.core.jobs.map(({ sampling }) => sampling.seed)).toEqual([2 ** 32 - 1, 0, 1]);
    expect((json['usage'] as Json)['completion_tokens']).toBe(24);
  });

  it('are told apart in a stream', async () => {
    worker = await fakeWorker((index) => `answer ${index}`);
    const views = gathered(await chatStream(worker.url, { n: 3 }));
    expect(views.map(({ text }) => text)).toEqual(['answer 0', 'answer 1', 'answer 2']);
    expect(views.every(({ finish }) => finish === 'stop')).toBe(true);
  });
});

describe('token ids and log probabilities', () => {
  it('of all tokens are told, those without text too', async () => {
    const output = Buffer.from('a日b').subarray(0, 3);
    worker = await fakeWorker({ output });
    const asked = { return_token_ids: true, logprobs: true, top_logprobs: 1 };
    const whole = choiceOf((await chat(worker.url, asked)).json);
    expect(whole['token_ids']).toEqual([...output]);
    expect((whole['logprobs'] as { content: unknown[] }).content).toHaveLength(3);
    const values = await chatStream(worker.url, asked);
    const ids = values.flatMap((value) => (choiceOf(value)['token_ids'] as number[] | null) ?? []);
    expect(ids).toEqual([...output]);
  });

  it('of a completion are parallel lists; offsets go on over the stream', async () => {
    worker = await fakeWorker('abc');
    const body = { prompt: 'Hi', logprobs: 2 };
    const { json } = await post(`${worker.url}/v1/completions`, body);
    expect(choiceOf(json)['logprobs']).toEqual({
      text_offset: [0, 1, 2],
      token_logprobs: [-0.1, -0.1, -0.1],
      tokens: ['a', 'b', 'c'],
      top_logprobs: [
        { a: -0.1, b: -1 },
        { b: -0.1, c: -1 },
        { c: -0.1, d: -1 },
      ],
    });
    const { text } = await post(`${worker.url}/v1/completions`, { ...body, stream: true });
    const offsets = sseValues(text).flatMap((value) => {
      const found = choiceOf(value)['logprobs'] as { text_offset: number[] } | null;
      return found?.text_offset ?? [];
    });
    expect(offsets).toEqual([0, 1, 2]);
  });
});

describe('usage', () => {
  it('tells the tokens cached, and those in blocks now made', async () => {
    worker = await fakeWorker({ output: 'ok', cached: 128 });
    const messages = [{ role: 'user', content: 'x'.repeat(282) }];
    const { json } = await chat(worker.url, { messages });
    expect(json['usage']).toMatchObject({
      prompt_tokens: 300,
      completion_tokens: 2,
      total_tokens: 302,
      prompt_tokens_details: { cached_tokens: 128, created_cache_tokens: 128 },
    });
  });

  it('is in a stream only when asked for', async () => {
    worker = await fakeWorker('ok');
    const options = { stream_options: { continuous_usage_stats: true } };
    for (const values of [await chatStream(worker.url), await chatStream(worker.url, options)])
      expect(values.some((value) => 'usage' in value)).toBe(false);
  });
});

describe('a client that goes away', () => {
  it.each([true, false])('cancels its jobs (stream: %s)', async (stream) => {
    worker = await fakeWorker('Hello');
    worker.core.isHeld = true;
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], stream, n: 2 });
    const request = http.request(`${worker.url}/v1/chat/completions`, { method: 'POST' });
    request.on('error', () => {});
    request.end(body);
    await vi.waitFor(() => expect(worker.core.jobs).toHaveLength(2));
    request.destroy();
    await vi.waitFor(() => expect(worker.core.cancelled).toHaveLength(2));
    const { text } = await get(`${worker.url}/metrics`);
    await vi.waitFor(async () =>
      expect((await get(`${worker.url}/metrics`)).text).toMatch(/finished_reason="abort",[^}]*\} 2\n/),
    );
    expect(text).toContain('vllm:num_requests_running');
  });

  it('is one whose server closes, too', async () => {
    worker = await fakeWorker('Hello');
    worker.core.isHeld = true;
    const pending = chat(worker.url, { stream: true }).catch((error: unknown) => error);
    await vi.waitFor(() => expect(worker.core.jobs).toHaveLength(1));
    await worker.server.close();
    await vi.waitFor(() => expect(worker.core.cancelled).toHaveLength(1));
    expect(await pending).toBeInstanceOf(Error);
  });
});
