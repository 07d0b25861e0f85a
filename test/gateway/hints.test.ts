/** Agent hints arrive the same through every dialect, by body and by header, and go where they are meant to. */
import { afterEach, describe, expect, it } from 'vitest';
import { externalAdapter } from '../../src/engines/external/adapter.js';
import { routeInput } from '../../src/gateway/forward.js';
import { createPromptService } from '../../src/prompt/service.js';
import { engineFields } from '../../src/stack/engine-fields.js';
import { chat, say } from '../prompt/support/requests.js';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
afterEach(() => gateway.close());

const DIALECTS: [path: string, body: Record<string, unknown>][] = [
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/completions', { prompt: 'hi' }],
  ['/v1/messages', { max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/responses', { input: 'hi' }],
];
const NVEXT = {
  agent_hints: {
    priority: 5,
    strict_priority: 2,
    osl: 300,
    speculative_prefill: true,
    latency_sensitivity: 9,
  },
  cache_control: { type: 'ephemeral', ttl: '1h' },
  cache_salt: 'of-nvext',
  extra_fields: ['worker_id', 'timing'],
  annotations: ['llm_metrics'],
};

const send = (path: string, body: object, headers: Record<string, string> = {}) =>
  gateway.post(path, { model: 'test-model', ...body }, headers);

async function hintsOf(answer: Response): Promise<Record<string, unknown>> {
  await answer.text();
  const told = await fetch(`${gateway.url}/dynamo/v1/requests/${answer.headers.get('x-request-id')}`);
  return ((await told.json()) as { request: { hints: Record<string, unknown> } }).request.hints;
}

describe.each(DIALECTS)('%s', (path, body) => {
  it('carries every hint of the body', async () => {
    gateway = await startGateway();
    expect(await hintsOf(await send(path, { ...body, cache_salt: 'of-body', nvext: NVEXT }))).toMatchObject({
      priority: 5,
      isPriorityGiven: true,
      strictPriority: 2,
      osl: 300,
      speculativePrefill: true,
      cacheControl: { ttlSeconds: 3600 },
      cacheSalt: '(set)',
      extraFields: ['worker_id', 'timing'],
      annotations: ['llm_metrics'],
    });
    expect(gateway.engines[0]!.bodies[0]!['cache_salt']).toBe('of-nvext');
  });

  it('takes headers before the body, and the tenant before every salt', async () => {
    gateway = await startGateway();
    const hints = await hintsOf(
      await send(
        path,
        { ...body, cache_salt: 'of-body', nvext: NVEXT },
        {
          'x-dynamo-request-priority': '-7',
          'x-dynamo-request-strict-priority': '4294967295',
          'x-tenant-id': 'of-header',
          'x-dynamo-worker-instance-id': '0',
        },
      ),
    );
    expect(hints).toMatchObject({ priority: -7, strictPriority: 4_294_967_295, workerPin: 'w0' });
    expect(gateway.engines[0]!.bodies[0]!['cache_salt']).toBe('of-header');
    await hintsOf(await send(path, { ...body, cache_salt: 'of-body' }));
    expect(gateway.engines[0]!.bodies[1]!['cache_salt']).toBe('of-body');
  });

  it('takes the deprecated sensitivity for a priority, and a mark anywhere without complaint', async () => {
    gateway = await startGateway();
    const mark = { type: 'ephemeral', ttl: '5m' };
    const hints = await hintsOf(
      await send(path, {
        ...body,
        cache_control: mark,
        nvext: { agent_hints: { latency_sensitivity: 3.4 } },
      }),
    );
    expect(hints).toMatchObject({ priority: 3, isPriorityGiven: true, cacheControl: { ttlSeconds: 300 } });
    for (const odd of [
      { cache_control: 'yes' },
      { cache_control: { ttl: 'never' } },
      { nvext: { novelty: 1 } },
    ])
      expect((await send(path, { ...body, ...odd })).status).toBe(200);
  });

  it.each([
    ['nvext.agent_hints.priority', { agent_hints: { priority: 2 ** 31 } }],
    ['nvext.agent_hints.priority', { agent_hints: { priority: 1.5 } }],
    ['nvext.agent_hints.priority', { agent_hints: { priority: '5' } }],
    ['nvext.agent_hints.strict_priority', { agent_hints: { strict_priority: -1 } }],
    ['nvext.agent_hints.strict_priority', { agent_hints: { strict_priority: 2 ** 32 } }],
    ['nvext.agent_hints.osl', { agent_hints: { osl: -1 } }],
    ['nvext.agent_hints.speculative_prefill', { agent_hints: { speculative_prefill: 'yes' } }],
    ['nvext.agent_hints.latency_sensitivity', { agent_hints: { latency_sensitivity: 'high' } }],
    ['nvext.agent_hints', { agent_hints: [] }],
    ['nvext.cache_control.type', { cache_control: { type: 'eternal' } }],
    ['nvext.cache_control.ttl', { cache_control: { type: 'ephemeral', ttl: '0s' } }],
    ['nvext.cache_salt', { cache_salt: 7 }],
    ['nvext.extra_fields', { extra_fields: [1] }],
    ['nvext.annotations', { annotations: [1] }],
  ])('refuses %s out of its range, by name', async (field, nvext) => {
    gateway = await startGateway();
    const answer = await send(path, { ...body, nvext });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(field)]);
    expect(gateway.engines[0]!.bodies).toEqual([]);
  });

  it.each([
    ['x-dynamo-request-priority', 'high'],
    ['x-dynamo-request-priority', '2147483648'],
    ['x-dynamo-request-strict-priority', '-1'],
  ])('refuses the header %s: %s, by name', async (name, value) => {
    gateway = await startGateway();
    const answer = await send(path, body, { [name]: value });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(name)]);
  });

  it.each([false, true])('says which worker and when, where that was asked (stream: %s)', async (stream) => {
    gateway = await startGateway();
    const text = await (await send(path, { ...body, stream, nvext: NVEXT })).text();
    expect(text).toContain('"worker_id":{"prefill_worker_id":"w0","decode_worker_id":"w0"}');
    expect(text).toMatch(/"timing":\{"ttft_ms":[\d.]+/);
    const plain = await (await send(path, { ...body, stream })).text();
    expect(plain).not.toContain('nvext');
  });

  it.each([
    ['vllm', [-5, 2, 1, undefined]],
    // A request without one would come last there.
    ['sglang', [5, -2, -1, 0]],
    ['embedded', [-5, 2, 1, undefined]],
    ['openai', [undefined, undefined, undefined, undefined]],
  ])('gives %s its priority in its polarity', async (engine, expected) => {
    const worker = { url: '', healthPath: '', engine, hasPriority: true } as const;
    gateway = await startGateway({
      engineFields: (_worker, request, prompt) =>
        engineFields(externalAdapter, request, prompt, { attached: worker }),
    });
    await send(path, { ...body, nvext: NVEXT });
    await send(path, { ...body, nvext: { agent_hints: { priority: -2 } } });
    const ofSubagent = { 'x-dynamo-session-id': 'b', 'x-dynamo-parent-session-id': 'a' };
    await send(path, body, ofSubagent);
    await send(path, body);
    expect(gateway.engines[0]!.bodies.map((sent) => sent['priority'])).toEqual(expected);
  });
});

it('an attached vLLM that does not schedule by priority would refuse one, so it gets none', () => {
  const request = chat([say('user', 'hi')]);
  const high = { ...request, hints: { ...request.hints, priority: 5 } };
  const worker = { url: '', healthPath: '', engine: 'vllm' };
  expect(engineFields(externalAdapter, high, null, { attached: worker })).toEqual({});
  expect(engineFields(externalAdapter, high, null, { attached: { ...worker, hasPriority: true } })).toEqual({
    priority: -5,
  });
});

describe('annotations', () => {
  const wanted = { nvext: { annotations: ['token_ids', 'llm_metrics', 'formatted_prompt'] }, stream: true };

  it.each(DIALECTS.slice(0, 2))('come as events beside the stream of %s', async (path, body) => {
    gateway = await startGateway();
    const long = path === '/v1/completions' ? { prompt: 'hello there, model' } : body;
    const text = await (await send(path, { ...long, ...wanted })).text();
    const events = text.split('\n\n');
    expect(events[0]).toMatch(/^event: token_ids\n: \[\d+(,\d+)*\]$/);
    const metrics = events.findIndex((event) =>
      event.startsWith('event: llm_metrics\n: {"input_tokens":20,'),
    );
    expect(metrics).toBeGreaterThan(1);
    expect(metrics).toBeLessThan(events.indexOf('data: [DONE]'));
    expect(gateway.of('warning').map(({ message }) => message)).toEqual([
      expect.stringContaining('formatted_prompt'),
    ]);
  });

  it.each(
    DIALECTS.slice(2),
  )('are told to be ignored where streams are named events: %s', async (path, body) => {
    gateway = await startGateway();
    const text = await (await send(path, { ...body, ...wanted })).text();
    expect(text).not.toContain('token_ids');
    expect(gateway.of('warning').map(({ code }) => code)).toEqual(Array(3).fill('annotation_ignored'));
  });
});

it('the router is given priority, tier and expected length', async () => {
  gateway = await startGateway();
  const request = chat([say('user', 'hi')]);
  const hints = { ...request.hints, priority: 5, strictPriority: 2, osl: 300 };
  const prompt = await createPromptService({ local: null, blockTokens: 16, warn: () => {} }).prepare(request);
  expect(routeInput({ request: { ...request, hints }, prompt })).toMatchObject({
    priority: 5,
    strictPriority: 2,
    osl: 300,
  });
});
