/**
 * Goal: what a client can do wrong on its connection, by mistake or on purpose, ends in a clear answer or a closed
 * connection, and never keeps the gateway from serving others. Method: bytes over real sockets, times cut short.
 */
import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Client } from '../../src/gateway/client.js';
import { LIMITS } from '../../src/limits.js';
import { type GatewayOptions, startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
afterEach(() => gateway?.close());

const CHAT = JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'hi' }] });
const JSON_TYPE = 'content-type: application/json';

const HASTY: GatewayOptions = { config: { arrival: { headersMs: 60, bodyMs: 60, checkMs: 20 } } };

async function open(options: GatewayOptions = {}): Promise<net.Socket> {
  gateway = await startGateway(options);
  return await connect();
}

async function connect(): Promise<net.Socket> {
  const socket = net.connect({
    port: Number(new URL(gateway.url).port),
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Everything the gateway sends until it ends its side. */
async function everything(socket: net.Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  socket.destroy();
  return Buffer.concat(chunks).toString('utf8');
}

/** A whole request with `connection: close`, unless its head says otherwise. */
function post(path: string, body: string | Buffer, ...headers: string[]): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: localhost',
    ...(headers.some((line) => /^content-type/i.test(line)) ? [] : [JSON_TYPE]),
    'connection: close',
    ...(headers.some((line) => /^(content-length|transfer-encoding)/i.test(line))
      ? []
      : [`content-length: ${Buffer.byteLength(body)}`]),
    ...headers,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
}

async function exchange(bytes: Buffer | string, options: GatewayOptions = {}): Promise<string> {
  const socket = await open(options);
  socket.write(bytes);
  return await everything(socket);
}

const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

describe('a client that is slow', () => {
  it('with its headers is told so and closed', async () => {
    const socket = await open(HASTY);
    const trickle = setInterval(() => socket.write('x'), 10);
    socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-slow: ');
    const text = await everything(socket);
    clearInterval(trickle);
    expect(statuses(text)).toEqual([408]);
  });

  it('with its body is closed, and others are served meanwhile', async () => {
    // Long enough for the other client's whole request on a busy machine.
    const socket = await open({ config: { arrival: { headersMs: 800, bodyMs: 800, checkMs: 20 } } });
    socket.write(post('/v1/chat/completions', '', 'content-length: 1000'));
    const trickle = setInterval(() => socket.write(' '), 10);
    const other = await gateway.post('/v1/chat/completions', CHAT);
    expect(other.status).toBe(200);
    const text = await everything(socket);
    clearInterval(trickle);
    expect(statuses(text)).toEqual([408]);
    expect(gateway.engines[0]?.bodies).toHaveLength(1);
  });

  it('to read is cut off after a while, one that reads again is not', () => {
    vi.useFakeTimers();
    const response = Object.assign(new EventEmitter(), {
      req: { socket: new EventEmitter() },
      writableFinished: false,
      destroy: vi.fn(),
    });
    const client = new Client(response as unknown as ServerResponse);
    client.stalls();
    vi.advanceTimersByTime(LIMITS.clientStallMs - 1);
    response.emit('drain');
    vi.advanceTimersByTime(LIMITS.clientStallMs);
    expect(response.destroy).not.toHaveBeenCalled();
    client.stalls();
    vi.advanceTimersByTime(LIMITS.clientStallMs);
    expect(response.destroy).toHaveBeenCalledOnce();
    vi.useRealTimers();
  });
});

describe('a client that closes its side', () => {
  it('after its request still gets the whole answer', async () => {
    const socket = await open({
      scripts: [
        ({ say }) => {
          setTimeout(() => say('Hi'), 120);
        },
      ],
    });
    socket.end(post('/v1/chat/completions', CHAT));
    const text = await everything(socket);
    expect(statuses(text).at(-1)).toBe(200);
    expect(text).toContain('"content":"Hi"');
  });

  it.each([false, true])('because it is gone has the engine stopped (stream: %s)', async (stream) => {
    const socket = await open({ scripts: [() => {}] });
    const asked = gateway.engines[0]!.next();
    socket.write(post('/v1/chat/completions', JSON.stringify({ ...JSON.parse(CHAT), stream })));
    await asked;
    socket.destroy();
    await gateway.told('request.cancelled');
    expect(gateway.of('request.failed')).toEqual([]);
  });

  it('and its stream too', async () => {
    const socket = await open();
    socket.end(post('/v1/chat/completions', JSON.stringify({ ...JSON.parse(CHAT), stream: true })));
    const text = await everything(socket);
    expect(statuses(text).at(-1)).toBe(200);
    expect(text).toContain('data: [DONE]');
  });

  it('in the middle of its body is no request', async () => {
    const socket = await open();
    socket.end(post('/v1/chat/completions', CHAT.slice(0, 20), `content-length: ${CHAT.length}`));
    expect(statuses(await everything(socket))).toEqual([400]);
    expect(gateway.engines[0]?.bodies).toEqual([]);
  });
});

describe('framing', () => {
  it.each([
    ['two lengths', ['content-length: 5', `content-length: ${CHAT.length}`]],
    ['a length and chunks', [`content-length: ${CHAT.length}`, 'transfer-encoding: chunked']],
    ['chunks that are not the last coding', ['transfer-encoding: chunked, identity']],
    ['a length that is none', ['content-length: +12']],
    ['a space before the colon', [`content-length : ${CHAT.length}`]],
    ['a bare line feed in a header', [`content-length: ${CHAT.length}`, 'x: a\nb: c']],
    ['a NUL in a header', [`content-length: ${CHAT.length}`, 'x: a\0b']],
  ])('with %s is refused', async (_name, headers) => {
    const text = await exchange(post('/v1/chat/completions', CHAT, ...headers), {});
    expect(statuses(text)).toEqual([400]);
    expect(gateway.engines[0]?.bodies).toEqual([]);
  });

  it('of chunks is read, however they are cut', async () => {
    const chunks = [...CHAT].map((char) => `1\r\n${char}\r\n`).join('');
    const text = await exchange(
      post('/v1/chat/completions', `${chunks}0\r\n\r\n`, 'transfer-encoding: chunked'),
      {},
    );
    expect(statuses(text)).toEqual([200]);
  });

  it('of chunks without end is bounded', async () => {
    const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
    const text = await exchange(post('/v1/chat/completions', chunk.repeat(8), 'transfer-encoding: chunked'), {
      config: { bodyBytes: 100_000 },
    });
    expect(statuses(text)).toEqual([413]);
  });

  it('of requests sent one behind the other are all answered, in order', async () => {
    const request = (id: string) =>
      post(`/v1/models/${id}`, '').toString().replace('POST', 'GET').replace('connection: close\r\n', '');
    const last = post('/v1/chat/completions', CHAT).toString();
    const text = await exchange(`${request('test-model')}${request('nobody')}${last}`, {});
    expect(statuses(text)).toEqual([200, 404, 200]);
  });

  it('that asks to go on is told to', async () => {
    const socket = await open();
    const bytes = post('/v1/chat/completions', CHAT, 'expect: 100-continue').toString();
    const [head, body] = bytes.split('\r\n\r\n') as [string, string];
    socket.write(`${head}\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1\.1 100 Continue/);
    socket.write(body);
    expect(statuses(await everything(socket))).toEqual([200]);
  });

  it('that expects anything else is refused', async () => {
    expect(statuses(await exchange(post('/v1/chat/completions', CHAT, 'expect: gold'), {}))).toEqual([417]);
  });
});

describe('a target', () => {
  it.each([
    ['an absolute one', 'http://localhost/v1/models', 404],
    ['a very long one', `/v1/models/${'a'.repeat(20_000)}`, 404],
    ['one longer than all headers may be', `/v1/models/${'a'.repeat(40_000)}`, 431],
    ['one out of the folder', '/v1/../../etc/passwd', 404],
    ['one with a NUL', '/v1/models/a%00b', 404],
    ['one that is no UTF-8', '/v1/models/%ff%fe', 404],
    ['one with half an escape', '/v1/models/%e', 404],
  ])('that is %s has an answer', async (_name, target, status) => {
    const text = await exchange(`GET ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`, {});
    expect(statuses(text)).toEqual([status]);
  });

  it('is asked with HEAD and OPTIONS without a body or a permission for pages', async () => {
    const head = await exchange('HEAD /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n', {});
    expect(head.split('\r\n\r\n')[1]).toBe('');
    await gateway.close();
    const options = await exchange(
      'OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\naccess-control-request-method: POST\r\nconnection: close\r\n\r\n',
      {},
    );
    expect(statuses(options)).toEqual([405]);
    expect(options.toLowerCase()).not.toContain('access-control');
  });
});

describe('headers', () => {
  it('too many are refused, as many as agents send are not', async () => {
    const many = (count: number) => Array.from({ length: count }, (_, at) => `x-${at}: 1`);
    const text = await exchange(post('/v1/chat/completions', CHAT, ...many(LIMITS.headersMax)), {});
    expect(statuses(text)).toEqual([431]);
    await gateway.close();
    const fine = await exchange(post('/v1/chat/completions', CHAT, ...many(100)), {});
    expect(statuses(fine)).toEqual([200]);
  });

  it('without a host, or with two, are refused', async () => {
    const text = await exchange('GET /v1/models HTTP/1.1\r\nconnection: close\r\n\r\n', {});
    expect(statuses(text)).toEqual([400]);
  });
});

describe('a web page', () => {
  it.each([
    ['https://evil.example', 403],
    ['null', 403],
    ['http://localhost:1', 403],
    ['http://localhost', 200],
  ])('from %s may post: %i', async (origin, status) => {
    const text = await exchange(
      post('/v1/chat/completions', CHAT, `origin: ${origin}`, 'content-type: text/plain'),
      {},
    );
    expect(statuses(text)).toEqual([status]);
    expect(text.toLowerCase()).not.toContain('access-control');
    expect(gateway.engines[0]?.bodies).toHaveLength(status === 200 ? 1 : 0);
  });
});

describe('a body', () => {
  it.each([
    ['that is no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400],
    ['that is empty', '', 400],
    ['with a NUL', '{"model":"test-model\0"}', 400],
    ['that is compressed', gzipSync(CHAT), 400],
  ])('%s is refused', async (_name, body, status) => {
    const headers = typeof body !== 'string' && body[0] === 0x1f ? ['content-encoding: gzip'] : [];
    const text = await exchange(post('/v1/chat/completions', body, ...headers), {});
    expect(statuses(text)).toEqual([status]);
  });

  it('with the names of prototypes changes no other request', async () => {
    const evil = `{"model":"test-model","__proto__":{"temperature":9,"polluted":1},"constructor":{"prototype":{"polluted":1}},
      "nvext":{"__proto__":{"agent_hints":{"priority":99}}},"messages":[{"role":"user","content":"hi","__proto__":{"role":"system"}}],
      "tools":[{"type":"function","function":{"name":"__proto__","parameters":{"__proto__":{"type":"x"}}}}]}`;
    const text = await exchange(post('/v1/chat/completions', evil), {});
    expect(statuses(text)).toEqual([200]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    const [sent] = gateway.engines[0]?.bodies ?? [];
    expect([sent?.['temperature'], sent?.['priority'], sent?.['polluted']]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
