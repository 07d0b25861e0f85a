/** Compaction: the model summarises the conversation it has cached, and the summary goes on in its place. */
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { startGateway, type TestGateway } from './support/harness.js';
import type { Exchange } from './support/scripted-engine.js';

let gateway: TestGateway;
let openai: OpenAI;

const model = 'test-model';
const SUMMARY = 'The user wants a fix in a.ts. Tests are red.';
const thinkThenSum = ({ delta, done }: Exchange) => {
  delta({ role: 'assistant', content: '' });
  delta({ reasoning: 'What mattered?' });
  delta({ content: SUMMARY.slice(0, 20) });
  delta({ content: SUMMARY.slice(20) });
  delta({}, 'stop');
  done();
};

beforeEach(async () => {
  gateway = await startGateway({ scripts: [thinkThenSum], served: { contextTokens: 100_000 } });
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterEach(() => gateway.close());

const tools = [{ type: 'function' as const, name: 'read', parameters: { type: 'object' }, strict: false }];
const conversation: OpenAI.Responses.ResponseInputItem[] = [
  { role: 'developer', content: 'Work in /repo.' },
  { role: 'user', content: 'Fix a.ts' },
  { type: 'function_call', call_id: 'c1', name: 'read', arguments: '{"path":"a.ts"}' },
  { type: 'function_call_output', call_id: 'c1', output: 'let a = 1;' },
  { role: 'assistant', content: 'I see.' },
  { role: 'user', content: 'Go on.' },
];

const sent = (index: number) =>
  gateway.engines[0]?.bodies[index]?.['messages'] as { role: string; content: string }[];

describe('the compact route', () => {
  it('gives the user’s turns and one opaque item, with what it cost', async () => {
    const compacted = await openai.responses.compact({
      model,
      input: conversation,
      instructions: 'Be brief.',
    });
    expect(compacted.object).toBe('response.compaction');
    expect(compacted.usage).toMatchObject({ input_tokens: 20, output_tokens: 3, total_tokens: 23 });
    expect(compacted.output).toMatchObject([
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Work in /repo.' }] },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Fix a.ts' }] },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Go on.' }] },
      { type: 'compaction', id: expect.stringMatching(/^cmp_/), encrypted_content: expect.any(String) },
    ]);
    expect(JSON.stringify(compacted.output)).not.toContain('Tests are red');
    const ids = compacted.output.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('asks the model at the end of the conversation, whose start stays what it was', async () => {
    await openai.responses.create({ model, input: conversation, tools });
    await openai.post('/responses/compact', { body: { model, input: conversation, tools } });
    const [turn, compaction] = gateway.engines[0]?.bodies ?? [];
    const before = sent(0);
    expect(sent(1).slice(0, before.length)).toEqual(before);
    expect(sent(1)).toHaveLength(before.length + 1);
    expect(sent(1).at(-1)).toMatchObject({ role: 'user', content: expect.stringContaining('summary') });
    expect(compaction?.['tools']).toEqual(turn?.['tools']);
    expect(compaction?.['max_tokens']).toBe(LIMITS.compactSummaryTokens);
  });

  it('has its output taken back as it is', async () => {
    const { output } = await openai.responses.compact({ model, input: conversation });
    const input = [
      ...(output as OpenAI.Responses.ResponseInputItem[]),
      { role: 'user' as const, content: 'Next?' },
    ];
    await openai.responses.create({ model, input });
    expect(sent(1).map(({ role, content }) => [role, content])).toEqual([
      ['system', 'Work in /repo.'],
      ['user', 'Fix a.ts'],
      ['user', 'Go on.'],
      ['user', expect.stringMatching(new RegExp(`^This is a summary.*\n\n${SUMMARY}$`))],
      ['user', 'Next?'],
    ]);
  });

  it('compacts what a kept response ended, too', async () => {
    const first = await openai.responses.create({ model, input: 'Fix a.ts' });
    const { output } = await openai.responses.compact({ model, previous_response_id: first.id });
    expect(output.map(({ type }) => type)).toEqual(['message', 'compaction']);
  });

  it('keeps the newest of the user’s turns when they are long', async () => {
    const turns = ['the oldest', 'x'.repeat(LIMITS.compactKeptChars - 5), 'last'];
    const input = turns.map((content) => ({ role: 'user' as const, content }));
    const { output } = await openai.responses.compact({ model, input });
    const texts = output.map((item) => JSON.stringify(item)).filter((text) => text.includes('input_text'));
    expect(texts.map((text) => text.length > LIMITS.compactKeptChars - 5)).toEqual([true, false]);
    expect(texts[1]).toContain('last');
  });

  it('needs a model, and a conversation', async () => {
    for (const body of [{ input: 'hi' }, { model }]) {
      expect((await gateway.post('/v1/responses/compact', body)).status).toBe(400);
    }
  });

  it('fails when the model says nothing', async () => {
    gateway.engines[0]!.script = ({ say }) => say('  ');
    const answer = await gateway.post('/v1/responses/compact', { model, input: 'hi' });
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([
      502,
      'no_summary',
    ]);
  });
});

describe('a compaction trigger', () => {
  it('streams one compaction item and nothing of the summary before it', async () => {
    const stream = openai.responses.stream({
      model,
      store: false,
      input: [...conversation, { type: 'compaction_trigger' }],
    });
    const types: string[] = [];
    stream.on('event', ({ type }) => types.push(type));
    const final = await stream.finalResponse();
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(final.output).toMatchObject([{ type: 'compaction' }]);
  });

  it('leaves a kept conversation shorter', async () => {
    const first = await openai.responses.create({ model, input: conversation });
    const second = await openai.responses.create({
      model,
      previous_response_id: first.id,
      input: [{ type: 'compaction_trigger' }],
    });
    await openai.responses.create({ model, previous_response_id: second.id, input: 'Next?' });
    expect(sent(2).map(({ role }) => role)).toEqual(['system', 'user', 'user', 'user', 'user']);
    expect(sent(2).at(-2)?.content).toContain(SUMMARY);
  });

  it('that fails is the stream’s last event', async () => {
    gateway.engines[0]!.script = ({ say }) => say('');
    const input = [{ role: 'user', content: 'hi' }, { type: 'compaction_trigger' }];
    const answer = await gateway.post('/v1/responses', { model, input, stream: true });
    const text = await answer.text();
    expect(text.trim().split('\n').at(-2)).toBe('event: response.failed');
    expect(text).toContain('no_summary');
  });
});

it('a compaction made elsewhere is left out with a warning, and the rest is answered', async () => {
  const input = [
    { type: 'compaction', encrypted_content: 'gAAAAA' },
    { role: 'user', content: 'hi' },
  ];
  expect((await gateway.post('/v1/responses', { model, input })).status).toBe(200);
  expect(gateway.of('warning').map(({ code }) => code)).toEqual(['item_ignored']);
});
