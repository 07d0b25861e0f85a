/** Responses against a real worker: a prewarm is computed, a conversation is compacted by the model, answers outlive a restart. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { responseIdOf, TestSocket } from '../gateway/support/socket.js';
import { type Home, makeHome, type RunningStack } from './harness.js';

let home: Home;
let stack: RunningStack;
let openai: OpenAI;

const up = async () => {
  stack = await home.up('--workers', '1', '--set', 'slots=2', '--set', 'responses.store=disk');
  openai = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: 'none', maxRetries: 0 });
};

beforeAll(async () => {
  home = makeHome();
  await up();
});

afterAll(async () => {
  await stack?.down();
  home?.remove();
});

const model = 'smollm2';
const rules = Array.from(
  { length: 40 },
  (_, index) => `Rule ${index}: be brief and answer in one sentence.`,
).join(' ');

interface Usage {
  input_tokens: number;
  output_tokens: number;
  input_tokens_details: { cached_tokens: number };
}

describe('a prewarm over a WebSocket', () => {
  it('is computed by the worker, so that the next turn reads it from the cache', async () => {
    const socket = await TestSocket.open(stack.url);
    const fields = { model, instructions: rules, temperature: 0 };
    const warm = await socket.turn({ ...fields, input: [], generate: false });
    const { usage } = warm.at(-1)?.['response'] as { usage: Usage };
    expect([usage.input_tokens_details.cached_tokens, usage.output_tokens]).toEqual([0, 0]);
    const turn = await socket.turn({
      ...fields,
      previous_response_id: responseIdOf(warm),
      input: 'What is the capital of Italy?',
      max_output_tokens: 4,
    });
    const answered = turn.at(-1)?.['response'] as { usage: Usage };
    expect(usage.input_tokens).toBeGreaterThan(150);
    expect(answered.usage.input_tokens_details.cached_tokens).toBeGreaterThanOrEqual(128);
    socket.close();
  });
});

describe('a compaction', () => {
  it('is the model’s own summary, reads the conversation from the cache and goes on in its place', async () => {
    const input: OpenAI.Responses.ResponseInputItem[] = [
      { role: 'user', content: `${rules} My name is Ann and I live in Rome.` },
    ];
    const first = await openai.responses.create({ model, input, max_output_tokens: 4, temperature: 0 });
    const conversation = [...input, { role: 'assistant' as const, content: first.output_text }];
    const body = { model, input: conversation, max_output_tokens: 12 };
    const compacted: OpenAI.Responses.CompactedResponse = await openai.post('/responses/compact', { body });
    expect(compacted.output.map(({ type }) => type)).toEqual(['message', 'compaction']);
    expect(compacted.usage.output_tokens).toBeGreaterThan(1);
    expect(compacted.usage.input_tokens_details.cached_tokens).toBeGreaterThanOrEqual(128);
    const answer = await openai.responses.create({
      model,
      input: [
        ...(compacted.output as OpenAI.Responses.ResponseInputItem[]),
        { role: 'user', content: 'What is the capital of Italy?' },
      ],
      max_output_tokens: 4,
    });
    expect(answer.status).toMatch(/^(completed|incomplete)$/);
  });
});

describe('the count of input tokens', () => {
  it('is the engine’s own', async () => {
    const asked = { model, instructions: 'Be brief.', input: 'What is the capital of Italy?' };
    const { input_tokens } = await openai.responses.inputTokens.count(asked);
    const answer = await openai.responses.create({ ...asked, max_output_tokens: 4 });
    expect(input_tokens).toBe(answer.usage?.input_tokens);
  });
});

describe('a kept response', () => {
  it('is there again after a restart of the stack', async () => {
    const first = await openai.responses.create({ model, input: 'My name is Ann.', max_output_tokens: 4 });
    await stack.down();
    await up();
    expect((await openai.responses.retrieve(first.id)).id).toBe(first.id);
    const next = await openai.responses.create({
      model,
      previous_response_id: first.id,
      input: 'Who am I?',
      max_output_tokens: 4,
    });
    expect(next.previous_response_id).toBe(first.id);
  });
});
