/**
 * Ten times as many requests as can be served. Goal: queue and memory stay bounded, who is refused is told when to come back
 * in the words of the client's wire API, who is important is served, and five seconds after the end all is as before.
 */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome, type RunningStack, until } from '../e2e/harness.js';
import { type Answered, Clients, DIALECTS, type Question } from './support/clients.js';
import { becomesQuiet, snapshotOf } from './support/invariants.js';

const MIB = 1024 * 1024;
/** Two workers of so many requests at once, and so many that wait. */
const ACTIVE_PER_WORKER = 4;
const QUEUE_MAX = 24;
const ANSWER_TOKENS = 40;

let home: Home;
let stack: RunningStack;
let clients: Clients;

beforeAll(async () => {
  home = makeHome();
  const bounds = [`router.max_active_per_worker=${ACTIVE_PER_WORKER}`, `router.queue_max=${QUEUE_MAX}`];
  const set = ['simulator.speed=4', ...bounds].flatMap((pair) => ['--set', pair]);
  stack = await home.up('--recipe', 'glm5', '--simulate', '--workers', '2', ...set);
  clients = new Clients(stack.url, 'glm-5.1');
});

afterAll(async () => {
  await stack?.down();
  home?.remove();
});

const questionOf = (index: number, more: Partial<Question> = {}): Question => ({
  dialect: DIALECTS[index % DIALECTS.length] as Question['dialect'],
  prompt: `Tell me story number ${index} of the harbour.`,
  maxTokens: ANSWER_TOKENS,
  isStream: index % 2 === 0,
  extra: { ignore_eos: true },
  ...more,
});

const residentBytes = async () => (await snapshotOf(stack)).memory.residentBytes;

/** Requests a second that two full workers answer, measured by keeping them full. */
async function capacity(): Promise<number> {
  const startedAt = performance.now();
  const count = 2 * ACTIVE_PER_WORKER * 4;
  let next = 0;
  const client = async () => {
    while (next < count) await clients.ask(questionOf(next++));
  };
  await Promise.all(Array.from({ length: 2 * ACTIVE_PER_WORKER }, client));
  return (1_000 * count) / (performance.now() - startedAt);
}

it('ten times as many arrivals as can be served', async () => {
  const perSecond = 10 * (await capacity());
  await becomesQuiet(stack);
  const before = await residentBytes();
  const seconds = 6;
  const asked: Promise<Answered>[] = [];
  const urgent: Promise<Answered>[] = [];
  const most = { queued: 0, active: 0, bytes: 0 };
  const watch = setInterval(async () => {
    const { requests, memory } = await snapshotOf(stack);
    most.queued = Math.max(most.queued, requests.queued);
    most.active = Math.max(most.active, requests.active);
    most.bytes = Math.max(most.bytes, memory.residentBytes);
  }, 200);
  const startedAt = performance.now();
  for (let index = 0; performance.now() - startedAt < seconds * 1_000; index++) {
    const due = startedAt + (1_000 * index) / perSecond;
    if (due > performance.now()) await sleep(due - performance.now());
    if (index % 40 === 20) {
      const headers = { 'x-dynamo-request-priority': '10' };
      urgent.push(clients.ask(questionOf(index, { headers })));
    } else asked.push(clients.ask(questionOf(index)));
  }
  const endedAt = performance.now();
  await until(
    async () => {
      const { requests } = await snapshotOf(stack);
      return requests.queued === 0 && requests.active === 0;
    },
    'the queue to be empty again',
    5_000,
  );
  const recoveryMs = performance.now() - endedAt;
  clearInterval(watch);
  const [answers, important] = [await Promise.all(asked), await Promise.all(urgent)];
  const refused = answers.filter(({ how }) => how === 'error');
  const figures = {
    arrivalsPerSecond: Math.round(perSecond),
    arrivals: answers.length + important.length,
    whole: answers.length - refused.length,
    refused: refused.length,
    importantWhole: `${important.filter(({ how }) => how === 'whole').length} of ${important.length}`,
    mostQueued: most.queued,
    mostMiBAboveBefore: Math.round((most.bytes - before) / MIB),
    recoveryMs: Math.round(recoveryMs),
  };
  console.log('overload:', JSON.stringify(figures));
  expect(refused.length).toBeGreaterThan(answers.length / 2);
  for (const { status, retryAfter, error } of refused) {
    expect([status, error]).toEqual([529, expect.stringMatching(/busy/)]);
    expect(Number(retryAfter)).toBeGreaterThan(0);
  }
  expect(important.map(({ how, error }) => [how, error])).toEqual(important.map(() => ['whole', '']));
  expect(most.queued).toBeLessThanOrEqual(QUEUE_MAX);
  // Requests that wait, and what a burst of refusals leaves to the collector.
  expect(most.bytes - before).toBeLessThan(200 * MIB);
  await becomesQuiet(stack);
});

describe('connections that do nothing', () => {
  const COUNT = 2_000;

  it(`${COUNT} of them cost little memory and nobody's time`, async () => {
    const { hostname, port } = new URL(stack.url);
    const before = await residentBytes();
    const sockets = await Promise.all(
      Array.from(
        { length: COUNT },
        () =>
          new Promise<net.Socket>((resolve, reject) => {
            const socket = net.connect(Number(port), hostname);
            // One answered request each: what stays is an agent's connection between its turns.
            socket.once('data', () => resolve(socket));
            socket.once('error', reject);
            socket.write('GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n');
          }),
      ),
    );
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => clients.ask(questionOf(index))),
    );
    expect(answers.map(({ how }) => how)).toEqual(answers.map(() => 'whole'));
    const bytes = (await residentBytes()) - before;
    console.log('overload:', JSON.stringify({ idle: COUNT, MiB: Math.round(bytes / MIB) }));
    expect(bytes).toBeLessThan(COUNT * 64 * 1024);
    for (const socket of sockets) socket.destroy();
  });
});

describe('clients that do not read', () => {
  it('hold neither others nor memory', async () => {
    const { hostname, port } = new URL(stack.url);
    const before = await residentBytes();
    const count = 2 * ACTIVE_PER_WORKER - 2;
    const lazy = Array.from({ length: count }, (_, index) => {
      const body = JSON.stringify({
        model: 'glm-5.1',
        messages: [{ role: 'user', content: `Nobody listens, ${index}.` }],
        stream: true,
        max_tokens: 60_000,
        ignore_eos: true,
      });
      const socket = net.connect(Number(port), hostname);
      socket.pause();
      socket.on('error', () => {});
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      return socket;
    });
    await until(async () => (await snapshotOf(stack)).requests.active >= count, 'them to be there');
    const startedAt = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => clients.ask(questionOf(index))),
    );
    const othersMs = performance.now() - startedAt;
    expect(answers.map(({ how }) => how)).toEqual(answers.map(() => 'whole'));
    await sleep(4_000);
    const bytes = (await residentBytes()) - before;
    console.log(
      'overload:',
      JSON.stringify({ lazy: count, MiB: Math.round(bytes / MIB), othersMs: Math.round(othersMs) }),
    );
    expect(bytes).toBeLessThan(64 * MIB);
    for (const socket of lazy) socket.destroy();
    await becomesQuiet(stack);
  });
});
