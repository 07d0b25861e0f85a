/** The link against small real engines on loopback: what arrives, what is cancelled, how failures end a stream. */
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { probeHealth } from '../../src/link/health.js';
import type { WorkerLink } from '../../src/link/types.js';
import { createWorkerLink } from '../../src/link/worker-link.js';
import type { StreamEvent } from '../../src/request/types.js';
import { collect, type Engine, startEngine, textOf } from './support/engine.js';
import { exchange } from './support/fixtures.js';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function engineAnd(
  answer: Parameters<typeof startEngine>[0],
  options: { silenceMs?: number; emitRaw?: (data: string) => void } = {},
): Promise<{ engine: Engine; link: WorkerLink }> {
  const engine = await startEngine(answer);
  const link = createWorkerLink({ worker: 'w0', url: engine.url, ...options });
  open.push(engine, link);
  return { engine, link };
}

function failure(events: readonly StreamEvent[]): { code: string; message: string } {
  const last = events.at(-1);
  if (last?.type !== 'error') throw new Error(`the stream ended with ${last?.type}`);
  return { code: last.error.code, message: last.error.message };
}

const SSE = { 'content-type': 'text/event-stream; charset=utf-8' };
const piece = (content: string): string =>
  `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content } }] })}\n\n`;
const END = `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`;

it.each([10, 3_000_000])('sends a body in pieces of %i bytes as one', async (bytes) => {
  const { engine, link } = await engineAnd((_request, response) => {
    response.writeHead(200, SSE);
    response.end(piece('ok') + END);
  });
  for (const mark of ['a', 'b']) {
    const { sink, ended } = collect();
    const pieces = ['{"model":"', mark.repeat(bytes), '"}'].map((text) => Buffer.from(text));
    link.stream('/v1/chat/completions', pieces, sink);
    expect(textOf(await ended)).toBe('ok');
  }
  expect(engine.bodies).toEqual([{ model: 'a'.repeat(bytes) }, { model: 'b'.repeat(bytes) }]);
});

describe('a whole answer', () => {
  const whole = (body: object, status = 200) =>
    engineAnd((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  const asked = async (body: object, status?: number): Promise<StreamEvent[]> => {
    const { engine, link } = await whole(body, status);
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', { model: 'm' }, { ...sink, isWhole: true });
    const events = await ended;
    expect(engine.bodies).toEqual([{ model: 'm', stream: false }]);
    return events;
  };

  it('is told as the events of a stream, calls without ids or indexes kept apart', async () => {
    const call = (name: string) => ({ type: 'function', function: { name, arguments: `{"n":"${name}"}` } });
    const message = { role: 'assistant', reasoning: 'hm', content: 'so', tool_calls: [call('a'), call('b')] };
    const usage = { prompt_tokens: 7, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 4 } };
    const choices = [{ index: 0, message, finish_reason: 'tool_calls' }];
    expect(await asked({ id: 'c', object: 'chat.completion', choices, usage })).toEqual([
      { type: 'start', engineId: 'c' },
      { type: 'thinking', choice: 0, text: 'hm' },
      { type: 'text', choice: 0, text: 'so' },
      { type: 'tool_start', choice: 0, index: 0, id: 'call_c_0_0', name: 'a' },
      { type: 'tool_delta', choice: 0, index: 0, arguments: '{"n":"a"}' },
      { type: 'tool_start', choice: 0, index: 1, id: 'call_c_0_1', name: 'b' },
      { type: 'tool_delta', choice: 0, index: 1, arguments: '{"n":"b"}' },
      { type: 'finish', choice: 0, reason: 'tool_use' },
      { type: 'usage', usage: { promptTokens: 7, cachedTokens: 4, outputTokens: 3, reasoningTokens: 0 } },
      { type: 'done' },
    ]);
  });

  it('that is an error, or none, ends as a failure', async () => {
    expect(failure(await asked({ error: { message: 'no', code: 400 } }, 400)).message).toContain('no');
    expect(failure(await asked({ error: { message: 'broke' } })).code).toBe('engine_error');
    expect(failure(await asked({ id: 'x' })).code).toBe('engine_error');
  });

  it('from an engine that streams all the same is read as a stream', async () => {
    const { link } = await engineAnd((_request, response) => {
      response.writeHead(200, SSE);
      response.end(`${piece('hi')}${END}`);
    });
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', { model: 'm' }, { ...sink, isWhole: true });
    expect(textOf(await ended)).toBe('hi');
  });
});

describe('a stream', () => {
  it('is made of an answer that came whole although a stream was asked for', async () => {
    const { body } = exchange('chat-cache-hit');
    const { link } = await engineAnd((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(body);
    });
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', { model: 'm' }, sink);
    const events = await ended;
    expect(events.map(({ type }) => type)).toEqual(['start', 'text', 'finish', 'usage', 'done']);
    expect(textOf(events)).toBe(JSON.parse(body).choices[0].message.content);
  });

  it('fails where a whole answer is not JSON, or has no choice', async () => {
    for (const body of ['<html>', '{}', '{"detail":"no"}']) {
      const { link } = await engineAnd((_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(body);
      });
      const { sink, ended } = collect();
      link.stream('/v1/chat/completions', { model: 'm' }, sink);
      expect(failure(await ended).code).toBe('engine_error');
    }
  });

  it('asks for a stream and delivers a recorded answer byte by byte', async () => {
    const { body } = exchange('chat-stream');
    const { engine, link } = await engineAnd((_request, response) => {
      response.writeHead(200, SSE);
      const bytes = Buffer.from(body);
      let at = 0;
      const next = (): void => {
        for (let n = 0; n < 7 && at < bytes.length; n++, at += 11)
          response.write(bytes.subarray(at, at + 11));
        if (at < bytes.length) setImmediate(next);
        else response.end();
      };
      next();
    });
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', { model: 'm' }, sink);
    const events = await ended;
    expect(engine.bodies).toEqual([{ model: 'm', stream: true }]);
    expect(textOf(events)).toMatch(/^The capital of France is Paris/);
    expect(events.at(-1)).toEqual({ type: 'done' });
    expect(events.filter((event) => event.type === 'usage')).toHaveLength(1);
  });

  it('tells recordings the data as it came', async () => {
    const raw: string[] = [];
    const { link } = await engineAnd((_q, response) => response.writeHead(200, SSE).end(piece('x') + END), {
      emitRaw: (data) => raw.push(data),
    });
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', {}, sink);
    await ended;
    expect(raw).toHaveLength(3);
    expect(raw.at(-1)).toBe('[DONE]');
  });

  it('cancel ends the engine’s request and nothing more is delivered', async () => {
    let onClosed: () => void = () => {};
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve;
    });
    const { link } = await engineAnd((_request, response) => {
      response.writeHead(200, SSE);
      response.write(piece('a'));
      response.on('close', onClosed);
    });
    const { sink, events } = collect();
    const started = new Promise<void>((resolve) => {
      const control = link.stream(
        '/v1/chat/completions',
        {},
        {
          onEvent: (event) => {
            sink.onEvent(event);
            if (event.type !== 'text') return;
            control.cancel();
            control.cancel();
            resolve();
          },
        },
      );
    });
    await started;
    await closed;
    expect(events.map((event) => event.type)).toEqual(['start', 'text']);
  });

  it('cancel before the request was sent sends no event either', async () => {
    const { link } = await engineAnd((_q, response) => response.writeHead(200, SSE).end(piece('x') + END));
    const { sink, events } = collect();
    link.stream('/v1/chat/completions', {}, sink).cancel();
    await link.close();
    expect(events).toEqual([]);
  });

  it('pause holds the engine back; resume delivers the rest in order', async () => {
    const pieces = 4_000;
    let written = 0;
    const { link } = await engineAnd((_request, response) => {
      response.writeHead(200, SSE);
      const more = (): void => {
        while (written < pieces) {
          written += 1;
          if (!response.write(piece(`${written} ${'x'.repeat(2_000)}`))) {
            response.once('drain', more);
            return;
          }
        }
        response.end(END);
      };
      more();
    });
    const { sink, events, ended } = collect();
    const control = link.stream('/v1/chat/completions', {}, sink);
    control.pause();
    // Wait until the engine itself is stuck: what it wrote stays the same over several looks.
    for (let last = -1, same = 0; same < 5; last = written) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      same = written === last && written > 0 ? same + 1 : 0;
    }
    expect(written).toBeLessThan(pieces);
    const seenPaused = events.filter((event) => event.type === 'text').length;
    expect(seenPaused).toBeLessThan(written);
    control.resume();
    const numbers = (await ended).flatMap((event) =>
      event.type === 'text' ? [Number.parseInt(event.text, 10)] : [],
    );
    expect(numbers).toEqual(Array.from({ length: pieces }, (_, n) => n + 1));
  });

  it('a receiver that throws loses its own request, not the process', async () => {
    let onClosed: () => void = () => {};
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve;
    });
    const { link } = await engineAnd((_request, response) => {
      response.writeHead(200, SSE).write(piece('a'));
      response.on('close', onClosed);
    });
    let calls = 0;
    link.stream(
      '/v1/chat/completions',
      {},
      {
        onEvent: () => {
          calls += 1;
          throw new Error('bug');
        },
      },
    );
    await closed;
    expect(calls).toBe(1);
  });
});

describe('a failure is the last event', () => {
  it.each([
    ['error-context-too-long', 'prompt_too_long'],
    ['error-unknown-model', 'unknown_model'],
    ['error-bad-field', 'engine_error'],
  ])('recorded %s → %s', async (name, code) => {
    const { status, body, contentType } = exchange(name);
    const { link } = await engineAnd((_q, response) =>
      response.writeHead(status, { 'content-type': contentType }).end(body),
    );
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', {}, sink);
    const events = await ended;
    expect(events).toHaveLength(1);
    expect(failure(events).code).toBe(code);
  });

  it('503 with retry-after → overloaded', async () => {
    const { link } = await engineAnd((_q, response) =>
      response.writeHead(503, { 'retry-after': '4' }).end('full'),
    );
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', {}, sink);
    const [event] = await ended;
    expect(event?.type === 'error' && [event.error.code, event.error.retryAfterSeconds]).toEqual([
      'overloaded',
      4,
    ]);
  });

  it('an answer that is no stream → engine_error', async () => {
    const { link } = await engineAnd((_q, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}'),
    );
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', {}, sink);
    expect(failure(await ended).code).toBe('engine_error');
  });

  it('the connection breaks in the middle → engine_lost after what came', async () => {
    const { link } = await engineAnd((_request, response) => {
      response.writeHead(200, SSE).write(piece('a'), () => response.destroy());
    });
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', {}, sink);
    const events = await ended;
    expect(textOf(events)).toBe('a');
    expect(failure(events).code).toBe('engine_lost');
  });

  it('the answer ends without [DONE] → engine_lost', async () => {
    const { link } = await engineAnd((_q, response) => response.writeHead(200, SSE).end(piece('a')));
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', {}, sink);
    expect(failure(await ended)).toEqual({ code: 'engine_lost', message: expect.stringContaining('[DONE]') });
  });

  it('nobody listens → engine_lost, said in words', async () => {
    const link = createWorkerLink({ worker: 'w0', url: `http://127.0.0.1:${await freePort()}` });
    open.push(link);
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', {}, sink);
    expect(failure(await ended)).toEqual({
      code: 'engine_lost',
      message: expect.stringContaining('nothing listens'),
    });
  });

  it('silence before the headers and in the stream → engine_timeout', async () => {
    for (const answer of [
      (): void => {},
      (_q: unknown, response: import('node:http').ServerResponse): void => {
        response.writeHead(200, SSE).write(piece('a'));
      },
    ]) {
      const { link } = await engineAnd(answer, { silenceMs: 150 });
      const { sink, ended } = collect();
      link.stream('/v1/chat/completions', {}, sink);
      expect(failure(await ended).code).toBe('engine_timeout');
    }
  });

  it('a link that was closed → engine_lost, never a throw', async () => {
    const { link } = await engineAnd(() => {});
    await link.close();
    const { sink, ended } = collect();
    link.stream('/v1/chat/completions', {}, sink);
    expect(failure(await ended).code).toBe('engine_lost');
  });
});

describe('one exchange', () => {
  it('json and text answer bodies; refusals are DynamoErrors', async () => {
    const { engine, link } = await engineAnd((request, response) => {
      if (request.url === '/tokenize') response.end('{"tokens":[1,2]}');
      else if (request.url === '/metrics') response.end('up 1\n');
      else if (request.url === '/odd') response.end('<html>');
      else response.writeHead(404).end('{"detail":"Not Found"}');
    });
    expect(await link.json('POST', '/tokenize', { prompt: 'x' })).toEqual({ tokens: [1, 2] });
    expect(engine.bodies).toEqual([{ prompt: 'x' }]);
    expect(await link.text('/metrics')).toBe('up 1\n');
    await expect(link.json('GET', '/odd')).rejects.toMatchObject({ code: 'engine_error' });
    await expect(link.json('GET', '/none')).rejects.toMatchObject({ code: 'engine_error', status: 502 });
  });

  it('nobody listens → engine_lost', async () => {
    const link = createWorkerLink({ worker: 'w0', url: `http://127.0.0.1:${await freePort()}` });
    open.push(link);
    await expect(link.json('GET', '/version')).rejects.toMatchObject({ code: 'engine_lost' });
  });
});

describe('health', () => {
  it('is true for 200 only; a refusal, silence and a dead port are false', async () => {
    const { engine } = await engineAnd((request, response) => {
      if (request.url === '/health') response.end();
      else if (request.url === '/loading') response.writeHead(503).end();
    });
    expect(await probeHealth(engine.url, '/health', 2_000)).toBe(true);
    expect(await probeHealth(engine.url, '/loading', 2_000)).toBe(false);
    expect(await probeHealth(engine.url, '/silent', 100)).toBe(false);
    expect(await probeHealth(`http://127.0.0.1:${await freePort()}`, '/health', 2_000)).toBe(false);
    expect(await probeHealth('not a url', '/health', 2_000)).toBe(false);
  });
});

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a stream that is over while its receiver is slow', () => {
  it('gives its connection back', async () => {
    const sockets = new Set<number | undefined>();
    const { link } = await engineAnd((request, response) => {
      sockets.add(request.socket.remotePort);
      response.writeHead(200, SSE);
      response.end(piece('a') + END);
    });
    for (let turn = 0; turn < 5; turn += 1) {
      const ended = new Promise<void>((resolve) => {
        const control = link.stream(
          '/v1/chat/completions',
          { model: 'm' },
          {
            onEvent: (event) => {
              if (event.type === 'text') control.pause();
              if (event.type === 'done') setImmediate(resolve);
            },
          },
        );
      });
      await ended;
    }
    expect(sockets.size).toBeLessThan(3);
  });
});
