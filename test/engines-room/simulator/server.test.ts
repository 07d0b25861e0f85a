/** The simulated worker over HTTP and ZMQ, on a clock that waits for nothing: what a client sees is vLLM's. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Subscriber } from 'zeromq';
import type { Clock } from '../../../src/engines/simulator/clock.js';
import { openSimulatedWorker } from '../../../src/engines/simulator/open-worker.js';
import { simulatedPromptModel } from '../../../src/engines/simulator/prompt-model.js';
import type { KvEvent } from '../../../src/link/kv-event.js';
import { decodeBatch } from '../../../src/link/kv-events.js';
import { recordedJson, recordedStream } from '../embedded/server/recorded.js';
import {
  chat,
  chatStream,
  gathered,
  get,
  type Json,
  post,
  shapeOf,
} from '../embedded/server/worker-client.js';
import { fastClock, ManualClock } from './support.js';

const FACTS = {
  ...{ activeParameters: 10e9, weightBytes: 230e9, activeWeightBytes: 10e9, kvBytesPerToken: 253_952 },
  ...{ bytesPerSecond: 19e12, flopsPerSecond: 8e15 },
};

const open = (clock: Clock = fastClock(), over: Partial<Parameters<typeof openSimulatedWorker>[0]> = {}) =>
  openSimulatedWorker(
    {
      ...{ names: ['glm-5.1', 'glm5'], host: '127.0.0.1', port: 0, contextTokens: 2_048, blocks: 100 },
      ...{ blockTokens: 16, events: null, facts: FACTS, speed: 1, answerTokens: 12 },
      ...{ passTokens: undefined, maxRunning: undefined, hardware: '8 × H200' },
      ...over,
    },
    clock,
  );

let worker: Awaited<ReturnType<typeof open>>;

const MESSAGES = [
  { role: 'user', content: 'Tell me about the weather in Paris and in Rome, please. '.repeat(8) },
];
const TOOLS = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
];

const details = (json: Json) =>
  (json['usage'] as { prompt_tokens_details: { cached_tokens: number } }).prompt_tokens_details;

afterEach(() => worker.close());

describe('a simulated worker', () => {
  beforeEach(async () => {
    worker = await open();
  });

  it.each([
    ['chat', {}],
    ['chat-session-priority', { request_id: 'my-request-1', priority: 5 }],
    ['chat-tools-required', { tools: TOOLS, tool_choice: 'required' }],
  ])('answers with the fields of %s', async (name, body) => {
    const { json } = await chat(worker.url, { max_tokens: 30, ...body });
    const { ec_transfer_params: _, metrics: __, ...recorded } = recordedJson(name) as Json;
    expect(shapeOf(json)).toEqual(shapeOf(recorded));
  });

  it('streams what it answers whole, usage at the end', async () => {
    const body = { messages: MESSAGES, max_tokens: 20, ignore_eos: true };
    const values = await chatStream(worker.url, { ...body, stream_options: { include_usage: true } });
    const whole = await chat(worker.url, body);
    expect(gathered(values)[0]?.text).toBe(
      (whole.json['choices'] as Json[])[0]?.['message']?.['content' as never],
    );
    const { prompt_tokens, completion_tokens } = values.at(-1)?.['usage'] as Record<string, number>;
    expect(whole.json['usage']).toMatchObject({ prompt_tokens, completion_tokens: 20 });
    expect(completion_tokens).toBe(20);
    expect(shapeOf(values[0])).toEqual(shapeOf(recordedStream('chat-stream')[0]));
  });

  it('tells how much of a prompt it had', async () => {
    const first = await chat(worker.url, { messages: MESSAGES, max_tokens: 4 });
    const again = await chat(worker.url, { messages: MESSAGES, max_tokens: 4 });
    const { prompt_tokens: prompt } = first.json['usage'] as { prompt_tokens: number };
    expect(details(first.json).cached_tokens).toBe(0);
    expect(details(again.json).cached_tokens).toBe(Math.floor((prompt - 1) / 16) * 16);
  });

  it('writes calls that fit their schema, when they must come', async () => {
    const required = await chat(worker.url, { tools: TOOLS, tool_choice: 'required', max_tokens: 100 });
    const [choice] = required.json['choices'] as { finish_reason: string; message: Json }[];
    expect(choice?.finish_reason).toBe('tool_calls');
    const [call] = choice?.message['tool_calls'] as { function: { name: string; arguments: string } }[];
    expect([call?.function.name, JSON.parse(call?.function.arguments ?? '')]).toEqual([
      'get_weather',
      { city: '' },
    ]);
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const format = { type: 'json_schema', json_schema: { name: 'x', schema } };
    const structured = await chat(worker.url, { response_format: format, max_tokens: 100 });
    const [answer] = structured.json['choices'] as { message: { content: string } }[];
    expect(JSON.parse(answer?.message.content ?? '')).toEqual({ n: 0 });
  });

  it('ends at a stop string, and at the bound', async () => {
    const free = await chat(worker.url, { messages: MESSAGES, max_tokens: 40, ignore_eos: true });
    const [{ message, finish_reason }] = free.json['choices'] as [
      { message: { content: string }; finish_reason: string },
    ];
    expect([finish_reason, (free.json['usage'] as Json)['completion_tokens']]).toEqual(['length', 40]);
    const stop = message.content.split(' ')[5] as string;
    const stopped = await chat(worker.url, {
      messages: MESSAGES,
      max_tokens: 40,
      ignore_eos: true,
      stop: [stop],
    });
    const [end] = stopped.json['choices'] as [{ message: { content: string }; finish_reason: string }];
    expect(end.finish_reason).toBe('stop');
    expect(message.content.startsWith(end.message.content)).toBe(true);
    expect(end.message.content).not.toContain(stop);
  });

  it('answers `n` times, plain prompts, and token ids beside a chat', async () => {
    const twice = await chat(worker.url, { n: 2, max_tokens: 3 });
    expect(twice.json['choices']).toHaveLength(2);
    const plain = await post(`${worker.url}/v1/completions`, {
      prompt: 'Once upon',
      max_tokens: 3,
      stream: true,
    });
    expect(plain.text.endsWith('data: [DONE]\n\n')).toBe(true);
    const given = await chat(worker.url, { prompt_token_ids: [1, 2, 1_000], max_tokens: 3 });
    expect((given.json['usage'] as Json)['prompt_tokens']).toBe(3);
  });

  it('refuses as vLLM does', async () => {
    const unknown = await chat(worker.url, { model: 'gpt-9' });
    expect(unknown).toMatchObject({ status: 404, json: { error: { type: 'NotFoundError', code: 404 } } });
    const long = await chat(worker.url, { messages: [{ role: 'user', content: 'word '.repeat(3_000) }] });
    expect(long).toMatchObject({
      status: 400,
      json: { error: { type: 'BadRequestError', param: 'input_tokens' } },
    });
    const broken = await post(`${worker.url}/v1/chat/completions`, '{"messages": [');
    expect(broken.status).toBe(400);
    const grammar = await chat(worker.url, { structured_outputs: { grammar: 'root ::= root' } });
    expect(grammar).toMatchObject({ status: 400, json: { error: { type: 'BadRequestError' } } });
  });

  it('tokenizes as the gateway does, and back', async () => {
    const { template, tokenizer } = simulatedPromptModel();
    const { json } = await post(`${worker.url}/tokenize`, {
      messages: MESSAGES,
      add_generation_prompt: true,
    });
    const { renderChat } = await import('../../../src/model/chat-template.js');
    const messages = MESSAGES as { role: 'user'; content: string }[];
    const ours = tokenizer.encode(renderChat(template, { messages, tools: [], addGenerationPrompt: true }));
    expect(json['tokens']).toEqual([...ours]);
    const back = await post(`${worker.url}/detokenize`, { tokens: json['tokens'] });
    expect(back.json['prompt']).toBe(`<|user|>${MESSAGES[0]?.content}<|assistant|>`);
  });

  it('says what it is and how it does', async () => {
    await chat(worker.url, { max_tokens: 5 });
    expect((await get(`${worker.url}/health`)).status).toBe(200);
    expect((await get(`${worker.url}/version`)).json).toMatchObject({ engine: 'simulator' });
    const models = (await get(`${worker.url}/v1/models`)).json['data'] as Json[];
    expect(models[0]).toMatchObject({ id: 'glm-5.1', max_model_len: 2_048 });
    const { text } = await get(`${worker.url}/metrics`);
    expect(text).toContain('vllm:generation_tokens_total{engine="0",model_name="glm-5.1"} 5');
    expect(text).toContain('vllm:num_preemptions_total');
    expect(text).toContain('num_gpu_blocks="100"');
  });
});

describe('a client that leaves', () => {
  it('frees its place: the next one waits no longer', async () => {
    const clock = new ManualClock();
    worker = await open(clock, { maxRunning: 1 });
    const abort = new AbortController();
    const body = JSON.stringify({ messages: MESSAGES, max_tokens: 1_000, ignore_eos: true, stream: true });
    const url = `${worker.url}/v1/chat/completions`;
    const gone = fetch(url, { method: 'POST', body, signal: abort.signal });
    await vi.waitFor(() => expect(worker.core.stats().waiting).toBe(1));
    clock.advance(50);
    expect(worker.core.stats().running).toBe(1);
    const response = await gone;
    expect(response.status).toBe(200);
    abort.abort();
    await vi.waitFor(() => expect(worker.core.stats()).toMatchObject({ running: 0, blocksUsed: 0 }));
  });
});

describe('priorities', () => {
  it('are the other way round on the wire: lower first', async () => {
    const clock = new ManualClock();
    worker = await open(clock, { maxRunning: 1 });
    const ended: string[] = [];
    const asked: Promise<unknown>[] = [];
    const ask = async (name: string, priority: number, inside: number) => {
      const messages = [{ role: 'user', content: `${name} asks` }];
      asked.push(chat(worker.url, { messages, max_tokens: 3, priority }).then(() => ended.push(name)));
      await vi.waitFor(() => {
        const { running, waiting } = worker.core.stats();
        expect(running + waiting).toBe(inside);
      });
    };
    await ask('running', 0, 1);
    clock.advance(1);
    await ask('late', 7, 2);
    await ask('plain', 0, 3);
    await ask('urgent', -3, 4);
    for (let turn = 0; ended.length < 4 && turn < 1_000; turn++) {
      clock.advance(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(asked);
    expect(ended).toEqual(['running', 'urgent', 'plain', 'late']);
  });
});

describe('events', () => {
  it('are published as they happen, and say where they are', async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-sim-'));
    const events = { events: `ipc://${dir}/e`, replay: `ipc://${dir}/r`, topic: 'kv@w0' };
    worker = await open(fastClock(), { events });
    const subscriber = new Subscriber({ linger: 0, receiveTimeout: 5_000 });
    try {
      subscriber.subscribe('');
      subscriber.connect(events.events);
      const sources = (await get(`${worker.url}/kv_event_sources`)).json['0'];
      expect(sources).toMatchObject({
        endpoint: events.events,
        replay_endpoint: events.replay,
        topic: 'kv@w0',
      });
      const seen: KvEvent[] = [];
      const reading = (async () => {
        for await (const frames of subscriber) {
          const payload = frames[2];
          if (payload === undefined) continue;
          seen.push(...decodeBatch(payload).events);
          if (seen.some(({ type }) => type === 'stored')) return;
        }
      })();
      // A PUB socket forgets what it sends before it knows of its subscriber.
      await vi.waitFor(async () => {
        await post(`${worker.url}/reset_prefix_cache`, '');
        expect(seen.length).toBeGreaterThan(0);
      });
      await chat(worker.url, { messages: MESSAGES, max_tokens: 4 });
      await reading;
      expect(seen.at(-1)).toMatchObject({ type: 'stored', parent: null, blockTokens: 16 });
    } finally {
      subscriber.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
