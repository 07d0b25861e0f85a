/** The worker as a real process with the default model: everything the stack asks of it, and each way it ends. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Dealer, Subscriber } from 'zeromq';
import { embeddedAdapter } from '../../../src/engines/embedded/adapter.js';
import type { KvEvent } from '../../../src/link/kv-event.js';
import { decodeBatch } from '../../../src/link/kv-events.js';
import { renderChat } from '../../../src/model/chat-template.js';
import { loadLocalModel } from '../../../src/model/local-model.js';
import { testModelPath } from './core/real-model.js';
import { problems } from './grammar/validate.js';
import { chat, chatStream, gathered, get, type Json, post } from './server/worker-client.js';
import { startWorker, type WorkerProcess } from './worker-process.js';

// Prefill of hundreds of tokens takes seconds where other programs compute too.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-worker-'));
const EVENTS = `ipc://${dir}/events`;
const REPLAY = `ipc://${dir}/replay`;
const argsOf = (...more: string[]): string[] => [
  ...['--model', testModelPath(), '--model-sha256', createHash('sha256').update('x').digest('hex')],
  ...['--served-name', 'smollm2', '--context', '1024', '--slots', '2', ...more],
];

let worker: WorkerProcess;
let url: string;
let subscriber: Subscriber;
const batches: { sequence: bigint; events: KvEvent[] }[] = [];

beforeAll(async () => {
  worker = startWorker(argsOf('--events', EVENTS, '--replay', REPLAY, '--topic', 'kv@w0'));
  url = await worker.ready();
  subscriber = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
  subscriber.subscribe('kv@w0');
  subscriber.connect(EVENTS);
  void collect();
});

afterAll(async () => {
  subscriber.close();
  await worker.close();
  rmSync(dir, { recursive: true, force: true });
});

async function collect(): Promise<void> {
  for await (const [, sequence, payload] of subscriber) {
    batches.push({ sequence: sequence!.readBigUInt64BE(), events: decodeBatch(payload!).events });
  }
}

const GREEDY = { temperature: 0 };
const user = (content: string): Json => ({ messages: [{ role: 'user', content }] });
const textOf = (json: Json): string =>
  ((json['choices'] as Json[])[0]?.['message'] as { content: string }).content;
const usageOf = (json: Json) =>
  json['usage'] as {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details: { cached_tokens: number; created_cache_tokens: number };
  };

const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 30 }, unit: { enum: ['celsius', 'fahrenheit'] } },
  required: ['city'],
  additionalProperties: false,
};
const tools = [
  {
    type: 'function',
    function: { name: 'get_weather', description: 'Weather of a city', parameters: WEATHER },
  },
];

describe('a worker that is ready', () => {
  it('told how far it was', () => {
    expect(worker.lines).toEqual(['phase weights', 'phase warming', `phase ready ${url}`]);
    expect(worker.stderr()).toBe('');
    expect(worker.lines.map((line) => embeddedAdapter.phaseOf(line)?.name)).toEqual([
      'weights',
      'warming',
      'ready',
    ]);
  });

  it('is healthy, has counted nothing yet, and shows its context', async () => {
    expect((await get(url + embeddedAdapter.healthPath)).status).toBe(200);
    expect((await get(`${url}/metrics`)).text).toMatch(/vllm:prompt_tokens_total\{[^}]*\} 0\n/);
    expect((await get(`${url}/v1/models`)).json['data']).toMatchObject([
      { id: 'smollm2', max_model_len: 1_024 },
    ]);
  });

  it('answers a chat, streamed and whole alike', async () => {
    const body = { ...user('What is the capital of France?'), ...GREEDY, max_tokens: 12 };
    const whole = await chat(url, body);
    expect(whole.json).toMatchObject({ object: 'chat.completion', model: 'smollm2' });
    expect(textOf(whole.json).length).toBeGreaterThan(5);
    const values = await chatStream(url, { ...body, stream_options: { include_usage: true } });
    expect(gathered(values)[0]?.text).toBe(textOf(whole.json));
    expect(usageOf(values.at(-1) as Json).completion_tokens).toBe(usageOf(whole.json).completion_tokens);
  });

  it('sees the very tokens that the prompt room computes', async () => {
    const body = {
      messages: [{ role: 'system', content: 'Be brief.' }, ...(user('Hi 日本 👋')['messages'] as Json[])],
      tools,
    };
    const { json } = await post(`${url}/tokenize`, body);
    const { template, tokenizer } = await loadLocalModel(testModelPath());
    const text = renderChat(template, {
      messages: body.messages as Parameters<typeof renderChat>[1]['messages'],
      tools: tools as Parameters<typeof renderChat>[1]['tools'],
      addGenerationPrompt: true,
    });
    expect(json['tokens']).toEqual(Array.from(tokenizer.encode(text)));
    const { json: answer } = await chat(url, { ...body, max_tokens: 1 });
    expect(usageOf(answer).prompt_tokens).toBe(json['count']);
  });

  it('writes a valid call when one is required', async () => {
    const body = { ...user('What is the weather in Paris?'), tools, tool_choice: 'required', seed: 1 };
    const [choice] = gathered(await chatStream(url, { ...body, max_tokens: 150 }));
    expect(choice).toMatchObject({ text: '', finish: 'tool_calls', calls: [{ name: 'get_weather' }] });
    expect(problems(WEATHER, JSON.parse(choice?.calls[0]?.arguments ?? ''))).toEqual([]);
  });

  it('writes JSON of the schema asked for', async () => {
    const response_format = { type: 'json_schema', json_schema: { name: 'weather', schema: WEATHER } };
    const { json } = await chat(url, {
      ...user('Weather in Rome?'),
      response_format,
      seed: 2,
      max_tokens: 150,
    });
    expect(problems(WEATHER, JSON.parse(textOf(json)))).toEqual([]);
  });

  it('refuses a grammar the library cannot read, and goes on', async () => {
    const { status, json } = await chat(url, {
      ...user('Hi'),
      structured_outputs: { grammar: 'root ::= (' },
    });
    expect([status, (json['error'] as Json)['type']]).toEqual([400, 'BadRequestError']);
    expect((await chat(url, { ...user('Hi'), max_tokens: 1 })).status).toBe(200);
  });

  it('stops at a string the model writes', async () => {
    const body = { ...user('Count from one to nine.'), ...GREEDY, max_tokens: 30 };
    const whole = textOf((await chat(url, body)).json);
    const stop = whole.slice(10, 14);
    const { json } = await chat(url, { ...body, stop });
    expect(textOf(json)).toBe(whole.slice(0, whole.indexOf(stop)));
    expect((json['choices'] as Json[])[0]).toMatchObject({ finish_reason: 'stop', stop_reason: stop });
  });

  it('gives several unlike answers, the same ones for the same seed', async () => {
    const body = { ...user('Say anything.'), n: 2, seed: 5, max_tokens: 8 };
    const answers = async () =>
      ((await chat(url, body)).json['choices'] as Json[]).map(({ message }) => (message as Json)['content']);
    const first = await answers();
    expect(new Set(first).size).toBe(2);
    expect(await answers()).toEqual(first);
  });
});

describe('its cache', () => {
  const prompt = Array.from({ length: 300 }, (_, at) => 1_000 + at);
  const complete = (body: Json = {}) =>
    post(`${url}/v1/completions`, { prompt, max_tokens: 1, ...GREEDY, ...body });
  const storedBlocks = () =>
    batches.flatMap(({ events }) => events).flatMap((event) => (event.type === 'stored' ? [event] : []));

  it('is told by events: each block of a prompt once, with its tokens', async () => {
    const before = storedBlocks().length;
    const { json } = await complete();
    expect(usageOf(json).prompt_tokens_details).toMatchObject({
      cached_tokens: 0,
      created_cache_tokens: 256,
    });
    await vi.waitFor(() => {
      const tokens = storedBlocks()
        .slice(before)
        .flatMap((event) => Array.from(event.tokens));
      expect(tokens).toEqual(prompt.slice(0, 256));
    });
    const [first, ...rest] = storedBlocks().slice(before);
    expect(first).toMatchObject({
      parent: null,
      blockTokens: 64,
      medium: 'GPU',
      group: 0,
      kind: 'full_attention',
    });
    let parent = first?.hashes.at(-1);
    for (const event of rest) {
      expect(event.parent).toBe(parent);
      parent = event.hashes.at(-1);
    }
  });

  it('serves the prompt again, without new events', async () => {
    const before = batches.length;
    const { json } = await complete();
    expect(usageOf(json).prompt_tokens_details.cached_tokens).toBeGreaterThanOrEqual(256);
    expect(usageOf(json).prompt_tokens_details.created_cache_tokens).toBe(0);
    // Events of a later prompt are behind any of this one.
    await complete({ prompt: prompt.map((token) => token + 5_000) });
    await vi.waitFor(() => expect(batches.length).toBeGreaterThan(before));
    const later = batches.slice(before).flatMap(({ events }) => events);
    const again = later.filter((event) => event.type === 'stored' && event.tokens[0] === prompt[0]);
    expect(again).toEqual([]);
  });

  it('keeps salts apart and names them', async () => {
    const { json } = await complete({ cache_salt: 'tenant-a' });
    expect(usageOf(json).prompt_tokens_details.cached_tokens).toBe(0);
    await vi.waitFor(() => expect(storedBlocks().at(-1)).toBeDefined());
    await vi.waitFor(() => {
      const salted = storedBlocks().filter(({ extraKeys }) => extraKeys[0]?.[0] === 'tenant-a');
      expect(salted.length).toBeGreaterThan(0);
    });
  });

  it('is replayed to who missed something, batch for batch', async () => {
    const dealer = new Dealer({ linger: 0, receiveTimeout: 10_000 });
    dealer.connect(REPLAY);
    const [oldest] = batches;
    const start = Buffer.alloc(8);
    start.writeBigUInt64BE(oldest!.sequence);
    await dealer.send([Buffer.alloc(0), start]);
    for (const { sequence, events } of [...batches]) {
      const [, topic, number, payload] = (await dealer.receive()) as Buffer[];
      expect([topic!.toString(), number!.readBigUInt64BE()]).toEqual(['kv@w0', sequence]);
      expect(decodeBatch(payload!).events).toEqual(events);
    }
    dealer.close();
  });

  it('is emptied on demand', async () => {
    expect((await post(`${url}/reset_prefix_cache`, '')).status).toBe(200);
    await vi.waitFor(() => expect(batches.at(-1)?.events.at(-1)).toEqual({ type: 'cleared' }));
    expect((await get(`${url}/metrics`)).text).toMatch(/vllm:kv_cache_usage_perc\{[^}]*\} 0\n/);
    expect(usageOf((await complete()).json).prompt_tokens_details.cached_tokens).toBe(0);
  });
});

describe('a client that goes away', () => {
  it('frees its slot', async () => {
    const request = http.request(`${url}/v1/chat/completions`, { method: 'POST' });
    request.on('error', () => {});
    request.end(JSON.stringify({ ...user('Tell me a very long story.'), stream: true, ignore_eos: true }));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    await once(response, 'data');
    request.destroy();
    await vi.waitFor(async () => {
      const { text } = await get(`${url}/metrics`);
      expect(text).toMatch(/num_requests_running\{[^}]*\} 0\n/);
      expect(text).toMatch(/finished_reason="abort",[^}]*\} 1\n/);
    }, 20_000);
  });
});

describe('the end', () => {
  it('comes with the end of stdin, and leaves no socket', async () => {
    const own = mkdtempSync(path.join(os.tmpdir(), 'dynamo-worker-'));
    const other = startWorker(argsOf('--events', `ipc://${own}/e`, '--replay', `ipc://${own}/r`));
    await other.ready();
    expect(readdirSync(own).sort()).toEqual(['e', 'r']);
    expect(await other.close()).toEqual({ code: 0, signal: null });
    expect(readdirSync(own)).toEqual([]);
    rmSync(own, { recursive: true });
  });

  it('comes with SIGTERM in the middle of an answer', async () => {
    const other = startWorker(argsOf());
    const otherUrl = await other.ready();
    const body = { ...user('Tell me a very long story.'), stream: true, ignore_eos: true };
    const response = await fetch(`${otherUrl}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const reader = response.body!.getReader();
    await reader.read();
    other.child.kill('SIGTERM');
    expect(await other.ended).toEqual({ code: 0, signal: null });
    await expect(drained(reader)).rejects.toThrow();
  });

  it('comes with SIGTERM while it loads', async () => {
    const other = startWorker(argsOf());
    await once(other.child.stdout, 'data');
    other.child.kill('SIGTERM');
    expect(await other.ended).toEqual({ code: 0, signal: null });
  });

  it('of a killed worker leaves sockets that the next one takes over', async () => {
    const own = mkdtempSync(path.join(os.tmpdir(), 'dynamo-worker-'));
    const args = argsOf('--events', `ipc://${own}/e`, '--replay', `ipc://${own}/r`);
    const first = startWorker(args);
    await first.ready();
    first.child.kill('SIGKILL');
    expect(embeddedAdapter.classify(await first.ended, []).code).toBe('out_of_memory');
    expect(existsSync(`${own}/e`)).toBe(true);
    const second = startWorker(args);
    await second.ready();
    expect((await second.close()).code).toBe(0);
    rmSync(own, { recursive: true });
  });
});

describe('a start that fails', () => {
  it.each<[string, () => string[], RegExp, string]>([
    ['without a model', () => ['--port', '0'], /--model FILE is missing/, 'unknown_flag'],
    ['with a flag it does not know', () => argsOf('--speed', '9'), /--speed/, 'unknown_flag'],
    [
      'with a port that is none',
      () => argsOf('--port', '99999'),
      /--port must be a whole number/,
      'unknown_flag',
    ],
    [
      'with a model that is not there',
      () => ['--model', '/nonexistent.gguf'],
      /does not exist/,
      'model_corrupt',
    ],
    [
      'with a file that is no model',
      () => ['--model', import.meta.filename],
      /cannot be used/,
      'model_corrupt',
    ],
  ])('%s says so and ends with 1', async (_, args, sentence, code) => {
    const failing = startWorker(args());
    const exit = await failing.ended;
    expect(exit).toEqual({ code: 1, signal: null });
    expect(failing.stderr()).toMatch(sentence);
    expect(failing.stderr()).not.toMatch(/^\s+at /m);
    expect(embeddedAdapter.classify(exit, failing.stderr().split('\n')).code).toBe(code);
  });

  it('on a port in use says so and ends with 1', async () => {
    const holder = net.createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as net.AddressInfo;
    const failing = startWorker(argsOf('--port', String(port)));
    const exit = await failing.ended;
    expect(exit.code).toBe(1);
    expect(embeddedAdapter.classify(exit, failing.stderr().split('\n')).code).toBe('port_in_use');
    holder.close();
  });
});

async function drained(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}
