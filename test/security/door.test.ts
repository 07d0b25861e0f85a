/**
 * Goal: nobody gets in without a key, and nothing a client sends reaches further than its meaning. Method: the real
 * gateway over real sockets in front of an engine that keeps what it was sent.
 */
import { once } from 'node:events';
import net from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../gateway/support/harness.js';

const KEY = 'the-right-key';
const HI = [{ role: 'user', content: 'hi' }];
const CHAT = JSON.stringify({ model: 'test-model', messages: HI });
const DIALECTS: [path: string, body: Record<string, unknown>][] = [
  ['/v1/chat/completions', { messages: HI }],
  ['/v1/completions', { prompt: 'hi' }],
  ['/v1/messages', { max_tokens: 9, messages: HI }],
  ['/v1/responses', { input: 'hi' }],
];

/** Status of each answer on one connection. */
async function statuses(url: string, text: string | Buffer): Promise<number[]> {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(text);
  await once(socket, 'close');
  return [
    ...Buffer.concat(chunks)
      .toString('latin1')
      .matchAll(/HTTP\/1\.1 (\d{3}) /g),
  ].map(([, s]) => Number(s));
}

const get = (target: string, ...headers: string[]): string =>
  [`GET ${target} HTTP/1.1`, 'host: localhost', 'connection: close', ...headers, '', ''].join('\r\n');

describe('a path', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ config: { apiKeys: [KEY] } });
  });
  afterAll(() => gateway.close());

  /** What tells nothing and changes nothing; see `isOpen` in the route table. */
  const OPEN = new Set(['/', '/health', '/live', '/api/hello']);
  const WRITTEN = [
    '/v1/models',
    '//v1/models',
    '/v1//models',
    '/v1/./models',
    '/health/../v1/models',
    '/health/%2e%2e/v1/models',
    '/%76%31/models',
    '/V1/MODELS',
    '/v1/models/',
    '/v1/models?x=/health',
    '/v1/models#/health',
    '/v1/models;/health',
    '\\v1\\models',
    'http://localhost/v1/models',
    'http://localhost/health/../metrics',
    '/metrics',
    '/dynamo/v1/snapshot',
    '/dynamo/v1/cache',
    '/health/../dynamo/v1/snapshot',
    '/live%2f..%2fmetrics',
    '*',
  ];

  it.each(WRITTEN)('however written is not served without a key: %s', async (target) => {
    const [status] = await statuses(gateway.url, get(target));
    expect([400, 401, 404]).toContain(status);
  });

  it('of any kind is either one of the four open ones, or refused', async () => {
    const part = fc.constantFrom(
      'v1',
      'models',
      'health',
      'live',
      'metrics',
      'dynamo',
      '..',
      '.',
      '',
      '%2e%2e',
      '%2f',
      'api',
      'hello',
      ';',
      '%00',
    );
    const target = fc.array(part, { maxLength: 6 }).map((parts) => `/${parts.join('/')}`);
    await fc.assert(
      fc.asyncProperty(target, async (path) => {
        const [status] = await statuses(gateway.url, get(path));
        const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
        if (!OPEN.has(plain)) expect([400, 401, 404, 405]).toContain(status);
      }),
      { numRuns: 150, seed: 5 },
    );
  });

  it('of the admin socket is not there for the network, with the key or without', async () => {
    for (const path of [
      '/admin/stop',
      '/admin/ping',
      '/admin/plan',
      '/admin/cache/clear',
      '/admin/workers/w0/restart',
    ]) {
      const post = get(path, `authorization: Bearer ${KEY}`).replace('GET', 'POST');
      expect(await statuses(gateway.url, post)).toEqual([404]);
      expect(await statuses(gateway.url, get(path, `authorization: Bearer ${KEY}`))).toEqual([404]);
    }
  });

  it('to be tunnelled to is refused', async () => {
    const text = 'CONNECT 10.0.0.1:22 HTTP/1.1\r\nhost: 10.0.0.1:22\r\n\r\n';
    expect((await statuses(gateway.url, text)).filter((status) => status < 400)).toEqual([]);
  });
});

describe('a key', () => {
  let gateway: TestGateway;
  afterEach(() => gateway.close());

  it.each([
    ['in lower or upper case', ['authorization: bearer the-right-key'], 200],
    ['in the other header', ['x-api-key: the-right-key'], 200],
    ['beside a wrong one', ['authorization: Bearer wrong', 'x-api-key: the-right-key'], 200],
    ['that is empty', ['authorization: Bearer ', 'x-api-key: '], 401],
    ['with another scheme', ['authorization: Basic the-right-key'], 401],
    ['that is a prefix of the right one', ['x-api-key: the-right'], 401],
    ['that goes on after the right one', ['x-api-key: the-right-keyy'], 401],
    ['twice in one header', ['x-api-key: wrong', 'x-api-key: the-right-key'], 401],
    ['in the query', [], 401],
  ])('%s: %s', async (_name, headers, status) => {
    gateway = await startGateway({ config: { apiKeys: [KEY] } });
    expect(await statuses(gateway.url, get(`/v1/models?key=${KEY}&api_key=${KEY}`, ...headers))).toEqual([
      status,
    ]);
  });

  it('that is empty in the configuration lets nobody in by being empty', async () => {
    gateway = await startGateway({ config: { apiKeys: ['', KEY] } });
    expect(await statuses(gateway.url, get('/v1/models', 'x-api-key: '))).toEqual([401]);
    expect(await statuses(gateway.url, get('/v1/models'))).toEqual([401]);
  });
});

describe('what a client sends', () => {
  let gateway: TestGateway;
  afterEach(() => gateway.close());

  const post = (path: string, body: Buffer | string, ...headers: string[]): Buffer =>
    Buffer.concat([
      Buffer.from(
        [
          `POST ${path} HTTP/1.1`,
          'host: localhost',
          'connection: close',
          'content-type: application/json',
          `content-length: ${Buffer.byteLength(body)}`,
          ...headers,
          '',
          '',
        ].join('\r\n'),
      ),
      Buffer.from(body),
    ]);

  it('in headers goes no further: the engine sees only those of ours', async () => {
    gateway = await startGateway();
    const sent = await statuses(
      gateway.url,
      post(
        '/v1/chat/completions',
        CHAT,
        'authorization: Bearer a-secret-of-the-client',
        'x-api-key: a-secret-of-the-client',
        'cookie: a=a-secret-of-the-client',
        'x-data-parallel-rank: 7',
        'x-request-id: chosen\tby-the-client',
        'x-forwarded-for: 10.0.0.1',
        'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        'x-dynamo-session-id: s\u00e9ssion',
        'te: trailers',
        'x-codex-turn-metadata: {"turn_id":"x"}',
      ),
    );
    expect(sent).toEqual([200]);
    const names = gateway.engines[0]?.headers[0]
      ?.filter((_, at) => at % 2 === 0)
      .map((name) => name.toLowerCase());
    expect(names?.sort()).toEqual(['accept', 'connection', 'content-length', 'content-type', 'host']);
    expect(JSON.stringify(gateway.engines[0])).not.toContain('a-secret-of-the-client');
  });

  it.each([
    ['two requests in one', `${CHAT}POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n\r\n`],
    ['a request in a name', JSON.stringify({ model: 'test-model\r\nx: y', messages: HI })],
  ])('is one request to the engine, or none: %s', async (_name, body) => {
    gateway = await startGateway();
    const [status] = await statuses(gateway.url, post('/v1/chat/completions', body));
    expect([400, 404]).toContain(status);
    expect(gateway.engines[0]?.bodies).toEqual([]);
  });

  it('with line ends in texts stays text on its way to the engine', async () => {
    gateway = await startGateway();
    const content = 'a\r\n\r\nPOST / HTTP/1.1\r\nhost: x\r\n\r\n';
    const body = JSON.stringify({
      model: 'test-model',
      messages: [{ role: 'user', content }],
      user: content,
    });
    expect(await statuses(gateway.url, post('/v1/chat/completions', body))).toEqual([200]);
    expect(gateway.engines[0]?.bodies).toHaveLength(1);
    expect(JSON.stringify(gateway.engines[0]?.bodies[0])).toContain('POST / HTTP/1.1');
  });

  const BOMB = Buffer.alloc(32 << 20, 0x20);
  it.each([
    ['gzip', gzipSync(BOMB)],
    ['GZIP', gzipSync(BOMB)],
    ['deflate', deflateSync(BOMB)],
    ['br', brotliCompressSync(BOMB)],
    ['zstd', gzipSync(BOMB)],
    ['identity, gzip', gzipSync(BOMB)],
    ['gzip, gzip', gzipSync(gzipSync(BOMB))],
  ])('in %s is never unpacked', async (coding, body) => {
    gateway = await startGateway();
    for (const [path] of DIALECTS)
      expect(await statuses(gateway.url, post(path, body, `content-encoding: ${coding}`))).toEqual([400]);
    expect(gateway.engines[0]?.bodies).toEqual([]);
  });

  it('over a WebSocket is not unpacked either', async () => {
    gateway = await startGateway();
    const socket = net.connect(Number(new URL(gateway.url).port), '127.0.0.1');
    const upgrade = [
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-extensions: permessage-deflate; client_max_window_bits',
    ];
    socket.write(get('/v1/responses', ...upgrade).replace('connection: close\r\n', ''));
    const [head] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(head.toString()).toMatch(/^HTTP\/1\.1 101 /);
    expect(head.toString().toLowerCase()).not.toContain('permessage-deflate');
  });

  it.each([
    'http://127.0.0.1:1/x.png',
    'https://10.0.0.1/x.png',
    'file:///etc/passwd',
    '//host/x.png',
    'ftp://x/y',
    'blob:x',
    'data:text/html,<script>',
  ])('as the address of an image is fetched by nobody: %s', async (url) => {
    gateway = await startGateway();
    const parts: [string, unknown][] = [
      [
        '/v1/chat/completions',
        { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] },
      ],
      [
        '/v1/messages',
        {
          max_tokens: 9,
          messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url } }] }],
        },
      ],
      [
        '/v1/messages',
        {
          max_tokens: 9,
          messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'url', url } }] }],
        },
      ],
      ['/v1/responses', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }] }],
      ['/v1/responses', { input: [{ role: 'user', content: [{ type: 'input_file', file_url: url }] }] }],
    ];
    for (const [path, body] of parts) {
      const answer = await gateway.post(path, { model: 'test-model', ...(body as object) });
      const text = await answer.text();
      expect(answer.status, `${path} ${text}`).toBe(400);
    }
    expect(gateway.engines[0]?.bodies).toEqual([]);
  });

  it.each(DIALECTS)('to %s under the names of prototypes changes nothing for anybody', async (path, body) => {
    gateway = await startGateway();
    const evil = JSON.stringify({ model: 'test-model', ...body }).replace(
      /^\{/,
      '{"__proto__":{"polluted":1,"temperature":9},"constructor":{"prototype":{"polluted":1}},"metadata":{"__proto__":{"polluted":1}},"nvext":{"__proto__":{"polluted":1,"agent_hints":{"priority":99}}},',
    );
    expect((await gateway.post(path, evil)).status).toBe(200);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(gateway.engines[0]?.bodies[0]).not.toMatchObject({ temperature: 9 });
    expect(gateway.engines[0]?.bodies[0]).not.toHaveProperty('priority', 99);
  });
});
