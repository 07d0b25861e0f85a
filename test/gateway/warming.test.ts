/** Prefixes computed ahead, over real sockets: what reaches the engine, when, and in which figures it is. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { WarmSettings } from '../../src/gateway/types.js';
import { startGateway, type TestGateway, textPrompts } from './support/harness.js';
import type { Body, Script } from './support/scripted-engine.js';

const WARM: WarmSettings = {
  share: 0.5,
  headStart: 100_000,
  nextTurn: 'certain',
  needsIdle: true,
  fields: () => ({ priority: 9 }),
  kvBlocks: () => 0,
};
const long = 'word '.repeat(100);
const tools = [{ type: 'function', function: { name: 'read', parameters: { type: 'object' } } }];
const chat = (over: Body = {}) => ({
  model: 'test-model',
  messages: [{ role: 'user', content: long }],
  ...over,
});
const hinted = { nvext: { agent_hints: { speculative_prefill: true } } };
const session = { 'x-dynamo-session-id': 's1' };
const isWarm = (body: Body | undefined): boolean => Array.isArray(body?.['prompt']);

/** Says a long answer to chats; what is computed ahead takes until `release`. */
function engine(answer: Script): { script: Script; release: () => void } {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const script: Script = async (exchange) => {
    if (!isWarm(exchange.body)) return answer(exchange);
    await Promise.race([released, exchange.hungUp]);
    exchange.say('x');
  };
  return { script, release };
}
const says: Script = ({ say }) => say(long);
const calls: Script = ({ delta, done }) => {
  const call = {
    index: 0,
    id: 'c1',
    type: 'function',
    function: { name: 'read', arguments: `{"path": "${long}"}` },
  };
  delta({ role: 'assistant', tool_calls: [call] });
  delta({}, 'tool_calls');
  done();
};

let gateway: TestGateway;
afterEach(() => gateway.close());

const warmBodies = () => gateway.engines[0]!.bodies.filter(isWarm);
const ask = async (body: Body, headers: Record<string, string> = session) =>
  (await gateway.post('/v1/chat/completions', body, headers)).json();

describe('the next turn', () => {
  it('is computed on the same worker at lowest priority where the client hints at it', async () => {
    const { script, release } = engine(says);
    gateway = await startGateway({ scripts: [script], warm: WARM });
    await ask(chat(hinted));
    await vi.waitFor(() => expect(warmBodies()).toHaveLength(1));
    release();
    await gateway.told('warm.ended');
    expect(warmBodies()[0]).toMatchObject({ max_tokens: 1, priority: 9, stream: true });
    // 4 bytes a token: the prompt, and the answer once more as history.
    expect((warmBodies()[0]?.['prompt'] as number[]).length).toBeGreaterThan(250);
    expect(gateway.of('warm.ended')).toMatchObject([{ cause: 'next_turn', outcome: 'done', worker: 'w0' }]);
  });

  it('is no request in any figure', async () => {
    const { script, release } = engine(says);
    gateway = await startGateway({ scripts: [script], warm: WARM });
    release();
    await ask(chat(hinted));
    await gateway.told('warm.ended');
    const { requests, tokens, workers, warm } = gateway.snapshot();
    expect(requests).toMatchObject({ total: 1, active: 0 });
    expect(tokens).toMatchObject({ prompt: 20, cached: 8 });
    expect(workers.find(({ id }) => id === 'w0')).toMatchObject({ promptTokens: 20, cachedTokens: 8 });
    expect(warm).toEqual({
      causes: { next_turn: { done: 1 } },
      promptTokens: 20,
      computedTokens: 12,
      share: 0.5,
      promises: { kept: 0, broken: 0 },
    });
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/^dynamo_warm_prefixes_total\{cause="next_turn",outcome="done"\} 1$/m);
    expect(metrics).toMatch(/^dynamo_frontend_requests_total\{.*\} 1$/m);
  });

  it('is certain after a tool call, and only then', async () => {
    const { script, release } = engine(calls);
    gateway = await startGateway({ scripts: [script], warm: WARM });
    release();
    await ask(chat({ tools }));
    await gateway.told('warm.ended');
    expect(warmBodies()).toHaveLength(1);
    gateway.engines[0]!.script = says;
    await ask(chat({ tools }), { 'x-dynamo-session-id': 's2' });
    await ask(chat({ tools }), { 'x-dynamo-session-id': 's2' });
    expect(warmBodies()).toHaveLength(1);
  });

  it('is left alone where only hints count, or nothing may be computed ahead', async () => {
    for (const over of [{ nextTurn: 'hinted' as const }, { share: 0 }]) {
      const { script } = engine(calls);
      gateway = await startGateway({ scripts: [script], warm: { ...WARM, ...over } });
      await ask(chat({ tools }));
      await ask(chat({ tools }));
      expect(warmBodies()).toHaveLength(0);
      await gateway.close();
    }
  });

  it('gives way to the real turn as soon as that arrives', async () => {
    const { script } = engine(says);
    gateway = await startGateway({ scripts: [script], warm: WARM });
    await ask(chat(hinted));
    await vi.waitFor(() => expect(warmBodies()).toHaveLength(1));
    await ask(chat());
    expect(gateway.of('warm.ended')).toMatchObject([{ outcome: 'superseded' }]);
    await vi.waitFor(() => expect(gateway.engines[0]?.cancelled).toBe(1));
  });

  it('gives way to anybody else’s request and is taken up again after it', async () => {
    const { script, release } = engine(says);
    gateway = await startGateway({ scripts: [script], warm: WARM });
    await ask(chat(hinted));
    await vi.waitFor(() => expect(warmBodies()).toHaveLength(1));
    await ask(chat({ messages: [{ role: 'user', content: 'else '.repeat(100) }] }), {
      'x-dynamo-session-id': 's2',
    });
    expect(gateway.of('warm.ended')).toEqual([]);
    await vi.waitFor(() => expect(warmBodies()).toHaveLength(2));
    release();
    await gateway.told('warm.ended');
    expect(gateway.of('warm.ended')).toMatchObject([{ outcome: 'done' }]);
  });
});

describe('what the run before began with', () => {
  it('is computed on every worker that serves, and what this run begins with is known', async () => {
    const { script, release } = engine(says);
    release();
    gateway = await startGateway({ scripts: [script, script], warm: WARM });
    const prefix = { tokens: Uint32Array.from({ length: 160 }, (_, at) => at), uses: 2 };
    gateway.gateway.startPrefixes([prefix], ['w0', 'w1'], 16);
    await vi.waitFor(() => expect(gateway.of('warm.ended')).toHaveLength(2));
    expect(gateway.of('warm.ended').map(({ cause, outcome, worker }) => [cause, outcome, worker])).toEqual([
      ['last_run', 'done', 'w0'],
      ['last_run', 'done', 'w1'],
    ]);
    expect(gateway.gateway.usedPrefixes(8)).toEqual([]);
    await ask(chat());
    await ask(chat());
    await ask(chat(), { 'x-dynamo-session-id': 's2' });
    expect(gateway.gateway.usedPrefixes(8).map(({ uses }) => uses)).toEqual([2]);
  });
});

describe('prefill', () => {
  it('is answered when it is done, and ends when its request comes', async () => {
    const { script, release } = engine(says);
    gateway = await startGateway({ scripts: [script] });
    const early = gateway.post('/dynamo/v1/prefill', chat(), session);
    await vi.waitFor(() => expect(warmBodies()).toHaveLength(1));
    await ask(chat());
    expect(await (await early).json()).toMatchObject({ object: 'prefill', superseded: true });
    release();
    expect(await (await gateway.post('/dynamo/v1/prefill', chat(), session)).json()).toMatchObject({
      superseded: false,
      prompt_tokens: 20,
      cached_tokens: 8,
    });
    expect(gateway.snapshot().requests.total).toBe(1);
    expect(gateway.snapshot().warm.causes).toEqual({ asked: { superseded: 1, done: 1 } });
  });

  it('sends the chat where its tokens are not known', async () => {
    gateway = await startGateway({ prompt: textPrompts() });
    const answer = await gateway.post('/dynamo/v1/prefill', chat());
    expect(answer.status).toBe(200);
    expect(gateway.engines[0]?.bodies[0]).toMatchObject({ max_tokens: 1, messages: [{ role: 'user' }] });
  });

  it('tells what the engine says', async () => {
    gateway = await startGateway({
      scripts: [({ refuse }) => refuse(400, { error: { message: 'too odd' } })],
    });
    const answer = await gateway.post('/dynamo/v1/prefill', chat());
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await answer.text()).toContain('too odd');
    expect(gateway.snapshot().warm.causes).toEqual({ asked: { failed: 1 } });
  });
});
