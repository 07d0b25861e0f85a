/** Streams: first bytes at once, pings, slow and vanished clients, lost engines, and what telemetry is told. */
import http from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import type { StreamControl, StreamSink, WorkerLink } from '../../src/link/types.js';
import { startGateway, type TestGateway } from './support/harness.js';
import { replay, type Script } from './support/scripted-engine.js';

let gateway: TestGateway;
afterEach(async () => {
  vi.useRealTimers();
  await gateway.close();
});

const chat = { model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hello to you all' }] };
const message = { ...chat, max_tokens: 50 };
const response = { model: 'test-model', stream: true, input: 'hello' };
const DIALECTS = [
  ['/v1/chat/completions', chat],
  ['/v1/messages', message],
  ['/v1/responses', response],
] as const;

/** Never says more than its first word. */
const hangs: Script = ({ delta }) => {
  delta({ role: 'assistant', content: '' });
  delta({ content: 'one' });
};

/** Hangs up without an answer. */
const dies: Script = ({ response: answer }) => {
  answer.destroy();
};

async function read(answer: Response, until: RegExp): Promise<{ text: string; cancel(): Promise<void> }> {
  const reader = answer.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (!until.test(text)) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  return { text, cancel: () => reader.cancel() };
}

describe('an answer', () => {
  it('is passed on event by event, with headers that say where it went', async () => {
    gateway = await startGateway({ scripts: [hangs] });
    const answer = await gateway.post('/v1/chat/completions', chat);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    expect(answer.headers.get('x-dynamo-worker')).toBe('w0');
    expect(answer.headers.get('x-dynamo-predicted-tokens')).toBe('0');
    const id = answer.headers.get('x-request-id');
    const { text, cancel } = await read(answer, /"content":"one"/);
    expect(text).toContain(`chatcmpl-${id}`);
    expect(gateway.engines[0]?.bodies[0]?.['request_id']).toBe(id);
    await cancel();
  });

  it('carries nvext when the client asked for it', async () => {
    gateway = await startGateway();
    const nvext = { extra_fields: ['worker_id', 'timing'] };
    for (const [path, body] of DIALECTS) {
      const text = await (await gateway.post(path, { ...body, nvext })).text();
      expect(text, path).toContain('"decode_worker_id":"w0"');
      expect(text, path).toMatch(/"ttft_ms":[\d.]+/);
    }
    const whole = await (
      await gateway.post('/v1/chat/completions', { ...chat, stream: false, nvext })
    ).json();
    expect(whole).toMatchObject({ nvext: { worker_id: { decode_worker_id: 'w0' } } });
  });

  it('that is refused by the engine has its status and its sentence', async () => {
    gateway = await startGateway({ scripts: [replay('error-max-tokens-too-large')] });
    for (const [path, body] of DIALECTS) {
      const answer = await gateway.post(path, body);
      expect(answer.status, path).toBe(400);
      expect(await answer.text()).toContain('max_tokens');
    }
  });
});

describe('a silent engine', () => {
  it('is covered by pings in each dialect, before and between tokens', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const sinks: StreamSink[] = [];
    gateway = await startGateway({ link: () => silentLink(sinks) });
    for (const [path, body, ping] of [
      ['/v1/chat/completions', chat, ': ping\n\n'],
      ['/v1/messages', message, 'event: ping\n'],
      ['/v1/responses', response, ': ping\n\n'],
    ] as const) {
      const before = sinks.length;
      const pending = gateway.post(path, body);
      await vi.waitFor(() => expect(sinks.length).toBe(before + 1));
      vi.advanceTimersByTime(LIMITS.pingIntervalMs);
      const answer = await pending;
      expect(answer.status).toBe(200);
      const { text, cancel } = await read(answer, /ping/);
      expect(text).toContain(ping);
      await cancel();
    }
  });

  it('that fails after a ping ends the stream with an error in the dialect', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const sinks: StreamSink[] = [];
    gateway = await startGateway({ link: () => silentLink(sinks) });
    const pending = gateway.post('/v1/messages', message);
    await vi.waitFor(() => expect(sinks.length).toBe(1));
    vi.advanceTimersByTime(LIMITS.pingIntervalMs);
    const answer = await pending;
    const { DynamoError } = await import('../../src/errors.js');
    sinks[0]?.onEvent({
      type: 'error',
      error: new DynamoError('engine_timeout', { worker: 'w0', seconds: 600 }),
    });
    const text = await answer.text();
    expect(text).toMatch(/event: ping[\s\S]*event: error\ndata: {"type":"error"/);
    expect(text).toContain('timeout_error');
  });
});

describe('a client that goes away', () => {
  it.each(DIALECTS)('from %s has its work cancelled and its booking released', async (path, body) => {
    gateway = await startGateway({ scripts: [hangs] });
    const answer = await gateway.post(path, body);
    const { cancel } = await read(answer, /one/);
    await cancel();
    await gateway.told('request.cancelled');
    await vi.waitFor(() => expect(gateway.engines[0]?.cancelled).toBe(1));
    expect(gateway.snapshot().requests).toMatchObject({ active: 0, cancelled: 1, failed: 0 });
    expect(gateway.router.bookedLoad('w0')).toMatchObject({ requests: 0, prefillTokens: 0 });
  });

  it('before the first token is noticed as well', async () => {
    gateway = await startGateway({ scripts: [() => {}] });
    const arrived = gateway.engines[0]!.next();
    const abort = new AbortController();
    const pending = fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...chat, stream: false }),
      signal: abort.signal,
    });
    await arrived;
    abort.abort();
    await expect(pending).rejects.toThrow();
    await gateway.told('request.cancelled');
    await vi.waitFor(() => expect(gateway.engines[0]?.cancelled).toBe(1));
  });
});

describe('a slow client', () => {
  it('pauses the engine and resumes it, and nothing is lost', async () => {
    const calls: string[] = [];
    const sinks: StreamSink[] = [];
    gateway = await startGateway({ link: () => silentLink(sinks, calls) });
    const { port } = new URL(gateway.url);
    const answer = await new Promise<http.IncomingMessage>((resolve) => {
      const request = http.request(
        { port, path: '/v1/chat/completions', method: 'POST', headers: { host: 'localhost' } },
        resolve,
      );
      request.end(JSON.stringify(chat));
      void vi.waitFor(() => {
        if (sinks.length === 0) throw new Error('not yet');
        sinks[0]?.onEvent({ type: 'start', engineId: 'x' });
      });
    });
    answer.pause();
    const piece = 'x'.repeat(100_000);
    let pieces = 0;
    while (!calls.includes('pause') && pieces < 1_000) {
      sinks[0]?.onEvent({ type: 'text', choice: 0, text: piece });
      pieces += 1;
      if (pieces % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(calls).toContain('pause');
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    answer.resume();
    await vi.waitFor(() => expect(calls).toContain('resume'));
    sinks[0]?.onEvent({ type: 'finish', choice: 0, reason: 'stop' });
    sinks[0]?.onEvent({ type: 'done' });
    await new Promise((resolve) => answer.once('end', resolve));
    expect(bytes).toBeGreaterThan(pieces * piece.length);
  });
});

describe('a lost engine', () => {
  it('is replaced by another worker when nothing was said yet, whole and streamed', async () => {
    let asked = 0;
    const first: Script = (exchange) => {
      asked += 1;
      if (asked <= 2) dies(exchange);
      else exchange.say('again');
    };
    gateway = await startGateway({ scripts: [first, first] });
    const whole = await gateway.post('/v1/chat/completions', { ...chat, stream: false });
    asked = 1;
    const streamed = await gateway.post('/v1/chat/completions', chat);
    expect([whole.status, streamed.status]).toEqual([502, 200]);
    expect(await streamed.text()).toContain('again');
    const workers = gateway.of('request.routed').map(({ worker }) => worker);
    expect(new Set(workers.slice(-2)).size).toBe(2);
    expect(streamed.headers.get('x-dynamo-worker')).toBe(workers.at(-1));
  });

  it('in the middle is the last event, in each dialect', async () => {
    const script: Script = ({ delta, response: answer }) => {
      delta({ role: 'assistant', content: '' });
      delta({ content: 'half' });
      setImmediate(() => answer.destroy());
    };
    gateway = await startGateway({ scripts: [script, script] });
    const lastLine = async (path: string, body: unknown) =>
      (await (await gateway.post(path, body)).text()).trim().split('\n').at(-1) ?? '';
    expect(await lastLine('/v1/chat/completions', chat)).toMatch(/^data: {"error":/);
    expect(await lastLine('/v1/messages', message)).toMatch(
      /^data: {"type":"error","error":{"type":"api_error"/,
    );
    expect(await lastLine('/v1/responses', response)).toMatch(/"type":"response.failed"|"status":"failed"/);
    expect(gateway.of('request.failed').map(({ code }) => code)).toEqual(Array(3).fill('engine_lost'));
    expect(gateway.snapshot().requests.active).toBe(0);
  });
});

describe('telemetry', () => {
  it('hears the whole story of a request', async () => {
    gateway = await startGateway({ scripts: [({ say }) => say('a', 'b')] });
    const headers = { 'x-dynamo-session-id': 's1', 'user-agent': 'claude-cli/2.1.240' };
    await (await gateway.post('/v1/messages', message, headers)).text();
    // What is found out about a request afterwards comes some time later.
    const afterwards = ['request.explained', 'request.regions'];
    const story = gateway.events.filter(
      ({ type }) => type.startsWith('request.') && !afterwards.includes(type),
    );
    expect(story.map(({ type }) => type)).toEqual([
      'request.started',
      'request.routed',
      'request.first_token',
      'request.tokens',
      'request.finished',
    ]);
    expect(story[0]).toMatchObject({
      dialect: 'messages',
      session: 's1',
      harness: 'claude-code',
      role: 'main',
    });
    const [routed] = gateway.of('request.routed');
    expect(routed?.overheadMs).toBeGreaterThanOrEqual(0);
    expect(gateway.of('request.finished')[0]).toMatchObject({
      usage: { promptTokens: 20, cachedTokens: 8, outputTokens: 3 },
      stopReason: 'stop',
    });
    expect(gateway.snapshot()).toMatchObject({
      requests: { total: 1, active: 0 },
      tokens: { prompt: 20, cached: 8, generated: 3 },
    });
  });

  it('is told of requests in work and of none afterwards', async () => {
    gateway = await startGateway({ scripts: [hangs] });
    const answer = await gateway.post('/v1/chat/completions', chat);
    expect(gateway.snapshot().requests.active).toBe(1);
    await (await read(answer, /one/)).cancel();
    await gateway.told('request.cancelled');
    expect(gateway.snapshot().requests.active).toBe(0);
  });
});

describe('closing', () => {
  it('lets running requests finish, refuses new ones, then ends what is left in the dialect', async () => {
    gateway = await startGateway({ scripts: [hangs] });
    const answer = await gateway.post('/v1/messages', message);
    await vi.waitFor(() => expect(gateway.of('request.first_token')).toHaveLength(1));
    const closing = gateway.gateway.close({ graceMs: 60 });
    const text = await answer.text();
    await closing;
    expect(text).toMatch(/event: error\ndata: {"type":"error","error":{"type":"overloaded_error"/);
    await expect(gateway.post('/v1/messages', message)).rejects.toThrow();
  });
});

/** A link under the test's control: events are given by hand. */
function silentLink(sinks: StreamSink[], calls: string[] = []): WorkerLink {
  const control: StreamControl = {
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    cancel: () => calls.push('cancel'),
  };
  return {
    worker: 'w0',
    url: '',
    stream: (_path, _body, sink) => {
      sinks.push(sink);
      return control;
    },
    json: () => Promise.reject(new Error('not asked')),
    text: () => Promise.reject(new Error('not asked')),
    close: () => Promise.resolve(),
  };
}
