/** What the holder of a key may do: priorities, cache and requests at once, in every dialect. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type KeyPolicy, plainKey } from '../../src/gateway/key-policy.js';
import { startGateway, type TestGateway } from './support/harness.js';

let gateway: TestGateway;
afterEach(() => gateway.close());

const ANY = 'key-of-the-owner';
const policy = (name: string, changes: Partial<KeyPolicy>): KeyPolicy => ({
  ...plainKey(name, `key-of-${name}`),
  ...changes,
});

const BODIES: [path: string, body: Record<string, unknown>][] = [
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/completions', { prompt: 'hi' }],
  ['/v1/messages', { max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/responses', { input: 'hi' }],
];
const HIGH = { nvext: { agent_hints: { priority: 50, strict_priority: 7 } } };

async function ask(
  path: string,
  body: unknown,
  name: string,
): Promise<{ status: number; hints: unknown; key: unknown }> {
  const answer = await gateway.post(
    path,
    { model: 'test-model', ...(body as object) },
    { authorization: `Bearer key-of-${name}` },
  );
  await answer.text();
  const id = answer.headers.get('x-request-id') ?? '';
  const told = await fetch(`${gateway.url}/dynamo/v1/requests/${id}`, { headers: { 'x-api-key': ANY } });
  const { request } = (await told.json()) as { request?: { hints: unknown; key: unknown } };
  return { status: answer.status, hints: request?.hints, key: request?.key };
}

function start(...policies: KeyPolicy[]): Promise<TestGateway> {
  return startGateway({ config: { apiKeys: [ANY], keyPolicies: policies } });
}

describe.each(BODIES)('%s', (path, body) => {
  it('takes a priority as far as the key may have it', async () => {
    gateway = await start(
      policy('boss', {}),
      policy('team', { priorityMax: 10, strictPriorityMax: 0 }),
      policy('guest', { ignorePriority: true, strictPriorityMax: 0 }),
      policy('low', { priorityMax: -4, strictPriorityMax: 0 }),
    );
    const asked = { ...body, ...HIGH };
    expect(await ask(path, asked, 'boss')).toMatchObject({
      key: 'boss',
      hints: { priority: 50, strictPriority: 7 },
    });
    expect(await ask(path, asked, 'team')).toMatchObject({
      key: 'team',
      hints: { priority: 10, strictPriority: 0 },
    });
    expect(await ask(path, asked, 'guest')).toMatchObject({ hints: { priority: 0, isPriorityGiven: false } });
    expect(await ask(path, body, 'low')).toMatchObject({ hints: { priority: -4 } });
  });
});

describe('a cache of its own', () => {
  it('is read by nobody else, whatever salt is given, and by the same key again', async () => {
    gateway = await start(policy('a', { ownCache: true }), policy('b', { ownCache: true }), policy('c', {}));
    const text = 'word '.repeat(200);
    const predicted = async (name: string, extra = {}): Promise<number> => {
      const answer = await gateway.post(
        '/v1/chat/completions',
        { model: 'test-model', messages: [{ role: 'user', content: text }], ...extra },
        { 'x-api-key': `key-of-${name}` },
      );
      await answer.text();
      return Number(answer.headers.get('x-dynamo-predicted-tokens'));
    };
    expect(await predicted('a')).toBe(0);
    expect(await predicted('a')).toBeGreaterThan(100);
    expect(await predicted('b')).toBe(0);
    expect(await predicted('c')).toBe(0);
    const salt = gateway.engines[0]!.bodies[0]!['cache_salt'];
    expect(salt).toMatch(/^[0-9a-f]{32}$/);
    expect(salt).not.toBe(createHash('sha256').update('key-of-a').digest('hex').slice(0, 32));
    expect(await predicted('a', { cache_salt: 'x' })).toBe(0);
    expect(await predicted('a', { cache_salt: 'x' })).toBeGreaterThan(100);
  });
});

describe('requests at once', () => {
  it.each(BODIES)('are as many as the key may have: %s', async (path, body) => {
    gateway = await start(policy('a', { requestsMax: 1 }), policy('b', {}));
    const engine = gateway.engines[0]!;
    const held: (() => void)[] = [];
    engine.script = ({ say }) => {
      held.push(() => say('Hi'));
    };
    const send = (name: string) =>
      gateway.post(path, { model: 'test-model', ...body }, { 'x-api-key': `key-of-${name}` });
    const arrived = engine.next();
    const first = send('a');
    await arrived;
    const second = await send('a');
    expect([second.status, second.headers.get('retry-after')]).toEqual([429, '1']);
    expect(JSON.stringify(await second.json())).toContain('key `a`');
    engine.script = ({ say }) => say('Hi');
    expect((await send('b')).status).toBe(200);
    for (const go of held) go();
    expect((await first).status).toBe(200);
    expect((await send('a')).status).toBe(200);
  });
});

it('no key is told: not in events, snapshot, metrics or explain', async () => {
  gateway = await start(policy('a', {}));
  await ask('/v1/chat/completions', BODIES[0]![1], 'a');
  await ask('/v1/chat/completions', BODIES[0]![1], 'wrong');
  const metrics = await fetch(`${gateway.url}/metrics`, { headers: { 'x-api-key': ANY } });
  const all = JSON.stringify([gateway.events, gateway.snapshot(), await metrics.text()]);
  expect(all).not.toMatch(/key-of-/);
  const { hints } = await ask('/v1/chat/completions', { ...BODIES[0]![1], cache_salt: 'tenant' }, 'a');
  expect(hints).toMatchObject({ cacheSalt: '(set)' });
});
