/** Traces from the gateway to a collector on the loopback: what a request's spans say, and what happens when nobody takes them. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { startTracing, type Tracing, tracingSpec } from '../../src/stack/tracing.js';
import type { TelemetryEvent } from '../../src/telemetry/types.js';
import { startGateway, type TestGateway } from '../gateway/support/harness.js';

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code?: number; message?: string };
}

interface Collector {
  url: string;
  spans: OtlpSpan[];
  headers: http.IncomingHttpHeaders[];
  /** What it answers from now on. */
  answer: { status: number; body: string };
  close(): Promise<void>;
}

async function startCollector(): Promise<Collector> {
  const collector: Collector = {
    url: '',
    spans: [],
    headers: [],
    answer: { status: 200, body: '{}' },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk));
    request.on('end', () => {
      collector.headers.push(request.headers);
      const { status, body } = collector.answer;
      if (status === 200 && request.url === '/v1/traces') collector.spans.push(...spansIn(text));
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return collector;
}

const spansIn = (text: string): OtlpSpan[] =>
  (JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] }).resourceSpans.flatMap(
    ({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans),
  );

const attributes = ({ attributes: all }: OtlpSpan): Record<string, unknown> =>
  Object.fromEntries(all.map(({ key, value }) => [key, Object.values(value)[0]]));

let collector: Collector;
let gateway: TestGateway | undefined;
let tracing: Tracing;
let told: TelemetryEvent[];

async function open(url?: string, environment: NodeJS.ProcessEnv = {}): Promise<TestGateway> {
  collector = await startCollector();
  told = [];
  gateway = await startGateway({
    scripts: [({ say }) => say('one', 'two')],
    watch: (emit) => {
      const tell = (event: TelemetryEvent) => {
        told.push(event);
        emit(event);
      };
      const spec = tracingSpec(url ?? collector.url, environment);
      tracing = startTracing(spec, { name: 'test', model: 'm' }, tell);
      return { onPrompt: () => {}, apply: (event) => tracing.apply(event) };
    },
  });
  return gateway;
}

const ask = async (at: TestGateway, headers: Record<string, string> = {}, model = 'test-model') => {
  const body = { model, messages: [{ role: 'user', content: 'hello' }], stream: true };
  const response = await at.post('/v1/chat/completions', body, headers);
  await response.text();
  return response;
};

const figures = () =>
  told.flatMap((event) => (event.type === 'tracing.stats' ? [event.tracing] : [])).at(-1)!;
const warnings = () => told.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
const whenever = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 20 });

afterEach(async () => {
  await tracing.close();
  await gateway?.close();
  await collector.close();
});

describe('a request', () => {
  it('is a span with its parts in it, one after the other, all within', async () => {
    const response = await ask(await open());
    await whenever(() => expect(collector.spans).toHaveLength(6));
    const [root, ...parts] = collector.spans as [OtlpSpan, ...OtlpSpan[]];
    expect(root).toMatchObject({
      traceId: response.headers.get('x-request-id'),
      name: 'chat test-model',
      kind: 2,
      status: {},
    });
    expect(root.parentSpanId).toBeUndefined();
    expect(parts.map(({ name }) => name)).toEqual(['prompt', 'queue', 'route', 'prefill', 'stream']);
    expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(6);
    const time = (text: string) => Number(BigInt(text) - BigInt(root.startTimeUnixNano));
    let before = 0;
    for (const part of parts) {
      expect(part).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId, kind: 1 });
      expect(time(part.startTimeUnixNano)).toBeGreaterThanOrEqual(before);
      expect(time(part.endTimeUnixNano)).toBeGreaterThanOrEqual(time(part.startTimeUnixNano));
      before = time(part.startTimeUnixNano);
    }
    expect(time(parts.at(-1)!.endTimeUnixNano)).toBeLessThanOrEqual(time(root.endTimeUnixNano));
    expect(attributes(root)).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'dynamo.worker': 'w0',
      'dynamo.stream': 'true',
      'gen_ai.usage.input_tokens': expect.stringMatching(/^\d+$/),
      'dynamo.miss_cause': expect.any(String),
    });
  });

  it("is part of its client's trace where it has one", async () => {
    const at = await open();
    const [traceId, parentSpanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    await ask(at, { traceparent: `00-${traceId}-${parentSpanId}-01` });
    await whenever(() => expect(collector.spans.length).toBeGreaterThan(0));
    expect(collector.spans[0]).toMatchObject({ traceId, parentSpanId });
  });

  it('that is refused says why', async () => {
    const at = await open();
    const body = { model: 'test-model', messages: [{ role: 'user', content: 'hello '.repeat(2_000) }] };
    await (await at.post('/v1/chat/completions', body)).text();
    await whenever(() => expect(collector.spans.length).toBeGreaterThan(0));
    expect(collector.spans[0]!.status).toEqual({
      code: 2,
      message: expect.stringContaining('prompt_too_long'),
    });
  });

  it('carries the headers a collector wants', async () => {
    const at = await open(undefined, { OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b, other=c' });
    await ask(at);
    await whenever(() => expect(collector.headers.length).toBeGreaterThan(0));
    expect(collector.headers[0]).toMatchObject({ 'x-key': 'a b', other: 'c' });
  });
});

describe('an answer that goes on at another worker', () => {
  it('keeps its prefill, and says which worker ended it', async () => {
    await open();
    const routed = {
      type: 'request.routed',
      promptTokens: 1,
      predictedTokens: 0,
      reachableTokens: 0,
    } as const;
    const times = { queueMs: 0, overheadMs: 1, decideMs: 1, preparedMs: 2 };
    const id = '5'.repeat(32);
    const at = 1_700_000_000_000;
    const usage = { promptTokens: 1, cachedTokens: 0, outputTokens: 2, reasoningTokens: 0 };
    for (const event of [
      { type: 'request.started', id, dialect: 'chat', model: 'm', isStream: true, at },
      { ...routed, ...times, id, worker: 'w0', forwardedMs: 4, at: at + 4 },
      { type: 'request.first_token', id, ttftMs: 20, at: at + 20 },
      { ...routed, ...times, id, worker: 'w1', forwardedMs: 50, at: at + 50 },
      { type: 'request.finished', id, usage, e2eMs: 90, stopReason: 'stop', at: at + 90 },
    ] as const)
      tracing.apply({ ...event, sequence: 0 });
    await whenever(() => expect(collector.spans).toHaveLength(6));
    const [root] = collector.spans;
    expect(attributes(root!)).toMatchObject({ 'dynamo.worker': 'w1', 'dynamo.attempts': '2' });
    const milliseconds = (text: string) => Number(BigInt(text) / 1_000_000n) - at;
    expect(
      collector.spans
        .slice(-2)
        .map(({ name, startTimeUnixNano: from, endTimeUnixNano: to }) => [
          name,
          milliseconds(from),
          milliseconds(to),
        ]),
    ).toEqual([
      ['prefill', 4, 20],
      ['stream', 20, 90],
    ]);
  });
});

describe('a collector', () => {
  it('that is away loses nothing while there is room, delays nobody, and is told of once', async () => {
    const at = await open();
    collector.answer = { status: 503, body: 'later' };
    await ask(at);
    await ask(at);
    await whenever(() => expect(figures().fault).toContain('503: later'));
    expect(figures()).toMatchObject({ sent: 0, lost: 0, waiting: 2 });
    expect(warnings()).toHaveLength(1);
    collector.answer = { status: 200, body: '{}' };
    await whenever(() => expect(figures()).toMatchObject({ sent: 2, waiting: 0, fault: null }));
  });

  it('that refuses costs the batch, which is counted and told', async () => {
    const at = await open();
    collector.answer = { status: 400, body: 'no such thing' };
    await ask(at);
    await whenever(() => expect(figures()).toMatchObject({ sent: 0, lost: 1, waiting: 0 }));
    expect(warnings().at(-1)).toContain('traces of 1 requests were lost: the collector answered 400');
  });

  it('that leaves spans out says how many', async () => {
    const at = await open();
    collector.answer = {
      status: 200,
      body: '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}',
    };
    await ask(at);
    await whenever(() =>
      expect(figures()).toMatchObject({ lost: 1, fault: expect.stringContaining('too old') }),
    );
  });

  it('that is not there: the newest are kept, the rest is counted', async () => {
    await open('http://127.0.0.1:9');
    for (let n = 0; n < LIMITS.tracesWaiting + 10; n += 1) {
      const [id, at, sequence] = [`${n}`.padStart(32, '0'), n, n];
      tracing.apply({
        type: 'request.started',
        id,
        dialect: 'chat',
        model: 'm',
        isStream: true,
        at,
        sequence,
      });
      tracing.apply({ type: 'request.cancelled', id, e2eMs: 1, at: at + 1, sequence });
    }
    await whenever(() => expect(figures().lost).toBe(10));
    await tracing.close();
    expect(figures()).toMatchObject({ sent: 0, lost: LIMITS.tracesWaiting + 10, waiting: 0 });
  });
});

describe('the address', () => {
  it.each([
    ['http://127.0.0.1:4318', 'http://127.0.0.1:4318/v1/traces'],
    ['https://host/otlp/', 'https://host/otlp/v1/traces'],
    ['http://host/v1/traces', 'http://host/v1/traces'],
  ])('%s is %s', async (wish, url) => {
    await open();
    expect(tracingSpec(wish, {}).url).toBe(url);
  });

  it.each(['localhost:4318', 'grpc://host:4317', ''])('%j is refused with what to try', async (wish) => {
    await open();
    expect(() => tracingSpec(wish, {})).toThrow(/no address of a collector/);
  });

  it('has headers that are headers; a wrong one is named, its value is not repeated', async () => {
    await open();
    const wrong = () => tracingSpec('http://h', { OTEL_EXPORTER_OTLP_HEADERS: 'a b=secret' });
    expect(wrong).toThrow(/a b/);
    expect(wrong).not.toThrow(/secret/);
  });
});
