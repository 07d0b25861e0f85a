/** What is particular to chat completions and completions: every form of a field, and the calls of old clients. */
import { describe, expect, it } from 'vitest';
import { chatDialect } from '../../src/dialects/chat/chat.js';
import { completionsDialect } from '../../src/dialects/completions/completions.js';
import { engineBody } from '../../src/request/engine-body.js';
import type { StreamEvent } from '../../src/request/types.js';

const warnings: string[] = [];
const context = {
  requestId: 'r1',
  headers: {},
  warn: (_code: string, message: string) => warnings.push(message),
};
const decode = (body: Record<string, unknown>) =>
  chatDialect.decode({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...body }, context);
const complete = (body: Record<string, unknown>) =>
  completionsDialect.decode({ model: 'm', ...body }, context);
const turns = (messages: unknown[]) => {
  const { input } = decode({ messages });
  return input.kind === 'chat' ? input.messages : [];
};
const fn = (name: string) => ({ type: 'function', function: { name, parameters: { type: 'object' } } });
const answer: StreamEvent[] = [
  { type: 'start', engineId: 'e' },
  { type: 'tool_start', choice: 0, index: 0, id: 'c', name: 'f' },
  { type: 'tool_delta', choice: 0, index: 0, arguments: '{"a":' },
  { type: 'tool_delta', choice: 0, index: 0, arguments: '1}' },
  { type: 'finish', choice: 0, reason: 'tool_use' },
  { type: 'done' },
];
const encoding = { model: 'm', created: 1, promptTokens: 1 };

describe('messages', () => {
  it('of developer and system at the start are one system turn', () => {
    expect(
      turns([
        { role: 'developer', content: 'a' },
        { role: 'system', content: [{ type: 'text', text: 'b' }] },
        { role: 'user', content: 'c' },
      ]).map(({ role, blocks }) => [role, blocks.length]),
    ).toEqual([
      ['system', 2],
      ['user', 1],
    ]);
  });

  it.each([
    [{ reasoning_content: 'r' }],
    [{ reasoning: 'r' }],
    [{ reasoning: 'r', reasoning_content: 'r' }],
    [{ reasoning: 'r', reasoning_content: '' }],
    [{ reasoning: { effort: 'high' }, reasoning_content: 'r' }],
  ])('of the assistant carry their reasoning back: %o', (fields) => {
    const [turn] = turns([{ role: 'assistant', content: 'x', ...fields }]);
    expect(turn?.blocks).toEqual([
      { type: 'thinking', text: 'r' },
      { type: 'text', text: 'x' },
    ]);
  });

  it('hold text of any dialect; audio, files and remote images are refused with the reason', () => {
    const user = (part: Record<string, unknown>) => turns([{ role: 'user', content: [part] }])[0]?.blocks;
    expect(user({ type: 'input_text', text: 'a' })).toEqual([{ type: 'text', text: 'a' }]);
    expect(
      user({ type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'low' } }),
    ).toEqual([{ type: 'image', mediaType: 'image/png', data: 'AA' }]);
    expect(() => user({ type: 'image_url', image_url: { url: 'https://x/a.png' } })).toThrow(
      /not fetched here/,
    );
    expect(() => user({ type: 'input_audio', input_audio: { data: '', format: 'wav' } })).toThrow(/audio/);
    expect(() => user({ type: 'file', file: { file_id: 'f' } })).toThrow(/files cannot be read/);
    expect(() => user({ type: 'video_url' })).toThrow(/video_url/);
  });

  it('whose type is an object with a toString of its own are refused like any other', () => {
    const odd = { toString: 1, valueOf: null };
    expect(() => turns([{ role: 'user', content: [{ type: odd }] }])).toThrow(/parts of type/);
    expect(decode({ tools: [{ type: odd }] }).tools).toEqual([]);
  });

  it('of old clients: a function_call and the result of a function', () => {
    const messages = [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
      { role: 'function', name: 'f', content: 'r' },
    ];
    expect(turns(messages).map(({ blocks }) => blocks[0])).toMatchObject([
      { type: 'text' },
      { type: 'tool_use', id: 'f', name: 'f', arguments: '{}' },
      { type: 'tool_result', toolUseId: 'f' },
    ]);
  });
});

describe('tool choice', () => {
  const tools = [fn('f'), fn('g')];
  it.each([
    ['auto', { kind: 'auto' }],
    ['none', { kind: 'none' }],
    ['required', { kind: 'required' }],
    [fn('g'), { kind: 'tool', name: 'g' }],
    [null, { kind: 'auto' }],
  ])('%o', (tool_choice, expected) => {
    expect(decode({ tools, tool_choice }).toolChoice).toEqual(expected);
  });

  it('of allowed tools leaves only those in the prompt', () => {
    const allowed = (mode: string) => ({
      type: 'allowed_tools',
      allowed_tools: { mode, tools: [{ type: 'function', function: { name: 'g' } }] },
    });
    const request = decode({ tools, tool_choice: allowed('required') });
    expect(request.tools.map(({ name }) => name)).toEqual(['g']);
    expect(request.toolChoice).toEqual({ kind: 'required' });
    expect(decode({ tools, tool_choice: allowed('auto') }).toolChoice).toEqual({ kind: 'auto' });
  });

  it('of a custom tool, whose text is an argument', () => {
    const custom = { type: 'custom', custom: { name: 'patch', format: { type: 'text' } } };
    const tool_choice = { type: 'custom', custom: { name: 'patch' } };
    const request = decode({ tools: [custom], tool_choice });
    expect(request.toolChoice).toEqual({ kind: 'tool', name: 'patch' });
    expect(request.tools[0]?.parameters).toMatchObject({ required: ['input'] });
  });

  it('nobody can meet is refused; one that only a tool left out could meet is auto', () => {
    expect(() => decode({ tool_choice: 'required' })).toThrow(/tool_choice/);
    expect(() => decode({ tools, tool_choice: fn('h') })).toThrow(/no tool h/);
    const dropped = [{ type: 'web_search', name: 'web_search' }];
    expect(decode({ tools: dropped, tool_choice: 'required' }).toolChoice).toEqual({ kind: 'auto' });
    expect(decode({ tools: dropped, tool_choice: { name: 'web_search' } }).toolChoice).toEqual({
      kind: 'auto',
    });
  });
});

describe('functions of old clients', () => {
  const request = decode({
    functions: [{ name: 'f', parameters: { type: 'object' } }],
    function_call: { name: 'f' },
  });

  it('are tools for the engine, one call at a time', () => {
    expect(request).toMatchObject({ toolChoice: { kind: 'tool', name: 'f' }, parallelToolCalls: false });
  });

  it('are answered with a function_call, streamed or whole', () => {
    const whole = chatDialect.encodeWhole(request, answer, encoding) as { choices: unknown[] };
    expect(whole.choices[0]).toMatchObject({
      message: { content: null, function_call: { name: 'f', arguments: '{"a":1}' } },
      finish_reason: 'function_call',
    });
    const encoder = chatDialect.streamEncoder(request, encoding);
    const text = answer.map((event) => encoder.push(event)).join('');
    const deltas = [...text.matchAll(/^data: (\{.*\})$/gm)].map(
      ([, json]) => JSON.parse(json as string).choices[0],
    );
    expect(deltas.flatMap(({ delta }) => delta.function_call ?? [])).toEqual([
      { name: 'f', arguments: '' },
      { arguments: '{"a":' },
      { arguments: '1}' },
    ]);
    expect(deltas.at(-1).finish_reason).toBe('function_call');
    expect(text).not.toContain('tool_calls');
  });
});

describe('settings', () => {
  it('of the answer: a schema may be left out, vLLM checks its own form', () => {
    expect(decode({ response_format: { type: 'json_schema', json_schema: { name: 'x' } } }).format).toEqual({
      kind: 'json_object',
    });
    const tag = { type: 'structural_tag', structures: [], triggers: [] };
    expect(engineBody(decode({ response_format: tag })).body['response_format']).toEqual(tag);
    expect(() => decode({ response_format: { type: 'xml' } })).toThrow(/response_format.type/);
    expect(() => decode({ modalities: ['text', 'audio'] })).toThrow(/modalities/);
    expect(decode({ modalities: ['text'] }).model).toBe('m');
  });

  it.each([
    [{ reasoning_effort: 'none' }, { enabled: false }],
    [{ reasoning_effort: 'xhigh' }, { effort: 'high' }],
    [{ reasoning: { effort: 'low' } }, { effort: 'low' }],
    [{ reasoning: { enabled: false } }, { enabled: false }],
    [{ enable_thinking: true }, { enabled: true }],
    [{ thinking: { type: 'disabled' } }, { enabled: false }],
  ])('of reasoning, as clients of different models write them: %o', (fields, expected) => {
    expect(decode(fields).reasoning).toEqual(expected);
  });

  it.each([
    'constructor',
    '__proto__',
    'toString',
  ])('of an effort called %s, which every object has', (word) => {
    expect(decode({ reasoning_effort: word }).reasoning).toEqual({});
  });

  it('that do nothing here are told with the reason', () => {
    warnings.length = 0;
    decode({
      store: true,
      prediction: { type: 'content', content: 'x' },
      verbosity: 'low',
      web_search_options: {},
    });
    decode({ store: false, verbosity: null });
    expect(warnings.map((text) => text.split(' ')[0])).toEqual([
      'prediction',
      'store',
      'verbosity',
      'web_search_options',
    ]);
  });
});

describe('completions', () => {
  it('take text, ids, and a list of one', () => {
    expect(complete({ prompt: 'a' }).input).toEqual({ kind: 'text', text: 'a' });
    expect(complete({ prompt: ['a'] }).input).toEqual({ kind: 'text', text: 'a' });
    for (const prompt of [[1, 2], [[1, 2]]]) {
      expect(complete({ prompt }).input).toEqual({ kind: 'tokens', tokens: Uint32Array.of(1, 2) });
    }
  });

  it('refuse with the reason what no engine here does', () => {
    expect(() => complete({ prompt: ['a', 'b'] })).toThrow(/prompt: a list of prompts/);
    expect(() => complete({ prompt: 'a', suffix: 'b' })).toThrow(/suffix/);
    expect(() => complete({ prompt: 'a', best_of: 3 })).toThrow(/best_of/);
    expect(complete({ prompt: 'a', best_of: 2, n: 2, suffix: '', echo: false }).n).toBe(2);
    expect(() => complete({ prompt: [1, 2], echo: true })).toThrow(/echo/);
    expect(() => complete({ prompt: 'a', echo: true, logprobs: 1 })).toThrow(/echo/);
  });

  it('begin each choice with the prompt that is to be echoed, whatever the engine does', () => {
    const request = complete({ prompt: 'Once', echo: true, n: 2 });
    expect(engineBody(request).body).not.toHaveProperty('echo');
    const events: StreamEvent[] = [
      { type: 'start', engineId: 'e' },
      { type: 'text', choice: 0, text: ' upon' },
      { type: 'text', choice: 1, text: ' more' },
      { type: 'finish', choice: 0, reason: 'stop' },
      { type: 'finish', choice: 1, reason: 'stop' },
      { type: 'done' },
    ];
    const whole = completionsDialect.encodeWhole(request, events, encoding) as {
      choices: { text: string }[];
    };
    expect(whole.choices.map(({ text }) => text)).toEqual(['Once upon', 'Once more']);
    const encoder = completionsDialect.streamEncoder(request, encoding);
    const text = events.map((event) => encoder.push(event)).join('');
    const told = ['', ''];
    for (const [, json] of text.matchAll(/^data: (\{.*\})$/gm)) {
      const [choice] = JSON.parse(json as string).choices;
      told[choice.index] += choice.text;
    }
    expect(told).toEqual(['Once upon', 'Once more']);
  });

  it('say `usage: null` in every chunk but the last when usage was asked for', () => {
    const request = complete({ prompt: 'a', stream: true, stream_options: { include_usage: true } });
    const encoder = completionsDialect.streamEncoder(request, encoding);
    const usage = { promptTokens: 1, cachedTokens: 0, outputTokens: 1, reasoningTokens: 0 };
    const text = (
      [
        { type: 'text', choice: 0, text: 'x' },
        { type: 'finish', choice: 0, reason: 'stop' },
        { type: 'usage', usage },
        { type: 'done' },
      ] satisfies StreamEvent[]
    )
      .map((event) => encoder.push(event))
      .join('');
    const chunks = [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json]) => JSON.parse(json as string));
    expect(chunks.map((chunk) => [chunk.choices.length, chunk.usage?.prompt_tokens ?? chunk.usage])).toEqual([
      [1, null],
      [1, null],
      [0, 1],
    ]);
  });
});
