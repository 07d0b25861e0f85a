/** Tool calls: forced ones come out as calls whatever pieces they are written in; free text may turn out to be one. */
import { afterEach, describe, expect, it } from 'vitest';
import { chat, chatStream, type FakeWorker, fakeWorker, gathered, type Json } from './worker-client.js';

let worker: FakeWorker;

afterEach(() => worker.server.close());

const tool = (name: string): Json => ({
  type: 'function',
  function: {
    name,
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
});
const tools = [tool('get_weather'), tool('find')];
const named = { type: 'function', function: { name: 'find' } };

/** The one choice of a chat, whole and streamed; both must say the same. */
async function answerOf(output: string, body: Json) {
  worker = await fakeWorker(output);
  const { json } = await chat(worker.url, { tools, ...body });
  const choice = (json['choices'] as Json[])[0] as Json;
  const message = choice['message'] as Json;
  const calls = ((message['tool_calls'] ?? []) as { id: string; function: unknown }[]).map(
    (call) => call.function,
  );
  const whole = { text: message['content'], calls, finish: choice['finish_reason'] };
  expect(gathered(await chatStream(worker.url, { tools, ...body }))).toEqual([whole]);
  return whole;
}

const CALL = { name: 'get_weather', arguments: '{"city": "Par}\\"is"}' };
const WRITTEN = `{"name": "${CALL.name}", "arguments": ${CALL.arguments}}`;

describe('a required call', () => {
  it('is told with its arguments and ends with tool_calls', async () => {
    expect(await answerOf(WRITTEN, { tool_choice: 'required' })).toEqual({
      text: '',
      calls: [CALL],
      finish: 'tool_calls',
    });
    expect(worker.core.jobs[0]?.sampling.grammar).toContain('\\"get_weather\\"');
  });

  it('that is cut off ends with length', async () => {
    const cut = await answerOf(WRITTEN, { tool_choice: 'required', max_tokens: 45 });
    expect(cut).toMatchObject({ finish: 'length', calls: [{ name: 'get_weather', arguments: '{"city":' }] });
  });

  it('ignores stop strings, which would cut it into invalid JSON', async () => {
    expect(await answerOf(WRITTEN, { tool_choice: 'required', stop: 'city' })).toMatchObject({
      calls: [CALL],
    });
  });

  it('has an id of its own', async () => {
    worker = await fakeWorker(WRITTEN);
    const ids = await Promise.all(
      [1, 2].map(async () => {
        const { json } = await chat(worker.url, { tools, tool_choice: 'required' });
        const message = (json['choices'] as Json[])[0]?.['message'] as { tool_calls: { id: string }[] };
        return message.tool_calls[0]?.id;
      }),
    );
    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toMatch(/^chatcmpl-tool-[0-9a-f]{16}$/);
  });
});

describe('a call of a named function', () => {
  it('is only its arguments, and ends with stop', async () => {
    expect(await answerOf('{"city": "Rome"}', { tool_choice: named })).toEqual({
      text: '',
      calls: [{ name: 'find', arguments: '{"city": "Rome"}' }],
      finish: 'stop',
    });
    expect(worker.core.jobs[0]?.sampling.grammar).not.toContain('get_weather');
  });

  it('that is not among the tools is refused', async () => {
    worker = await fakeWorker('');
    const unknown = { type: 'function', function: { name: 'other' } };
    expect((await chat(worker.url, { tools, tool_choice: unknown })).status).toBe(400);
  });
});

describe('free text with tools', () => {
  const object = '{"name":"find","arguments":{"city":"Rome"}}';
  const call = { name: 'find', arguments: '{"city":"Rome"}' };

  it.each<[string, string, unknown[]]>([
    ['a tagged call', `<tool_call>\n${object}\n</tool_call>`, [call]],
    ['a tagged call left open', `<tool_call>${object}`, [call]],
    ['bare JSON', ` ${object}\n`, [call]],
    ['arguments as text', '{"name":"find","arguments":"{\\"city\\":\\"Rome\\"}"}', [call]],
    ['no arguments', '{"name":"find"}', [{ name: 'find', arguments: '{}' }]],
    [
      'several tagged calls',
      `<tool_call>${object}</tool_call>\n<tool_call>${object}</tool_call>`,
      [call, call],
    ],
  ])('that is %s becomes a call', async (_, output, calls) => {
    expect(await answerOf(output, {})).toEqual({ text: '', calls, finish: 'tool_calls' });
    expect(worker.core.jobs[0]?.sampling.grammar).toBeUndefined();
  });

  it.each<[string, string]>([
    ['prose', 'The weather is fine.'],
    ['JSON that is no call', '{"city": "Rome"}'],
    ['a call of an unknown tool', '{"name":"other","arguments":{}}'],
    ['a call after prose', `I will look. <tool_call>${object}</tool_call>`],
    ['a call before prose', `<tool_call>${object}</tool_call> Done.`],
    ['arguments that are no object', '{"name":"find","arguments":[1]}'],
    ['JSON that never ends', '{"name":"find"'],
    ['only blanks', '  \n'],
  ])('that is %s stays text, letter for letter', async (_, output) => {
    expect(await answerOf(output, {})).toEqual({ text: output, calls: [], finish: 'stop' });
  });

  it('keeps to one call when parallel ones are not wanted', async () => {
    const output = `<tool_call>${object}</tool_call><tool_call>${object}</tool_call>`;
    expect((await answerOf(output, { parallel_tool_calls: false })).calls).toEqual([call]);
  });

  it('is streamed as soon as it can be no call', async () => {
    worker = await fakeWorker('Hi <tool_call>');
    const values = await chatStream(worker.url, { tools });
    expect(values.filter((value) => JSON.stringify(value).includes('"content"')).length).toBeGreaterThan(10);
  });

  it('is never a call when tools are switched off', async () => {
    expect(await answerOf(object, { tool_choice: 'none' })).toEqual({
      text: object,
      calls: [],
      finish: 'stop',
    });
  });
});
