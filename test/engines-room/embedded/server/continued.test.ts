/** An answer that another worker began: said again in few pieces, then gone on with, whatever form it has. */
import { afterEach, describe, expect, it } from 'vitest';
import { Choice } from '../../../../src/engines/embedded/server/choice.js';
import { decodeCompletion } from '../../../../src/engines/embedded/server/completion-request.js';
import { CONTINUATION } from '../../../../src/engines/embedded/types.js';
import { compileChatTemplate } from '../../../../src/model/chat-template.js';
import { chat, chatStream, type FakeWorker, fakeWorker, gathered, type Json, USER } from './worker-client.js';

const { idsField, continuedField } = CONTINUATION;
const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];

const NO_TOKENS = { bosToken: '', eosToken: '' };

let worker: FakeWorker;

afterEach(() => worker.server.close());

/** Bytes are tokens: the worker goes on after those it is given, as the real one does. */
async function askedTwice(output: string, body: Json, cut: number) {
  worker = await fakeWorker((index) =>
    index === 0 ? output : Buffer.from(output).subarray(cut).toString('latin1'),
  );
  const whole = await chatStream(worker.url, { ...body, [idsField]: true });
  const continued = idsOf(whole).slice(0, cut);
  await worker.server.close();
  worker = await fakeWorker({ output: Buffer.from(output).subarray(cut) });
  const again = await chatStream(worker.url, { ...body, [idsField]: true, [continuedField]: continued });
  return { whole, again, continued };
}

const choices = (values: readonly Json[]): Json[] => values.flatMap((value) => value['choices'] as Json[]);
const idsOf = (values: readonly Json[]): number[] =>
  choices(values).flatMap((choice) => (choice['token_ids'] as number[] | null) ?? []);
const usageOf = (values: readonly Json[]): unknown => values.at(-1)?.['usage'];

describe('the ids of an answer', () => {
  it('come with its pieces, and those of the prompt do not', async () => {
    worker = await fakeWorker('Hi é.');
    const values = await chatStream(worker.url, { [idsField]: true });
    expect(idsOf(values)).toEqual([...Buffer.from('Hi é.')]);
    expect(values[0]?.['prompt_token_ids']).toBeNull();
  });

  it('come with the last event a token makes, so that nobody has half of one', async () => {
    worker = await fakeWorker();
    const pieces = ['{"name": "look", ', '"arguments": {"a":', '1}}'];
    const core = Object.assign(worker.core, { piece: (token: number) => Buffer.from(pieces[token] ?? '') });
    const body = { messages: USER, tools, tool_choice: 'required', [idsField]: true };
    const context = { core, names: ['small'], template: compileChatTemplate('x', NO_TOKENS), addBos: false };
    const choice = new Choice(core, decodeCompletion(context, body, 'chat', 'id'));
    const events = [0, 1, 2].flatMap((token) => choice.token(token, undefined));
    expect(events.map((event) => [event.kind, event.tokenIds ?? null])).toEqual([
      ['call', null],
      ['arguments', [0, 1]],
      ['arguments', [2]],
    ]);
  });
});

describe('a continued answer', () => {
  it.each<[string, string, Json]>([
    ['text, cut within a character', 'naïve 日本語 end', {}],
    ['text that may turn into calls', '<tool_call>{"name":"look","arguments":{}}</tool_call>', { tools }],
    ['a required call', '{"name": "look", "arguments": {"a":[1,2]}}', { tools, tool_choice: 'required' }],
    [
      'a named call',
      '{"a":"日本"}',
      { tools, tool_choice: { type: 'function', function: { name: 'look' } } },
    ],
    ['text before a stop string', 'abc stop', { stop: ['stop'] }],
  ])('of %s is the whole one, at every cut', async (_, output, body) => {
    const bytes = Buffer.byteLength(output);
    for (let cut = 1; cut < bytes; cut += Math.ceil(bytes / 9)) {
      const { whole, again, continued } = await askedTwice(
        output,
        { ...body, stream_options: { include_usage: true } },
        cut,
      );
      expect(gathered(again)).toEqual(gathered(whole));
      expect(idsOf(again)).toEqual(idsOf(whole));
      if (continued.length === cut) expect(usageOf(again)).toEqual(usageOf(whole));
      expect([...(worker.core.jobs[0]?.continued ?? [])]).toEqual(continued);
      await worker.server.close();
    }
  });

  it('says what was said in one piece', async () => {
    worker = await fakeWorker({ output: '!' });
    const said = 'a long beginning of an answer';
    const values = choices(await chatStream(worker.url, { [continuedField]: [...Buffer.from(said)] }));
    expect(values.map(({ delta }) => (delta as Json)['content'])).toEqual(['', said, '!', undefined]);
  });

  it('ends at once where a stop string was the last that was said', async () => {
    worker = await fakeWorker('never seen');
    worker.core.isHeld = true;
    const values = await chatStream(worker.url, {
      stop: ['END'],
      [continuedField]: [...Buffer.from('so END')],
    });
    expect(gathered(values)[0]).toMatchObject({ text: 'so ', finish: 'stop' });
  });

  it('is refused for several answers and for ids that are none', async () => {
    worker = await fakeWorker();
    const refused = await chat(worker.url, { n: 2, [continuedField]: [1] });
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining('n = 1')]);
    expect((await chat(worker.url, { [continuedField]: [-1] })).status).toBe(400);
  });
});
