import { describe, expect, it } from 'vitest';
import { ChunkDecoder } from '../../src/link/chunk-decoder.js';
import { SseParser } from '../../src/link/sse-parser.js';
import type { StreamEvent } from '../../src/request/types.js';
import { textOf } from './support/engine.js';
import { exchange } from './support/fixtures.js';

function decode(data: readonly (string | object)[]): StreamEvent[] {
  const decoder = new ChunkDecoder('w0');
  const events = data.flatMap((piece) =>
    decoder.push(typeof piece === 'string' ? piece : JSON.stringify(piece)),
  );
  return [...events, ...decoder.end()];
}

function decodeBody(body: string): StreamEvent[] {
  const data: string[] = [];
  const parser = new SseParser({ onEvent: (piece) => data.push(piece), onOverflow: () => {} });
  parser.push(Buffer.from(body));
  parser.end();
  return decode(data);
}

const chunk = (delta: object, more: object = {}): object => ({
  id: 'c1',
  choices: [{ index: 0, delta, ...more }],
});
const finish = (reason: string, more: object = {}): object => chunk({}, { finish_reason: reason, ...more });

describe('recorded vLLM streams', () => {
  it('a chat answer: text, finish, late usage with cached tokens, done', () => {
    const events = decodeBody(exchange('chat-cache-hit-stream').body);
    expect(events[0]).toEqual({ type: 'start', engineId: 'chatcmpl-a6fd7c65fc3475c5' });
    expect(textOf(events)).toBe('The capital of France is Paris.');
    expect(events.slice(-3)).toEqual([
      { type: 'finish', choice: 0, reason: 'stop' },
      { type: 'usage', usage: { promptTokens: 457, cachedTokens: 384, outputTokens: 8, reasoningTokens: 0 } },
      { type: 'done' },
    ]);
  });

  it('usage in every chunk is told once, at the end', () => {
    const events = decodeBody(exchange('chat-stream-continuous-usage').body);
    const usages = events.filter((event) => event.type === 'usage');
    expect(usages).toHaveLength(1);
    expect(events.at(-2)).toBe(usages[0]);
  });

  it('a forced tool call: one start, then its arguments, finish tool_use', () => {
    const events = decodeBody(exchange('chat-tools-required-stream').body);
    const starts = events.filter((event) => event.type === 'tool_start');
    const args = events.flatMap((event) => (event.type === 'tool_delta' ? [event.arguments] : [])).join('');
    expect(starts).toEqual([
      { type: 'tool_start', choice: 0, index: 0, id: 'chatcmpl-tool-9da8ac1341d5aeca', name: 'get_weather' },
    ]);
    expect(JSON.parse(args)).toEqual({ city: 'Paris' });
    expect(events).toContainEqual({ type: 'finish', choice: 0, reason: 'tool_use' });
    expect(textOf(events)).toBe('');
  });

  it('a legacy completion with token ids', () => {
    const events = decodeBody(exchange('completion-token-ids-stream').body);
    expect(textOf(events)).toBe(' Paris.\n\nThe answer is:');
    expect(events.flatMap((event) => (event.type === 'text' ? (event.tokenIds ?? []) : []))).toEqual([
      7042, 30, 198, 198, 504, 2988, 314, 42,
    ]);
    expect(events).toContainEqual({ type: 'finish', choice: 0, reason: 'length' });
  });
});

describe('what other engines do', () => {
  it('reasoning under either name, once when both are sent', () => {
    const events = decode([
      chunk({ reasoning: 'a' }),
      chunk({ reasoning_content: 'b' }),
      chunk({ reasoning: 'c', reasoning_content: 'c' }),
      finish('stop'),
      '[DONE]',
    ]);
    expect(events.flatMap((event) => (event.type === 'thinking' ? [event.text] : []))).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('a whole call in one piece, object arguments, no index, no id', () => {
    const call = { function: { name: 'ls', arguments: { path: '.' } } };
    const events = decode([chunk({ tool_calls: [call] }), finish('stop'), '[DONE]']);
    expect(events.slice(1, 4)).toEqual([
      { type: 'tool_start', choice: 0, index: 0, id: 'call_c1_0_0', name: 'ls' },
      { type: 'tool_delta', choice: 0, index: 0, arguments: '{"path":"."}' },
      { type: 'finish', choice: 0, reason: 'tool_use' },
    ]);
  });

  it('parallel calls all under index 0 are told apart by id and name', () => {
    const call = (id: string, name: string, args: string): object =>
      chunk({ tool_calls: [{ index: 0, id, function: { name, arguments: args } }] });
    const events = decode([
      call('a', 'f', '{}'),
      call('b', 'g', '{"x":1'),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '}' } }] }),
      finish('tool_calls'),
      '[DONE]',
    ]);
    expect(
      events
        .filter((event) => event.type === 'tool_start')
        .map((event) => [event.index, event.id, event.name]),
    ).toEqual([
      [0, 'a', 'f'],
      [1, 'b', 'g'],
    ]);
    expect(
      events
        .flatMap((event) => (event.type === 'tool_delta' && event.index === 1 ? [event.arguments] : []))
        .join(''),
    ).toBe('{"x":1}');
  });

  it('arguments before the name wait for it', () => {
    const events = decode([
      chunk({ tool_calls: [{ index: 0, id: 'a', function: { arguments: '{"q"' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { name: 'find', arguments: ':1}' } }] }),
      finish('tool_calls'),
      '[DONE]',
    ]);
    expect(events.slice(1, 4)).toEqual([
      { type: 'tool_start', choice: 0, index: 0, id: 'a', name: 'find' },
      { type: 'tool_delta', choice: 0, index: 0, arguments: '{"q"' },
      { type: 'tool_delta', choice: 0, index: 0, arguments: ':1}' },
    ]);
  });

  it('a call without arguments gets an empty object, unless its answer was cut', () => {
    const start = chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'now', arguments: '' } }] });
    expect(decode([start, finish('tool_calls'), '[DONE]'])).toContainEqual({
      type: 'tool_delta',
      choice: 0,
      index: 0,
      arguments: '{}',
    });
    const kinds = (events: StreamEvent[]) => events.map(({ type }) => type);
    expect(kinds(decode([start, finish('length'), '[DONE]']))).not.toContain('tool_delta');
  });

  it('a call whose name never comes is the engine’s failure, unless its answer was cut', () => {
    const nameless = chunk({ tool_calls: [{ index: 0, id: 'a', function: { arguments: '{}' } }] });
    for (const end of [[finish('tool_calls'), '[DONE]'], ['[DONE]']]) {
      const last = decode([nameless, ...end]).at(-1);
      expect(last?.type === 'error' && last.error.message).toMatch(/without a name/);
    }
    expect(decode([nameless, finish('length'), '[DONE]']).at(-1)).toEqual({ type: 'done' });
  });

  it.each([-1, 0.5, 2 ** 40, 'a', true])('a choice with the index %s is the engine’s failure', (index) => {
    const last = decode([{ id: 'c', choices: [{ index, delta: { content: 'x' } }] }, '[DONE]']).at(-1);
    expect(last?.type === 'error' && last.error.message).toMatch(/a choice with the index/);
  });

  it('a legacy function_call is a call', () => {
    const events = decode([
      chunk({ function_call: { name: 'f', arguments: '' } }),
      chunk({ function_call: { arguments: '{"a":1}' } }),
      finish('function_call'),
      '[DONE]',
    ]);
    expect(events.map(({ type }) => type)).toEqual(['start', 'tool_start', 'tool_delta', 'finish', 'done']);
    expect(events[3]).toMatchObject({ reason: 'tool_use' });
  });

  it('several choices finish each by themselves', () => {
    const two = (index: number, delta: object, more: object = {}): object => ({
      id: 'c',
      choices: [{ index, delta, ...more }],
    });
    const events = decode([
      two(0, { content: 'a' }),
      two(1, { content: 'b' }),
      two(1, {}, { finish_reason: 'length' }),
      two(0, { content: 'c' }),
      two(0, {}, { finish_reason: 'stop' }),
      '[DONE]',
    ]);
    expect(events.slice(1)).toEqual([
      { type: 'text', choice: 0, text: 'a' },
      { type: 'text', choice: 1, text: 'b' },
      { type: 'finish', choice: 1, reason: 'length' },
      { type: 'text', choice: 0, text: 'c' },
      { type: 'finish', choice: 0, reason: 'stop' },
      { type: 'done' },
    ]);
  });

  it('a stop string is told; a stop token id is a plain stop', () => {
    expect(decode([finish('stop', { stop_reason: '###' }), '[DONE]'])).toContainEqual({
      type: 'finish',
      choice: 0,
      reason: 'stop_sequence',
      stopSequence: '###',
    });
    expect(decode([finish('stop', { stop_reason: 151645 }), '[DONE]'])).toContainEqual({
      type: 'finish',
      choice: 0,
      reason: 'stop',
    });
  });

  it('empty deltas are nothing, unless logprobs come with them', () => {
    const logprobs = { content: [{ token: 'x', logprob: -1 }] };
    const events = decode([
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: null }),
      chunk({ content: '' }, { logprobs }),
      finish('stop'),
      '[DONE]',
    ]);
    expect(events.filter((event) => event.type === 'text')).toEqual([
      { type: 'text', choice: 0, text: '', logprobs },
    ]);
  });

  it('null usage details count as zero, reasoning tokens are read', () => {
    const usage = {
      prompt_tokens: 9,
      completion_tokens: 4,
      prompt_tokens_details: null,
      completion_tokens_details: { reasoning_tokens: 3 },
    };
    const events = decode([
      chunk({ content: 'x' }),
      finish('stop'),
      { id: 'c1', choices: [], usage },
      '[DONE]',
    ]);
    expect(events.at(-2)).toEqual({
      type: 'usage',
      usage: { promptTokens: 9, cachedTokens: 0, outputTokens: 4, reasoningTokens: 3 },
    });
  });

  it('a choice the engine forgot to finish is finished at [DONE]', () => {
    expect(decode([chunk({ content: 'x' }), '[DONE]']).slice(-2)).toEqual([
      { type: 'finish', choice: 0, reason: 'stop' },
      { type: 'done' },
    ]);
  });
});

describe('failures are the last event', () => {
  const last = (data: readonly (string | object)[]): [string, string] => {
    const event = decode(data).at(-1);
    if (event?.type !== 'error') throw new Error(`ended with ${event?.type}`);
    return [event.error.code, event.error.message];
  };

  it('an error object in the middle, whatever follows', () => {
    const error = { error: { message: 'EngineCore died', type: 'InternalServerError', code: 500 } };
    expect(last([chunk({ content: 'x' }), error, chunk({ content: 'y' }), '[DONE]'])).toEqual([
      'engine_error',
      expect.stringContaining('EngineCore died'),
    ]);
  });

  it('no [DONE], no JSON, an aborted choice, an answer without choices', () => {
    expect(last([chunk({ content: 'x' })])[0]).toBe('engine_lost');
    expect(last(['{"id":'])[0]).toBe('engine_error');
    expect(last([finish('abort'), '[DONE]'])[0]).toBe('engine_error');
    expect(last(['[DONE]'])[0]).toBe('engine_error');
    expect(last(['[1]'])[0]).toBe('engine_error');
  });
});
