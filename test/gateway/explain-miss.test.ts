/**
 * Goal: for every way a prompt can miss the cache, the explanation names the cause and the first message that differs.
 * Method: the real gateway, router and prompt service with a real template; engines that keep the blocks they computed,
 * report what they read of them and tell the router what they store and give up.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LocalModel } from '../../src/model/local-model.js';
import { sequenceHashes } from '../../src/prompt/hash/block-hash.js';
import { createPromptService, type PromptService } from '../../src/prompt/service.js';
import type { PreparedPrompt } from '../../src/prompt/types.js';
import type { MissReport } from '../../src/telemetry/miss-cause.js';
import { familyModel } from '../prompt/support/requests.js';
import { FAMILIES } from '../prompt/support/templates.js';
import { startGateway, type TestGateway } from './support/harness.js';
import type { Script } from './support/scripted-engine.js';

const BLOCK = 16;

let model: LocalModel;
let gateway: TestGateway;
const prompts = new Map<string, PreparedPrompt>();
/** Blocks each engine holds, by sequence hash. */
let caches: Map<string, Set<bigint>>;

beforeAll(async () => {
  model = await familyModel('explain-qwen', FAMILIES['qwen']!);
});

beforeEach(async () => {
  prompts.clear();
  caches = new Map(['w0', 'w1'].map((worker) => [worker, new Set<bigint>()]));
  gateway = await startGateway({
    scripts: [...caches.keys()].map(engine),
    served: { contextTokens: 100_000 },
    feed: 'events',
    prompt: watchedPrompts(),
  });
});
afterEach(() => gateway.close());

function watchedPrompts(): PromptService {
  const service = createPromptService({ local: model, blockTokens: BLOCK, warn: () => {} });
  return {
    prepare: async (request) => {
      const prompt = await service.prepare(request);
      prompts.set(request.id, prompt);
      return prompt;
    },
  };
}

function engine(worker: string): Script {
  return ({ body, delta, done }) => {
    const { tokens, localHashes } = prompts.get(String(body['request_id'])) as PreparedPrompt;
    const cache = caches.get(worker) as Set<bigint>;
    const hashes = sequenceHashes(localHashes);
    const missing = hashes.findIndex((hash) => !cache.has(hash));
    const held = (missing === -1 ? hashes.length : missing) * BLOCK;
    const cached = Math.min(held, Math.floor((tokens.length - 1) / BLOCK) * BLOCK);
    for (const hash of hashes) cache.add(hash);
    gateway.router.applyStored(worker, 'gpu', null, hashes, localHashes);
    delta({ role: 'assistant', content: 'fine' });
    delta({}, 'stop');
    done({
      prompt_tokens: tokens.length,
      completion_tokens: 1,
      total_tokens: tokens.length + 1,
      prompt_tokens_details: { cached_tokens: cached },
    });
  };
}

interface Ask {
  /** Null leaves the choice to the router. */
  worker?: string | null;
  session?: string | null;
  tools?: unknown[];
  nvext?: unknown;
  cache_salt?: string;
}

async function ask(messages: unknown[], { worker = 'w0', session = 's', ...body }: Ask = {}) {
  const headers = {
    ...(worker === null ? {} : { 'x-dynamo-worker-instance-id': worker }),
    ...(session === null ? {} : { 'x-dynamo-session-id': session }),
  };
  const answer = await gateway.post(
    '/v1/chat/completions',
    { model: 'test-model', messages, ...body },
    headers,
  );
  expect(answer.status).toBe(200);
  await answer.json();
  const id = answer.headers.get('x-request-id') as string;
  const explained = (await (await fetch(`${gateway.url}/dynamo/v1/requests/${id}`)).json()) as {
    miss: MissReport | null;
  };
  return { id, miss: explained.miss as MissReport };
}

/** A worker gives up the blocks of a request's prompt from `start` on. */
function evict(worker: string, id: string, start: number): void {
  const hashes = sequenceHashes((prompts.get(id) as PreparedPrompt).localHashes).slice(start);
  for (const hash of hashes) caches.get(worker)?.delete(hash);
  gateway.router.applyRemoved(worker, 'gpu', hashes);
}

const say = (role: string, topic: string) => ({ role, content: `${topic} `.repeat(40) });
const SYSTEM = say('system', 'rules');
const TALK = [SYSTEM, say('user', 'question'), say('assistant', 'answer')];
const tool = (name: string) => ({
  type: 'function',
  function: { name, description: 'A tool. '.repeat(10), parameters: { type: 'object', properties: {} } },
});

describe('a prompt that was read from the cache', () => {
  it('is a hit', async () => {
    await ask(TALK);
    expect((await ask(TALK)).miss).toMatchObject({ cause: 'hit', divergence: null, repeatedTokens: 0 });
  });

  it('that only grew computed what is new', async () => {
    await ask(TALK.slice(0, 2));
    const { miss } = await ask([...TALK, say('user', 'more')]);
    expect(miss).toMatchObject({ cause: 'grown', divergence: null });
    expect(miss.cachedTokens).toBeGreaterThan(200);
  });
});

describe('a miss', () => {
  it('never seen: a first request', async () => {
    expect((await ask(TALK)).miss).toMatchObject({ cause: 'never_seen', cachedTokens: 0, divergence: null });
    expect((await ask([say('user', 'other')], { session: null })).miss.cause).toBe('never_seen');
  });

  it('evicted: when, and from where', async () => {
    const { id } = await ask(TALK);
    evict('w0', id, 5);
    const { miss } = await ask([...TALK, say('user', 'more')]);
    expect(miss).toMatchObject({
      cause: 'evicted',
      cachedTokens: 5 * BLOCK,
      eviction: { worker: 'w0', tier: 'gpu' },
      divergence: null,
    });
    expect(miss.eviction?.ageMs).toBeLessThan(60_000);
    expect(miss.detail).toMatch(/^w0 gave it up \d+\.\d s ago, from gpu$/);
    expect(miss.repeatedTokens).toBeGreaterThan(100);
  });

  it('evicted from the worker the session was on before', async () => {
    const { id } = await ask(TALK, { worker: 'w1' });
    evict('w1', id, 0);
    expect((await ask(TALK)).miss).toMatchObject({ cause: 'evicted', eviction: { worker: 'w1' } });
  });

  it('cleared: the worker emptied its cache', async () => {
    await ask(TALK);
    caches.get('w0')?.clear();
    gateway.router.applyCleared('w0');
    const { miss } = await ask(TALK);
    expect(miss).toMatchObject({ cause: 'cleared', cachedTokens: 0 });
    expect(miss.detail).toMatch(/^w0 emptied its cache/);
  });

  it('cleared: the worker was restarted', async () => {
    await ask(TALK);
    caches.get('w0')?.clear();
    gateway.router.dropWorkerBlocks('w0');
    expect((await ask(TALK)).miss.detail).toMatch(/^w0 was restarted, or its events were interrupted/);
  });

  it('other worker: which one, how much it held, and why it was not chosen', async () => {
    await ask(TALK, { worker: 'w1' });
    // It holds the prompt, but so much is queued there that computing it elsewhere is cheaper.
    gateway.engines[1]!.script = () => {};
    const busy = gateway.post(
      '/v1/chat/completions',
      { messages: [say('user', 'long '.repeat(300))], model: 'test-model' },
      {
        'x-dynamo-worker-instance-id': 'w1',
      },
    );
    await gateway.engines[1]!.next();
    const { miss } = await ask(TALK, { worker: null, session: 'other' });
    expect(miss).toMatchObject({ cause: 'other_worker', cachedTokens: 0 });
    expect(miss.detail).toMatch(/^w1 held \d+ tokens of it; w0 was chosen: (lowest cost|not measured yet)$/);
    await gateway.engines[1]!.close();
    await (await busy).text();
  });

  it('other worker: a pin sends the session away from where it was', async () => {
    await ask(TALK, { worker: 'w1' });
    expect((await ask(TALK, { worker: 'w0' })).miss).toMatchObject({
      cause: 'other_worker',
      detail: expect.stringMatching(/^w1 held \d+ tokens of it; w0 was chosen: only worker$/),
    });
  });

  it('lost: it was computed, and nobody told where it went', async () => {
    await ask(TALK);
    caches.get('w0')?.clear();
    expect((await ask(TALK)).miss).toMatchObject({ cause: 'lost', cachedTokens: 0 });
  });

  it('salt: another one shares nothing', async () => {
    await ask(TALK, { cache_salt: 'tenant-a' });
    expect((await ask(TALK, { cache_salt: 'tenant-b' })).miss).toMatchObject({
      cause: 'salt',
      cachedTokens: 0,
      divergence: { token: 0, kind: 'salt' },
    });
  });

  it('tools: another set of them', async () => {
    await ask(TALK, { tools: [tool('read'), tool('write')] });
    const { miss } = await ask(TALK, { tools: [tool('read'), tool('search')] });
    expect(miss).toMatchObject({ cause: 'tools', divergence: { cause: 'tools' } });
    expect((await ask(TALK)).miss.cause).toBe('tools');
  });

  it('preamble: a system prompt that varies, with the place', async () => {
    const system = (date: string) => ({
      role: 'system',
      content: `${'Be careful. '.repeat(20)}Today: ${date}.`,
    });
    await ask([system('Monday'), ...TALK.slice(1)]);
    const { miss } = await ask([system('Friday'), ...TALK.slice(1)]);
    expect(miss).toMatchObject({ cause: 'preamble', divergence: { message: 0, role: 'system' } });
    expect(miss.divergence?.token).toBeGreaterThan(200);
    expect(miss.cachedTokens).toBe(Math.floor((miss.divergence?.token ?? 0) / BLOCK) * BLOCK);
  });

  it('reasoning dropped: the template forgets the thoughts of earlier turns', async () => {
    const call = {
      role: 'assistant',
      content: 'I look. ',
      reasoning_content: 'deep thought '.repeat(20),
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'read', arguments: '{"path":"a"}' } }],
    };
    const result = { role: 'tool', tool_call_id: 'c1', content: 'found '.repeat(40) };
    const turn = [SYSTEM, say('user', 'question'), call, result];
    await ask(turn, { tools: [tool('read')] });
    const { miss } = await ask([...turn, say('assistant', 'done'), say('user', 'next')], {
      tools: [tool('read')],
    });
    expect(miss).toMatchObject({
      cause: 'reasoning_dropped',
      divergence: { message: 2, role: 'assistant', cause: 'reasoning_dropped' },
    });
    expect(miss.detail).toBe('the template no longer shows the reasoning of message 2 (assistant)');
  });

  it('message changed: which message, by its place and role', async () => {
    const long = [...TALK, say('user', 'second'), say('assistant', 'reply'), say('user', 'third')];
    await ask(long);
    const edited = long.map((message, at) => (at === 3 ? say('user', 'edited') : message));
    expect((await ask(edited)).miss).toMatchObject({
      cause: 'message_changed',
      divergence: { message: 3, role: 'user' },
      detail: 'the prompt differs from the session’s last one in message 3 (user)',
    });
  });

  it('of a side question is compared with the side questions, not with the conversation', async () => {
    const side = [say('system', 'title'), say('user', 'name this')];
    await ask(TALK);
    await ask(side);
    expect((await ask([...TALK, say('user', 'more')])).miss).toMatchObject({
      cause: 'grown',
      divergence: null,
    });
    expect((await ask([side[0], say('user', 'name that')])).miss).toMatchObject({
      cause: 'message_changed',
      divergence: { message: 1 },
    });
  });
});
