/** `/v1/responses` over a WebSocket: the same answers as over HTTP, chains without `store`, bounds, and who may come in. */
import { once } from 'node:events';
import http from 'node:http';
import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import type { StreamSink, WorkerLink } from '../../src/link/types.js';
import { type GatewayOptions, startGateway, type TestGateway } from './support/harness.js';
import type { Exchange } from './support/scripted-engine.js';
import { refusal, responseIdOf, type SocketEvent, TestSocket } from './support/socket.js';

let gateway: TestGateway;
const sockets: TestSocket[] = [];

afterEach(async () => {
  vi.useRealTimers();
  for (const socket of sockets.splice(0)) socket.close();
  await gateway.close();
});

async function start(options: GatewayOptions = {}): Promise<TestSocket> {
  gateway = await startGateway(options);
  return connect();
}

async function connect(headers: Record<string, string> = {}): Promise<TestSocket> {
  const socket = await TestSocket.open(gateway.url, headers);
  sockets.push(socket);
  return socket;
}

const typesOf = (events: readonly SocketEvent[]) => events.map(({ type }) => type);

const errorOf = (events: readonly SocketEvent[]) => {
  const { type, status, error } = events.at(-1) as SocketEvent & { status: number; error: { code: string } };
  return { type, status, code: error.code };
};

describe('an answer', () => {
  it('is the events of the stream over HTTP, one message each', async () => {
    const socket = await start({ scripts: [({ say }) => say('Hel', 'lo')] });
    const events = await socket.turn({ input: 'hi' });
    const streamed = await gateway.post('/v1/responses', { model: 'test-model', input: 'hi', stream: true });
    const types = [...(await streamed.text()).matchAll(/^event: (.+)$/gm)].map(([, type]) => type);
    expect(typesOf(events)).toEqual(types);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.at(-1)?.['response']).toMatchObject({ status: 'completed', store: false });
  });

  it('comes through the official client', async () => {
    gateway = await startGateway({ scripts: [({ say }) => say('Hel', 'lo')] });
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none' });
    const socket = new ResponsesWS(client);
    const text = await new Promise<string>((resolve, reject) => {
      socket.on('response.completed', ({ response }) => {
        const [message] = response.output;
        resolve(message?.type === 'message' ? JSON.stringify(message.content) : '');
      });
      socket.on('error', reject);
      socket.send({ type: 'response.create', model: 'test-model', input: 'hi' });
    });
    socket.close();
    expect(text).toContain('Hello');
  });

  it('waits for the one before it', async () => {
    const held: Exchange[] = [];
    const socket = await start({ scripts: [(exchange) => void held.push(exchange)] });
    socket.create({ input: 'first' });
    socket.create({ input: 'second' });
    await vi.waitFor(() => expect(held).toHaveLength(1));
    held[0]?.say('one');
    const first = await socket.turn();
    await vi.waitFor(() => expect(held).toHaveLength(2));
    held[1]?.say('two');
    const second = await socket.turn();
    expect([first, second].map((events) => JSON.stringify(events.at(-1)))).toEqual([
      expect.stringContaining('"one"'),
      expect.stringContaining('"two"'),
    ]);
  });

  it('that breaks off ends in response.failed, and the connection goes on', async () => {
    const held: Exchange[] = [];
    const socket = await start({ scripts: [(exchange) => void held.push(exchange)] });
    socket.create({ input: 'hi' });
    await vi.waitFor(() => expect(held).toHaveLength(1));
    held[0]?.delta({ content: 'half' });
    while ((await socket.next()).type !== 'response.output_text.delta');
    held[0]?.response.destroy();
    const events = await socket.turn();
    expect(typesOf(events).at(-1)).toBe('response.failed');
    expect(events.at(-1)?.['response']).toMatchObject({ status: 'failed', error: { code: 'engine_lost' } });
    socket.create({ input: 'hi' });
    await vi.waitFor(() => expect(held).toHaveLength(2));
    held[1]?.say('well');
    expect(typesOf(await socket.turn()).at(-1)).toBe('response.completed');
  });

  it('is cancelled at the engine when the client goes', async () => {
    const socket = await start({ scripts: [({ delta }) => delta({ content: 'on and on' })] });
    socket.create({ input: 'hi' });
    await socket.next();
    socket.close();
    await gateway.told('request.cancelled');
    await vi.waitFor(() => expect(gateway.engines[0]?.cancelled).toBe(1));
  });

  it('pauses the engine while the client does not read, and loses nothing', async () => {
    const calls: string[] = [];
    const sinks: StreamSink[] = [];
    const socket = await start({ link: () => silentLink(sinks, calls) });
    socket.create({ input: 'hi' });
    await vi.waitFor(() => expect(sinks).toHaveLength(1));
    socket.raw.pause();
    sinks[0]?.onEvent({ type: 'start', engineId: 'x' });
    const piece = 'x'.repeat(100_000);
    let pieces = 0;
    while (!calls.includes('pause') && pieces < 1_000) {
      sinks[0]?.onEvent({ type: 'text', choice: 0, text: piece });
      pieces += 1;
      if (pieces % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(calls).toEqual(['pause']);
    socket.raw.resume();
    await vi.waitFor(() => expect(calls).toContain('resume'));
    sinks[0]?.onEvent({ type: 'finish', choice: 0, reason: 'stop' });
    sinks[0]?.onEvent({ type: 'done' });
    const deltas = (await socket.turn()).filter(({ type }) => type === 'response.output_text.delta');
    expect(deltas).toHaveLength(pieces);
  });
});

describe('a chain without store', () => {
  it('goes on from the connection it began on, and sends the engine all of it', async () => {
    const socket = await start({ scripts: [({ say }) => say('Noted.')] });
    const first = responseIdOf(await socket.turn({ input: 'The word is cobalt.' }));
    await socket.turn({ previous_response_id: first, input: 'Which word?' });
    expect(gateway.engines[0]?.bodies[1]?.['messages']).toEqual([
      { role: 'user', content: 'The word is cobalt.' },
      { role: 'assistant', content: 'Noted.' },
      { role: 'user', content: 'Which word?' },
    ]);
  });

  it('is unknown to any other connection and over HTTP', async () => {
    const socket = await start();
    const first = responseIdOf(await socket.turn({ input: 'hi' }));
    const missing = { type: 'error', status: 400, code: 'previous_response_not_found' };
    const again = { previous_response_id: first, input: 'again' };
    expect(errorOf(await (await connect()).turn(again))).toEqual(missing);
    const over = await gateway.post('/v1/responses', { model: 'test-model', ...again });
    expect([over.status, JSON.stringify(await over.json())]).toEqual([
      400,
      expect.stringContaining('previous_response_not_found'),
    ]);
  });

  it('is forgotten when going on from it fails', async () => {
    const socket = await start();
    const first = responseIdOf(await socket.turn({ input: 'hi' }));
    const stray = { type: 'function_call_output', call_id: 'call_x', output: 'never asked for' };
    expect(errorOf(await socket.turn({ previous_response_id: first, input: [stray] }))).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
    expect(errorOf(await socket.turn({ previous_response_id: first, input: 'again' })).code).toBe(
      'previous_response_not_found',
    );
  });

  it('is remembered for the last few responses only', async () => {
    const socket = await start();
    const ids: string[] = [];
    for (let turn = 0; turn <= LIMITS.socketResponses; turn += 1)
      ids.push(responseIdOf(await socket.turn({ input: 'hi' })));
    const [oldest = '', second = ''] = ids;
    expect(typesOf(await socket.turn({ previous_response_id: oldest, input: 'go on' }))).toEqual(['error']);
    expect(typesOf(await socket.turn({ previous_response_id: second, input: 'go on' })).at(-1)).toBe(
      'response.completed',
    );
  });
});

describe('a prewarm', () => {
  it('computes the prompt, says nothing, and can be gone on from', async () => {
    const socket = await start({ scripts: [({ say }) => say('x')] });
    const tools = [{ type: 'function', name: 'f', parameters: { type: 'object' } }];
    const warm = await socket.turn({ instructions: 'Be brief.', input: [], tools, generate: false });
    expect(typesOf(warm)).toEqual(['response.created', 'response.in_progress', 'response.completed']);
    expect(warm.at(-1)?.['response']).toMatchObject({
      status: 'completed',
      output: [],
      usage: { input_tokens: 20, output_tokens: 0 },
    });
    const body = gateway.engines[0]?.bodies[0];
    expect(body).toMatchObject({ max_tokens: 1, tools: [{ function: { name: 'f' } }] });
    await socket.turn({
      previous_response_id: responseIdOf(warm),
      instructions: 'Be brief.',
      tools,
      input: 'hi',
    });
    const [system] = body?.['messages'] as unknown[];
    expect(gateway.engines[0]?.bodies[1]?.['messages']).toEqual([system, { role: 'user', content: 'hi' }]);
  });
});

describe('a message', () => {
  it('that is wrong is told so, and the connection goes on', async () => {
    const socket = await start();
    const said: unknown[] = [];
    for (const wrong of ['{"type": "resp', '[]', { type: 'session.update' }]) {
      socket.send(wrong);
      said.push(errorOf([await socket.next()]));
    }
    socket.raw.send(Buffer.from('{}'), { binary: true });
    said.push(errorOf([await socket.next()]));
    socket.create({ model: 'other', input: 'hi' });
    said.push(errorOf([await socket.next()]));
    expect(said).toEqual([
      { type: 'error', status: 400, code: 'invalid_json' },
      { type: 'error', status: 400, code: 'invalid_request' },
      { type: 'error', status: 400, code: 'invalid_request' },
      { type: 'error', status: 400, code: 'unsupported' },
      { type: 'error', status: 404, code: 'model_not_found' },
    ]);
    expect(typesOf(await socket.turn({ input: 'hi' })).at(-1)).toBe('response.completed');
  });

  it('that only acknowledges is answered by nothing', async () => {
    const socket = await start();
    socket.send({ type: 'response.processed', response_id: 'resp_x' });
    expect(typesOf(await socket.turn({ input: 'hi' }))[0]).toBe('response.created');
  });

  it('over the bound of a body closes the connection with 1009', async () => {
    const socket = await start({ config: { bodyBytes: 10_000 } });
    socket.create({ input: 'x'.repeat(20_000) });
    expect((await socket.closed).code).toBe(1009);
  });

  it('beyond those that may wait is refused, the others are answered', async () => {
    const held: Exchange[] = [];
    const socket = await start({ scripts: [(exchange) => void held.push(exchange)] });
    for (let sent = 0; sent < LIMITS.socketQueueMax + 2; sent += 1) socket.create({ input: `turn ${sent}` });
    expect(await socket.next()).toMatchObject({
      status: 529,
      error: { code: 'rate_limit_exceeded' },
      headers: { 'retry-after': '1' },
    });
    for (let turn = 0; turn <= LIMITS.socketQueueMax; turn += 1) {
      await vi.waitFor(() => expect(held).toHaveLength(turn + 1));
      held[turn]?.say('ok');
      expect(typesOf(await socket.turn()).at(-1)).toBe('response.completed');
    }
  });
});

describe('a handshake', () => {
  const open = async (headers: Record<string, string>) => (await connect(headers)).raw.readyState;

  it('needs the key, on every connection', async () => {
    gateway = await startGateway({ config: { apiKeys: ['sesame'] } });
    const { status, body } = await refusal(`${gateway.url}/v1/responses`);
    expect([status, body.error.code]).toEqual([401, 'invalid_api_key']);
    expect(await open({ authorization: 'Bearer sesame' })).toBe(1);
    expect(await open({ 'x-api-key': 'sesame' })).toBe(1);
  });

  it('under a foreign name or from a foreign web page is refused', async () => {
    gateway = await startGateway();
    const url = `${gateway.url}/v1/responses`;
    const { host } = new URL(gateway.url);
    expect((await refusal(url, { host: 'evil.example' })).status).toBe(403);
    expect((await refusal(url, { origin: 'https://evil.example' })).body.error.code).toBe('forbidden_origin');
    expect((await refusal(url, { origin: 'null' })).status).toBe(403);
    expect(await open({ origin: `http://${host}` })).toBe(1);
  });

  it('anywhere else finds nothing', async () => {
    gateway = await startGateway();
    expect((await refusal(`${gateway.url}/v1/messages`)).status).toBe(404);
  });

  it('for a protocol nobody serves is answered as a plain request', async () => {
    gateway = await startGateway();
    const body = JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'hi' }] });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () =>
      new Promise<string>((resolve, reject) => {
        const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AA' };
        const request = http.request(
          `${gateway.url}/v1/chat/completions`,
          { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
          async (answer) => {
            let text = '';
            for await (const chunk of answer) text += chunk;
            resolve(`${answer.statusCode} ${text}`);
          },
        );
        request.on('error', reject);
        request.end(body);
      });
    expect(await ask()).toMatch(/^200 .*"content":"Hi"/);
    agent.destroy();
  });
});

describe('a kept response', () => {
  it('is nobody else’s, over HTTP and over a socket', async () => {
    gateway = await startGateway({ config: { apiKeys: ['alice', 'bob'] } });
    const alice = { authorization: 'Bearer alice' };
    const bob = { authorization: 'Bearer bob' };
    const made = await gateway.post('/v1/responses', { model: 'test-model', input: 'secret' }, alice);
    const { id } = (await made.json()) as { id: string };
    const read = async (headers: Record<string, string>, method = 'GET') =>
      (await fetch(`${gateway.url}/v1/responses/${id}`, { method, headers })).status;
    expect([
      await read(bob),
      await read(bob, 'DELETE'),
      await read({ ...bob, 'x-api-key': 'alice' }),
    ]).toEqual([404, 404, 404]);
    const again = { previous_response_id: id, input: 'go on' };
    expect((await gateway.post('/v1/responses', { model: 'test-model', ...again }, bob)).status).toBe(400);
    expect(typesOf(await (await connect(bob)).turn(again))).toEqual(['error']);
    expect(typesOf(await (await connect(alice)).turn(again)).at(-1)).toBe('response.completed');
    expect(await read(alice)).toBe(200);
  });
});

describe('a connection', () => {
  it('whose message never becomes whole is closed, one that is slow in small things is not', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const socket = await start({ config: { bodyBytes: 1_000_000 } });
    const other = await connect();
    socket.raw.send('x'.repeat(LIMITS.socketPartialBytes * 2), { fin: false });
    other.raw.send('{"type":', { fin: false });
    let beats = 0;
    while (socket.raw.readyState === socket.raw.OPEN && beats < 20) {
      beats += 1;
      vi.advanceTimersByTime(LIMITS.pingIntervalMs);
      await once(other.raw, 'ping');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(beats * LIMITS.pingIntervalMs).toBeGreaterThan(LIMITS.bodyTimeoutMs);
    expect((await socket.closed).code).toBe(1008);
    other.raw.send('"response.processed"}');
    expect(typesOf(await other.turn({ input: 'hi' })).at(-1)).toBe('response.completed');
  });

  it('that is idle is told when the gateway closes, one at work may finish first', async () => {
    const held: Exchange[] = [];
    const idle = await start({ scripts: [(exchange) => void held.push(exchange)] });
    const busy = await connect();
    busy.create({ input: 'hi' });
    busy.create({ input: 'too late' });
    await vi.waitFor(() => expect(held).toHaveLength(1));
    const closing = gateway.gateway.close({ graceMs: 5_000 });
    expect((await idle.closed).code).toBe(1001);
    expect(errorOf([await busy.next()])).toMatchObject({ status: 503, code: 'draining' });
    held[0]?.say('done');
    expect(typesOf(await busy.turn()).at(-1)).toBe('response.completed');
    expect((await busy.closed).code).toBe(1001);
    await closing;
    expect(gateway.of('request.finished')).toHaveLength(1);
  });

  it('is pinged, and broken off when it answers no more', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const socket = await start();
    const pings = vi.fn();
    socket.raw.on('ping', pings);
    vi.advanceTimersByTime(LIMITS.pingIntervalMs);
    await vi.waitFor(() => expect(pings).toHaveBeenCalledTimes(1));
    socket.raw.pause();
    for (let beat = 0; beat <= LIMITS.socketPongsMissed + 1; beat += 1)
      vi.advanceTimersByTime(LIMITS.pingIntervalMs);
    socket.raw.resume();
    expect((await socket.closed).code).toBe(1006);
  });
});

function silentLink(sinks: StreamSink[], calls: string[]): WorkerLink {
  return {
    worker: 'w0',
    url: '',
    stream: (_path, _body, sink) => {
      sinks.push(sink);
      return {
        pause: () => calls.push('pause'),
        resume: () => calls.push('resume'),
        cancel: () => calls.push('cancel'),
      };
    },
    json: async () => ({}),
    text: async () => '',
    close: async () => {},
  };
}
