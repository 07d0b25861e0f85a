/** Attached engines as a plan and as workers: what they tell of themselves decides. */
import type http from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createBlockIndex } from '../../src/router/index/create-index.js';
import { loadPolicy } from '../../src/router/policies/load-policy.js';
import { createRouter } from '../../src/router/router.js';
import { adapterOf } from '../../src/stack/adapters.js';
import { attachPlan } from '../../src/stack/attach-plan.js';
import { WorkerSet } from '../../src/stack/worker-set.js';
import type { TelemetryEvent } from '../../src/telemetry/types.js';
import { collect, type Engine, startEngine } from '../link/support/engine.js';
import { routeInput } from './support/route-input.js';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

type Answers = Record<string, unknown | ((request: http.IncomingMessage) => unknown)>;

/** Answers these paths with JSON, or text as it is; all else is 404. */
async function engine(answers: Answers): Promise<Engine> {
  const started = await startEngine((request, response) => {
    const path = request.url ?? '';
    if (!(path in answers)) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}');
      return;
    }
    const answer = answers[path];
    const value =
      typeof answer === 'function' ? (answer as (r: http.IncomingMessage) => unknown)(request) : answer;
    response.writeHead(200).end(typeof value === 'string' ? value : JSON.stringify(value));
  });
  open.push(started.close);
  return started;
}

const models = { data: [{ id: 'm', max_model_len: 8_192 }] };
const info = (blockSize: number) =>
  `vllm:cache_config_info{block_size="${blockSize}",num_gpu_blocks="100"} 1.0\n`;

async function workersOf(attach: string[]) {
  const plan = await attachPlan({ attach, set: {} });
  const router = createRouter({ index: createBlockIndex(), policy: loadPolicy('kv') });
  const events: TelemetryEvent[] = [];
  const set = new WorkerSet({
    plan,
    adapter: adapterOf(plan.engine),
    router,
    emit: (event) => events.push(event),
  });
  open.push(() => set.close());
  return { plan, router, events, set };
}

describe('an engine with data-parallel ranks', () => {
  it('is a worker per rank, each with its own events, and requests name the rank', async () => {
    const seen: (string | undefined)[] = [];
    const source = (port: number) => ({
      endpoint: `tcp://127.0.0.1:${port}`,
      replay_endpoint: null,
      topic: '',
    });
    const vllm = await engine({
      '/v1/models': models,
      '/health': '',
      '/metrics': info(16),
      '/kv_event_sources': { 0: source(9), 1: source(10) },
      '/v1/chat/completions': (request: http.IncomingMessage) => {
        seen.push(request.headers['x-data-parallel-rank'] as string | undefined);
        return 'data: [DONE]\n\n';
      },
    });
    const { plan, set } = await workersOf([vllm.url]);
    expect(plan.workers.map(({ id, events, attached }) => [id, events?.events, attached?.rank])).toEqual([
      ['w0-dp0', 'tcp://127.0.0.1:9', 0],
      ['w0-dp1', 'tcp://127.0.0.1:10', 1],
    ]);
    for (const { id } of plan.workers) {
      set.onState(id, 'ready');
      const { sink, ended } = collect();
      set.link(id)?.stream('/v1/chat/completions', {}, sink);
      await ended;
    }
    expect(seen).toEqual(['0', '1']);
  });

  it('is one worker where its events were given by hand, or where it has one rank', async () => {
    const source = { endpoint: 'tcp://127.0.0.1:9', topic: '' };
    const answers = { '/v1/models': models, '/kv_event_sources': { 0: source, 1: source } };
    const vllm = await engine(answers);
    const byHand = await attachPlan({ attach: [`${vllm.url},events=tcp://127.0.0.1:11`], set: {} });
    expect(byHand.workers.map(({ id }) => id)).toEqual(['w0']);
    const single = await engine({ ...answers, '/kv_event_sources': { 0: source } });
    const plan = await attachPlan({ attach: [single.url], set: {} });
    expect(plan.workers.map(({ id, attached }) => [id, attached?.rank])).toEqual([['w0', undefined]]);
  });
});

describe('block sizes that differ', () => {
  it('are noted in the plan and warned of at the start', async () => {
    const [small, large] = [
      await engine({ '/v1/models': models, '/metrics': info(16) }),
      await engine({ '/v1/models': models, '/metrics': info(64) }),
    ];
    const { plan, events } = await workersOf([small.url, large.url]);
    expect(plan.blockTokens).toBe(16);
    expect(plan.notes).toEqual([
      'w1 has blocks of 64 tokens, prompts are cut into 16: its cache is not seen',
    ]);
    expect(events.filter(({ type }) => type === 'warning')).toMatchObject([
      { code: 'block_size', worker: 'w1' },
    ]);
  });
});

describe('TensorRT-LLM', () => {
  const passes = [{ iter: 1, kvCacheStats: { tokensPerBlock: 32, maxNumBlocks: 500 } }];

  it('is known by its figures, and asked for its events while it serves', async () => {
    const tokens = Array.from({ length: 32 }, (_, n) => ({ token_id: n, token_extra_id: 0 }));
    const blocks = [{ block_hash: 5, tokens, cache_level: 0 }];
    const answers: unknown[] = [[{ event_id: 0, data: { type: 'stored', parent_hash: null, blocks } }]];
    const trtllm = await engine({
      '/v1/models': models,
      '/health': '',
      '/metrics': passes,
      '/kv_cache_events': (request: http.IncomingMessage) => {
        expect(request.method).toBe('POST');
        return answers.shift() ?? [];
      },
    });
    const { plan, router, events, set } = await workersOf([trtllm.url]);
    expect(plan.workers[0]).toMatchObject({ blockTokens: 32, kvBlocks: 500, attached: { engine: 'trtllm' } });
    expect(events).toContainEqual({ type: 'feed.state', worker: 'w0', state: 'events' });
    set.onState('w0', 'ready');
    const prompt = Array.from({ length: 33 }, (_, n) => n);
    await vi.waitFor(() => expect(router.score(routeInput(prompt, 32))[0]?.overlap.gpu).toBe(1));
  });

  it('without events is reckoned from what is sent to it, and that is said', async () => {
    const trtllm = await engine({ '/v1/models': models, '/health': '' });
    const { router, events, set } = await workersOf([`${trtllm.url},engine=trtllm`]);
    set.onState('w0', 'ready');
    await vi.waitFor(() =>
      expect(events).toContainEqual(expect.objectContaining({ type: 'feed.state', state: 'approximate' })),
    );
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'warning', code: 'feed_missing', worker: 'w0' }),
    );
    const prompt = Array.from({ length: 64 }, (_, n) => n);
    const placement = await router.route(routeInput(prompt, 16), new AbortController().signal);
    placement.firstToken();
    placement.abandon();
    expect(router.score(routeInput(prompt, 16))[0]?.overlap.gpu).toBe(4);
  });

  it('is left alone where `events=none` says so', async () => {
    let asked = 0;
    const trtllm = await engine({
      '/v1/models': models,
      '/health': '',
      '/kv_cache_events': () => {
        asked += 1;
        return [];
      },
    });
    const { events, set } = await workersOf([`${trtllm.url},engine=trtllm,events=none`]);
    set.onState('w0', 'ready');
    await set.link('w0')?.json('GET', '/v1/models');
    expect(events).toContainEqual({ type: 'feed.state', worker: 'w0', state: 'approximate' });
    expect(asked).toBe(0);
  });
});
