/** Routes beside the wire APIs: models, health, metrics, and everything under `/dynamo/v1`. */

import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
afterEach(() => gateway.close());

const user = [{ role: 'user', content: 'hello '.repeat(40) }];
const chat = { model: 'test-model', messages: user };

type Json = Record<string, unknown>;
const get = async (route: string, headers: Record<string, string> = {}) =>
  (await (await fetch(gateway.url + route, { headers })).json()) as Json;

describe('models', () => {
  it('are listed with their true context', async () => {
    gateway = await startGateway();
    const list = (await get('/v1/models')) as { data: Json[] };
    expect(list.data.map(({ id }) => id)).toEqual(['test-model', 'test-alias']);
    expect(list.data[0]).toMatchObject({ max_model_len: 1000, context_length: 1000 });
    expect(list).not.toHaveProperty('models');
    expect(await get('/v1/models?client_version=0.169.0')).toHaveProperty('models');
  });

  it('are found by name, in either shape, or are a 404', async () => {
    gateway = await startGateway();
    expect(await get('/v1/models/test-alias')).toMatchObject({ id: 'test-alias', object: 'model' });
    expect(await get('/v1/models/test-model', { 'anthropic-version': '2023-06-01' })).toMatchObject({
      type: 'model',
      created_at: '2023-11-14T22:13:20.000Z',
    });
    expect((await fetch(`${gateway.url}/v1/models/gpt%2F9`)).status).toBe(404);
  });
});

describe('the calls agents make on the side', () => {
  it('are answered at once', async () => {
    gateway = await startGateway({ config: { apiKeys: ['key'] } });
    for (const route of ['/', '/api/hello']) {
      expect((await fetch(gateway.url + route, { method: 'HEAD' })).status).toBe(200);
    }
    expect((await gateway.post('/api/event_logging/batch', { events: [] })).status).toBe(200);
    expect(gateway.of('request.started')).toHaveLength(0);
  });
});

describe('health', () => {
  it('is live and ready, and has figures for Prometheus', async () => {
    gateway = await startGateway();
    expect(await get('/health')).toMatchObject({ status: 'ready' });
    expect(await get('/live')).toEqual({ status: 'live' });
    await (await gateway.post('/v1/chat/completions', chat)).json();
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/^dynamo_frontend_requests_total\{.*status="success".*\} 1$/m);
  });
});

describe('score', () => {
  it('says what each worker would cost, and changes nothing', async () => {
    gateway = await startGateway({ scripts: [({ say }) => say('a'), ({ say }) => say('b')] });
    const answered = await gateway.post('/v1/chat/completions', chat);
    await answered.json();
    const worker = answered.headers.get('x-dynamo-worker');
    const before = gateway.snapshot().requests;
    const score = (await (await gateway.post('/dynamo/v1/score', chat)).json()) as {
      promptTokens: number;
      workers: { worker: string; predictedTokens: { gpu: number }; cost: number }[];
    };
    expect(score.promptTokens).toBeGreaterThan(50);
    expect(score.workers.map((each) => each.worker).sort()).toEqual(['w0', 'w1']);
    const [known, other] = [
      score.workers.find((each) => each.worker === worker),
      score.workers.find((each) => each.worker !== worker),
    ];
    expect(known?.predictedTokens.gpu).toBeGreaterThan(0);
    expect(other?.predictedTokens.gpu).toBe(0);
    expect(gateway.snapshot().requests).toEqual(before);
    expect(gateway.engines.flatMap(({ bodies }) => bodies)).toHaveLength(1);
  });

  it('takes text and token ids, and refuses what it cannot read', async () => {
    gateway = await startGateway();
    const tokens = (await (await gateway.post('/dynamo/v1/score', { token_ids: [1, 2, 3] })).json()) as Json;
    expect(tokens['promptTokens']).toBe(3);
    expect((await gateway.post('/dynamo/v1/score', { prompt: 'hello' })).status).toBe(200);
    for (const dialect of ['french', 'constructor', '__proto__'])
      expect((await gateway.post('/dynamo/v1/score', { dialect })).status).toBe(400);
    expect((await gateway.post('/dynamo/v1/score', {})).status).toBe(400);
  });
});

describe('prefill', () => {
  it.each([
    ['chat', { messages: user, stream: true, max_tokens: 100 }],
    ['messages', { messages: user, stream: true }],
    ['responses', { input: 'hello', stream: true }],
    ['completions', { prompt: 'hello', n: 3 }],
  ])('of a %s body asks for one token and answers when it is there', async (dialect, body) => {
    gateway = await startGateway();
    const answer = await gateway.post('/dynamo/v1/prefill', { ...body, dialect });
    expect(await answer.json()).toMatchObject({
      object: 'prefill',
      prompt_tokens: 20,
      cached_tokens: 8,
      worker_id: { decode_worker_id: 'w0' },
    });
    expect(gateway.engines[0]?.bodies[0]).toMatchObject({ max_tokens: 1 });
    expect(gateway.engines[0]?.bodies[0]).not.toHaveProperty('n');
  });
});

describe('explain', () => {
  it('gives the decision and the hints it was made with', async () => {
    gateway = await startGateway();
    const nvext = { agent_hints: { priority: 3, speculative_prefill: true, osl: 40 } };
    const headers = { 'x-dynamo-session-id': 's1' };
    const answer = await gateway.post('/v1/chat/completions', { ...chat, nvext }, headers);
    await answer.json();
    expect(await get(`/dynamo/v1/requests/${answer.headers.get('x-request-id')}`)).toMatchObject({
      worker: 'w0',
      policy: 'kv',
      request: {
        dialect: 'chat',
        session: { id: 's1' },
        hints: { priority: 3, speculativePrefill: true, osl: 40 },
      },
    });
    expect((await fetch(`${gateway.url}/dynamo/v1/requests/unknown`)).status).toBe(404);
  });
});

describe('snapshot, cache and events', () => {
  it('tell the state', async () => {
    gateway = await startGateway();
    expect(await get('/dynamo/v1/snapshot')).toMatchObject({ version: 1, stack: { name: 'test' } });
    expect(await get('/dynamo/v1/cache')).toHaveProperty('tiers');
  });

  it('send each event as it happens until the listener leaves', async () => {
    gateway = await startGateway();
    const stream = await fetch(`${gateway.url}/dynamo/v1/events`);
    const reader = stream.body!.getReader();
    await (await gateway.post('/v1/chat/completions', chat)).json();
    let text = '';
    while (!text.includes('request.finished')) text += new TextDecoder().decode((await reader.read()).value);
    const types = [...text.matchAll(/^data: (.*)$/gm)].map(
      ([, data]) => (JSON.parse(data ?? '') as Json)['type'],
    );
    expect(types).toContain('request.started');
    await reader.cancel();
  });

  it('cut off a listener that does not read', async () => {
    gateway = await startGateway();
    const { port } = new URL(gateway.url);
    const answer = await new Promise<http.IncomingMessage>((resolve) =>
      http.get({ port, path: '/dynamo/v1/events', headers: { host: 'localhost' } }, resolve),
    );
    answer.pause();
    answer.on('error', () => {});
    const closed = new Promise((resolve) => answer.once('close', resolve));
    const message = 'x'.repeat(2_000);
    const flood = () => {
      for (let index = 0; index < 4_000; index += 1) gateway.emit({ type: 'warning', code: 'test', message });
    };
    for (let rounds = 0; rounds < 10 && gateway.listeners() > 0; rounds += 1) flood();
    expect(gateway.listeners()).toBe(0);
    answer.resume();
    await closed;
    expect(LIMITS.eventBacklog).toBeLessThan(40_000);
  });
});

describe('the admin socket', () => {
  it('serves the same reads without key and Host check', async () => {
    gateway = await startGateway({ config: { apiKeys: ['key'] } });
    const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-gw-'));
    const socketPath = path.join(dir, 'admin.sock');
    const server = http.createServer(gateway.gateway.adminListener);
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const status = await new Promise<number>((resolve) =>
      http.get({ socketPath, path: '/dynamo/v1/snapshot' }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      }),
    );
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(dir, { recursive: true, force: true });
    expect(status).toBe(200);
  });
});

describe('concurrency', () => {
  it('keeps answers of many streams apart', async () => {
    gateway = await startGateway({
      scripts: [
        ({ body, say }) => {
          const [first] = body['messages'] as { content: string }[];
          say('you said ', first?.content ?? '');
        },
      ],
    });
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const messages = [{ role: 'user', content: `number ${index}` }];
        const route = index % 2 === 0 ? '/v1/chat/completions' : '/v1/messages';
        const body = { ...chat, messages, max_tokens: 9, stream: index % 3 === 0 };
        return (await gateway.post(route, body)).text();
      }),
    );
    answers.forEach((text, index) => {
      expect(text).toContain(`number ${index}`);
    });
    await vi.waitFor(() => expect(gateway.snapshot().requests.active).toBe(0));
  });
});
