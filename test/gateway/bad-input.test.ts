/** Wrong input of every kind: the right status, in the words of the client's own wire API, and nothing lost. */
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
afterEach(() => gateway.close());

const user = [{ role: 'user', content: 'hi' }];
const chat = { model: 'test-model', messages: user };
const message = { model: 'test-model', max_tokens: 5, messages: user };
const response = { model: 'test-model', input: 'hi' };

interface ErrorBody {
  type?: string;
  error: { type: string; message: string; code?: string; param?: string | null };
  request_id?: string | null;
}

async function failure(path: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await gateway.post(path, body, headers);
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as ErrorBody };
}

describe('a body', () => {
  it('that is not JSON is a 400 in each dialect, without a word of it', async () => {
    gateway = await startGateway();
    for (const path of ['/v1/chat/completions', '/v1/completions', '/v1/responses']) {
      const { status, body } = await failure(path, '{"model": "secret prompt');
      expect([status, body.error.type, body.error.code]).toEqual([
        400,
        'invalid_request_error',
        'invalid_json',
      ]);
      expect(JSON.stringify(body)).not.toContain('secret');
    }
    const { status, body } = await failure('/v1/messages', '{"model": secret');
    expect([status, body.type, body.error.type]).toEqual([400, 'error', 'invalid_request_error']);
    expect(body.request_id).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  it('that is no object is a 400', async () => {
    gateway = await startGateway();
    for (const body of ['[]', '1', 'null', '"x"']) {
      expect((await failure('/v1/chat/completions', body)).status).toBe(400);
    }
  });

  it('nested without end is a 400', async () => {
    gateway = await startGateway();
    const depth = 100_000;
    const schema = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    const body = `{"model":"test-model","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}]}`;
    const { status, body: answer } = await failure('/v1/chat/completions', body);
    expect([status, answer.error.message]).toEqual([400, expect.stringMatching(/deep/)]);
    expect((await gateway.post('/v1/chat/completions', chat)).status).toBe(200);
    expect(gateway.router.bookedLoad('w0')).toMatchObject({ requests: 0 });
  });

  it('over the limit is a 413, told or found out', async () => {
    gateway = await startGateway({ config: { bodyBytes: 10_000 } });
    const large = JSON.stringify({ ...chat, messages: [{ role: 'user', content: 'x'.repeat(200_000) }] });
    expect((await failure('/v1/chat/completions', large)).status).toBe(413);
    const anthropic = await failure('/v1/messages', large);
    expect([anthropic.status, anthropic.body.error.type]).toEqual([413, 'request_too_large']);
    const streamed = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: new Blob([large]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(streamed.status).toBe(413);
    expect((await gateway.post('/v1/chat/completions', chat)).status).toBe(200);
  });

  it('that is compressed is refused with the reason', async () => {
    gateway = await startGateway();
    const { status, body } = await failure('/v1/chat/completions', chat, { 'content-encoding': 'zstd' });
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('zstd')]);
  });
});

describe('a model', () => {
  it('nobody serves is a 404 that names the served one', async () => {
    gateway = await startGateway();
    const openai = await failure('/v1/chat/completions', { ...chat, model: 'gpt-9' });
    expect([openai.status, openai.body.error.code, openai.body.error.param]).toEqual([
      404,
      'model_not_found',
      'model',
    ]);
    expect(openai.body.error.message).toContain('test-model');
    const anthropic = await failure('/v1/messages', { ...message, model: 'claude-9' });
    expect([anthropic.status, anthropic.body.error.type]).toEqual([404, 'not_found_error']);
  });

  it('by its alias, or by any name where that is allowed, is served under the name asked for', async () => {
    gateway = await startGateway({ served: { acceptAnyName: true } });
    for (const model of ['test-alias', 'claude-9']) {
      const answer = await gateway.post('/v1/chat/completions', { ...chat, model });
      expect(((await answer.json()) as { model: string }).model).toBe(model);
    }
    expect(gateway.engines[0]?.bodies.map(({ model }) => model)).toEqual(['test-model', 'test-model']);
  });
});

describe('a prompt', () => {
  const long = [{ role: 'user', content: 'word '.repeat(1_500) }];

  it('longer than the context is refused in the words agents act on', async () => {
    gateway = await startGateway();
    const anthropic = await failure('/v1/messages', { ...message, messages: long });
    expect(anthropic.status).toBe(400);
    expect(anthropic.body.error).toMatchObject({
      type: 'invalid_request_error',
      message: expect.stringMatching(/^prompt is too long: \d+ tokens > 1000 maximum$/),
    });
    for (const [path, body] of [
      ['/v1/chat/completions', { ...chat, messages: long }],
      ['/v1/responses', { ...response, input: long }],
    ] as const) {
      const openai = await failure(path, body);
      expect([openai.status, openai.body.error.code]).toEqual([400, 'context_length_exceeded']);
    }
    expect(gateway.engines[0]?.bodies).toHaveLength(0);
    expect(gateway.of('request.rejected').map(({ code }) => code)).toEqual(Array(3).fill('prompt_too_long'));
  });

  it('that fits has its output bound clamped to what is left', async () => {
    gateway = await startGateway();
    const messages = [{ role: 'user', content: 'word '.repeat(700) }];
    await gateway.post('/v1/messages', { ...message, messages, max_tokens: 32_000 });
    const sent = gateway.engines[0]?.bodies[0]?.['max_tokens'] as number;
    expect(sent).toBeGreaterThan(50);
    expect(sent).toBeLessThan(150);
  });
});

describe('a field', () => {
  it.each([
    ['temperature', { temperature: 9 }],
    ['top_p', { top_p: 'high' }],
    ['n', { n: 0 }],
    ['max_tokens', { max_tokens: -1 }],
    ['messages', { messages: [] }],
    ['messages[0].role', { messages: [{ role: 'robot', content: 'x' }] }],
    ['tools[0].function', { tools: [{ type: 'function' }] }],
    ['nvext.agent_hints.priority', { nvext: { agent_hints: { priority: 2 ** 31 } } }],
    ['nvext.agent_hints.strict_priority', { nvext: { agent_hints: { strict_priority: -1 } } }],
    ['nvext.agent_hints.osl', { nvext: { agent_hints: { osl: 1.5 } } }],
    ['nvext.cache_control.ttl', { nvext: { cache_control: { type: 'ephemeral', ttl: 'soon' } } }],
  ])('%s out of range is a 400 that names it', async (param, fields) => {
    gateway = await startGateway();
    const { status, body } = await failure('/v1/chat/completions', { ...chat, ...fields });
    expect([status, body.error.param]).toEqual([400, param]);
  });

  it('Messages cannot do without is asked for, except where nothing is generated', async () => {
    gateway = await startGateway();
    const { max_tokens, ...open } = message;
    const { status, body } = await failure('/v1/messages', open);
    expect([status, body.error.message]).toEqual([400, 'max_tokens: is required']);
    expect(max_tokens).toBe(5);
    expect((await gateway.post('/v1/messages/count_tokens', open)).status).toBe(200);
    expect((await gateway.post('/dynamo/v1/score', { ...open, dialect: 'messages' })).status).toBe(200);
  });

  it('of a header out of range names the header', async () => {
    gateway = await startGateway();
    const headers = { 'x-dynamo-request-priority': 'high' };
    const { status, body } = await failure('/v1/messages', message, headers);
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('x-dynamo-request-priority')]);
  });

  it('that is left out is warned of once, not in every request', async () => {
    gateway = await startGateway();
    const tools = [{ type: 'web_search' }];
    for (let turn = 0; turn < 3; turn += 1) await gateway.post('/v1/responses', { ...response, tools });
    expect(gateway.of('warning').map(({ code }) => code)).toEqual(['tool_ignored']);
  });

  it('nobody knows is ignored', async () => {
    gateway = await startGateway();
    const odd = { context_management: { edits: [] }, betas: ['x'], brand_new: { deep: [1] } };
    expect((await gateway.post('/v1/messages', { ...message, ...odd })).status).toBe(200);
    expect((await gateway.post('/v1/chat/completions', { ...chat, ...odd })).status).toBe(200);
    expect((await gateway.post('/v1/responses', { ...response, ...odd })).status).toBe(200);
  });
});

describe('an image', () => {
  it('at an address is refused with the reason; nothing is fetched', async () => {
    gateway = await startGateway();
    const part = { type: 'image_url', image_url: { url: `${gateway.url}/live` } };
    const { status, body } = await failure('/v1/chat/completions', {
      ...chat,
      messages: [{ role: 'user', content: [part] }],
    });
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('data: URL')]);
  });

  it('as a data URL reaches the engine', async () => {
    gateway = await startGateway();
    const part = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
    await gateway.post('/v1/chat/completions', { ...chat, messages: [{ role: 'user', content: [part] }] });
    expect(JSON.stringify(gateway.engines[0]?.bodies[0])).toContain('data:image/png;base64,AAAA');
  });
});

describe('a path', () => {
  it('nobody serves is a 404 in the dialect it belongs to', async () => {
    gateway = await startGateway();
    expect((await failure('/v1/nothing', {})).body.error).toMatchObject({ code: 'not_found' });
    expect((await failure('/v1/messages/nothing', {})).body).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error' },
    });
  });

  it('asked with the wrong method is a 405 that says which', async () => {
    gateway = await startGateway();
    const answer = await fetch(`${gateway.url}/v1/messages`);
    expect(answer.status).toBe(405);
    expect(((await answer.json()) as ErrorBody).type).toBe('error');
  });

  it('may carry a query and a trailing slash', async () => {
    gateway = await startGateway();
    expect((await gateway.post('/v1/messages?beta=true', message)).status).toBe(200);
    expect((await gateway.post('/v1/chat/completions/', chat)).status).toBe(200);
  });
});

describe('a path nobody serves', () => {
  it.each([
    ['/chat/completions', 'Did you mean /v1/chat/completions?'],
    ['/v1/v1/messages', 'Did you mean /v1/messages?'],
    ['/v1/chat/completion', 'Did you mean /v1/chat/completions?'],
    ['/v1/embeddings', 'It serves /v1/chat/completions,'],
    ['/api/generate', 'It serves /v1/chat/completions,'],
    [`/${'x'.repeat(5_000)}`, 'It serves /v1/chat/completions,'],
  ])('says which one was meant: %s', async (path, hint) => {
    gateway = await startGateway();
    const { status, body } = await failure(path, chat);
    expect([status, body.error.code]).toEqual([404, 'not_found']);
    expect(body.error.message).toContain(hint);
    const anthropic = await failure(path, chat, { 'anthropic-version': '2023-06-01' });
    expect([anthropic.body.error.type, anthropic.body.error.message]).toEqual([
      'not_found_error',
      body.error.message,
    ]);
  });

  it('and a key that is missing say what to do', async () => {
    gateway = await startGateway({ config: { apiKeys: ['key'] } });
    const { body } = await failure('/v1/chat/completions', chat);
    expect(body.error.message).toContain('`authorization: Bearer KEY` or `x-api-key: KEY`');
  });
});

describe('access', () => {
  it('needs a key where one is set, in either header', async () => {
    gateway = await startGateway({ config: { apiKeys: ['right', 'also-right'] } });
    const openai = await failure('/v1/chat/completions', chat);
    expect([openai.status, openai.body.error.type]).toEqual([401, 'authentication_error']);
    const anthropic = await failure('/v1/messages', message, { 'x-api-key': 'wrong' });
    expect([anthropic.status, anthropic.body.error.type]).toEqual([401, 'authentication_error']);
    for (const headers of [
      { authorization: 'Bearer right' },
      { 'x-api-key': 'also-right' },
      { authorization: 'Bearer wrong', 'x-api-key': 'right' },
    ]) {
      expect(
        (await gateway.post('/v1/chat/completions', chat, headers as Record<string, string>)).status,
      ).toBe(200);
    }
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
    expect((await fetch(`${gateway.url}/dynamo/v1/snapshot`)).status).toBe(401);
  });

  it('is refused to a page whose name was pointed at this machine', async () => {
    gateway = await startGateway();
    const { port } = new URL(gateway.url);
    const asHost = (host: string) =>
      new Promise<number>((resolve, reject) => {
        http
          .get({ host: '127.0.0.1', port, path: '/v1/models', headers: { host } }, (answer) => {
            answer.resume();
            resolve(answer.statusCode ?? 0);
          })
          .on('error', reject);
      });
    expect(await asHost(`evil.example:${port}`)).toBe(403);
    for (const host of [`localhost:${port}`, '127.0.0.1:1', '[::1]:99', 'localhost'])
      expect(await asHost(host)).toBe(200);
  });

  it('is bounded in header bytes', async () => {
    gateway = await startGateway();
    const { port } = new URL(gateway.url);
    const status = await new Promise<string>((resolve) => {
      const socket = net.connect(Number(port), '127.0.0.1', () => {
        socket.write(`GET /live HTTP/1.1\r\nhost: localhost\r\nx-long: ${'a'.repeat(40_000)}\r\n\r\n`);
      });
      socket.once('data', (data) => resolve(data.toString('latin1').slice(0, 12)));
      socket.on('error', () => {});
    });
    expect(status).toBe('HTTP/1.1 431');
  });
});
