/**
 * `kill -9` of a worker under 20 streams, told by the official clients. Goal: every answer is the one it would have been.
 * Method: the same questions are asked twice, once in peace.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/telemetry/types.js';
import { type Answered, Clients, DIALECTS, type Question } from '../chaos/support/clients.js';
import { type Home, makeHome, type RunningStack, until } from './harness.js';

let home: Home;

beforeAll(() => {
  home = makeHome();
});

afterAll(() => home.remove());

const STREAMS = 20;
const WHOLE_SHARE_MIN = 0.95;

const questions = (maxTokens: number, extra: Question['extra'] = {}, count = STREAMS): Question[] =>
  Array.from({ length: count }, (_, index) => ({
    dialect: DIALECTS[index % DIALECTS.length] as Question['dialect'],
    prompt: `Tell me story number ${index} of the harbour.`,
    maxTokens,
    isStream: true,
    extra,
  }));

/** Faster than a command of its own. */
const snapshotOf = async (stack: RunningStack) =>
  (await (await fetch(`${stack.url}/dynamo/v1/snapshot`)).json()) as Snapshot;

/** Kills the busiest worker once half of the streams have begun; answers in the order of the questions. */
async function killedUnder(stack: RunningStack, clients: Clients, asked: Question[]): Promise<Answered[]> {
  const begun = new Set<number>();
  const answers = Promise.all(
    asked.map((question, index) => clients.ask(question, { onText: () => begun.add(index) })),
  );
  await until(() => begun.size >= asked.length / 2, 'streams to begin', 60_000);
  const { workers } = await snapshotOf(stack);
  const victim = workers.reduce((a, b) => (b.active.requests > a.active.requests ? b : a));
  expect(victim.active.requests).toBeGreaterThan(0);
  process.kill(victim.pid as number, 'SIGKILL');
  return answers;
}

async function survives(stack: RunningStack, model: string, asked: Question[]): Promise<void> {
  const clients = new Clients(stack.url, model);
  const calm = await Promise.all(asked.map((question) => clients.ask(question)));
  expect(calm.map(({ how }) => how)).toEqual(asked.map(() => 'whole'));
  const before = (await stack.snapshot()).requests;
  const answers = await killedUnder(stack, clients, asked);
  const whole = answers.filter(({ how }) => how === 'whole');
  expect(whole.length, JSON.stringify(answers.filter(({ how }) => how === 'error'))).toBeGreaterThanOrEqual(
    WHOLE_SHARE_MIN * asked.length,
  );
  for (const [index, answer] of answers.entries()) {
    if (answer.how === 'whole') expect(answer).toEqual(calm[index]);
    else expect(answer.error).toMatch(/lost/);
  }
  const { requests, workers } = await stack.snapshot();
  expect(requests.continued - before.continued).toBeGreaterThan(0);
  expect(requests).toMatchObject({ active: 0, failed: before.failed + answers.length - whole.length });
  expect(workers.map(({ active }) => [active.requests, active.prefillTokens, active.decodeBlocks])).toEqual(
    workers.map(() => [0, 0, 0]),
  );
}

// Real workers on a busy machine take their time.
const TIMEOUT_MS = 180_000;

describe('streams of a worker that is killed', { timeout: TIMEOUT_MS }, () => {
  let stack: RunningStack | undefined;

  afterEach(() => stack?.down());

  it('end whole on another, of simulated workers', async () => {
    stack = await home.up('--recipe', 'glm5', '--simulate', '--workers', '2', '--set', 'simulator.speed=1');
    await survives(stack, 'glm-5.1', questions(80, { ignore_eos: true }));
  });

  it('end whole on the same once it is back, where it is the only one', async () => {
    stack = await home.up('--recipe', 'glm5', '--simulate', '--workers', '1', '--set', 'simulator.speed=1');
    await survives(stack, 'glm-5.1', questions(80, { ignore_eos: true }));
  });

  it('end whole on another, of real ones: texts and calls', async () => {
    stack = await home.up('--workers', '2', '--set', 'slots=10');
    const asked = questions(16, {}, 8).map((question, index) =>
      index % 5 === 0 && question.dialect !== 'completions'
        ? { ...question, maxTokens: 32, isCall: true }
        : question,
    );
    await survives(stack, 'smollm2', asked);
  });
});
