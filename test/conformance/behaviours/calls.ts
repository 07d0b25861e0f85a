/** Answers with tool calls, in every form engines give them. */
import { expect } from 'vitest';
import { type Behaviour, call, inPieces, more, paris, rawGlm, rome, talk, tools } from './behaviour.js';

export const CALLS: Behaviour[] = [
  {
    name: 'a tool call in pieces',
    ask: { tools },
    script: talk(call(0, 'call_a', ''), more(0, '{"ci'), more(0, 'ty": "Paris"}')),
    expected: { calls: [paris], end: 'tool' },
  },
  {
    name: 'a tool call in one piece, called a plain stop',
    ask: { tools, forceTool: 'get_weather' },
    script: talk(call(0, 'call_a', '{"city": "Paris"}')),
    expected: { calls: [paris], end: 'tool' },
    sent: { tool_choice: { type: 'function', function: { name: 'get_weather' } } },
  },
  {
    name: 'text before a tool call',
    ask: { tools },
    script: talk({ content: 'Looking.' }, call(0, 'call_a', '{"city": "Paris"}')),
    expected: { text: 'Looking.', calls: [paris], end: 'tool' },
  },
  {
    name: 'parallel calls one after another',
    ask: { tools },
    script: talk(call(0, 'call_a', '{"city": "Paris"}'), call(1, 'call_b', '{"city": "Rome"}')),
    expected: { calls: [paris, rome], end: 'tool' },
  },
  {
    name: 'parallel calls interleaved',
    ask: { tools },
    script: talk(
      call(0, 'call_a', '{"city": '),
      call(1, 'call_b', '{"city": '),
      more(0, '"Paris"}'),
      more(1, '"Rome"}'),
    ),
    expected: { calls: [paris, rome], end: 'tool' },
  },
  {
    name: 'calls as raw GLM text, in pieces',
    ask: { tools },
    script: talk(...inPieces(`Looking.\n${rawGlm('Paris')}\n${rawGlm('Rome')}`, 7)),
    expected: (told) => {
      expect(told.text.trim()).toBe('Looking.');
      expect(told.calls.map(({ name, args }) => [name, args])).toEqual([
        ['get_weather', { city: 'Paris' }],
        ['get_weather', { city: 'Rome' }],
      ]);
      expect(new Set(told.calls.map(({ id }) => id)).size).toBe(2);
      expect(told.end).toBe('tool');
    },
  },
  {
    name: 'reasoning and a call as raw GLM text, in one piece',
    ask: { tools },
    script: talk({ content: `<think>hm</think>\n${rawGlm('Paris')}` }),
    expected: (told) => {
      expect(told.thinking).toBe('hm');
      expect(told.calls.map(({ args }) => args)).toEqual([{ city: 'Paris' }]);
      expect(told.end).toBe('tool');
    },
  },
  {
    name: 'raw text that only looks like a call',
    ask: { tools },
    script: talk(
      ...inPieces('<tool_call>rm\n<arg_key>path</arg_key><arg_value>/</arg_value></tool_call>', 5),
    ),
    expected: {
      text: '<tool_call>rm\n<arg_key>path</arg_key><arg_value>/</arg_value></tool_call>',
      calls: [],
      end: 'stop',
    },
  },
  {
    name: 'reasoning, text and a call',
    ask: { tools },
    script: talk({ reasoning: 'hm' }, { content: 'so' }, call(0, 'call_a', '{"city": "Paris"}')),
    expected: { thinking: 'hm', text: 'so', calls: [paris], end: 'tool' },
  },
  {
    name: 'text, reasoning and a call in one chunk',
    ask: { tools },
    script: ({ delta, done }) => {
      delta(
        { role: 'assistant', reasoning: 'hm', content: 'so', ...call(0, 'call_a', '{"city": "Paris"}') },
        'tool_calls',
      );
      done();
    },
    expected: { thinking: 'hm', text: 'so', calls: [paris], end: 'tool' },
  },
  {
    name: 'a call without arguments',
    ask: { tools },
    script: talk(call(0, 'call_a', '')),
    expected: { calls: [{ id: 'call_a', name: 'get_weather', args: {} }], end: 'tool' },
  },
  {
    name: 'a call whose arguments are an object',
    ask: { tools },
    script: talk({
      tool_calls: [
        { index: 0, id: 'call_a', function: { name: 'get_weather', arguments: { city: 'Paris' } } },
      ],
    }),
    expected: { calls: [paris], end: 'tool' },
  },
  {
    name: 'a call whose id and name come after its arguments',
    ask: { tools },
    script: talk(
      { tool_calls: [{ index: 0, function: { arguments: '{"city": ' } }] },
      { tool_calls: [{ index: 0, id: 'call_a', function: { name: 'get_weather', arguments: '"Paris"}' } }] },
    ),
    expected: { calls: [paris], end: 'tool' },
  },
  {
    name: 'calls without ids get ids of their own',
    ask: { tools },
    script: talk(
      { tool_calls: [{ index: 0, function: { name: 'get_weather', arguments: '{"city": "Paris"}' } }] },
      { tool_calls: [{ index: 1, function: { name: 'get_weather', arguments: '{"city": "Rome"}' } }] },
    ),
    expected: (told) => {
      expect(told.calls.map(({ args }) => args)).toEqual([{ city: 'Paris' }, { city: 'Rome' }]);
      expect(new Set(told.calls.map(({ id }) => id)).size).toBe(2);
      expect(told.calls.every(({ id }) => id.length > 4)).toBe(true);
    },
  },
  {
    name: 'parallel calls all under index 0',
    ask: { tools },
    script: talk(call(0, 'call_a', '{"city": "Paris"}'), call(0, 'call_b', '{"city": "Rome"}')),
    expected: { calls: [paris, rome], end: 'tool' },
  },
  {
    name: 'two calls in one chunk, without an index',
    ask: { tools },
    script: talk({
      tool_calls: [paris, rome].map(({ id, args }) => ({
        id,
        type: 'function',
        function: { name: 'get_weather', arguments: JSON.stringify(args) },
      })),
    }),
    expected: { calls: [paris, rome], end: 'tool' },
  },
  {
    name: 'the id and name repeated in every delta',
    ask: { tools },
    script: talk(call(0, 'call_a', '{"city": '), call(0, 'call_a', '"Paris"}')),
    expected: { calls: [paris], end: 'tool' },
  },
  {
    name: 'text and reasoning in the middle of a call',
    ask: { tools },
    script: talk(
      call(0, 'call_a', '{"city": '),
      { content: 'Wait.' },
      { reasoning: 'hm' },
      more(0, '"Paris"}'),
    ),
    expected: { calls: [paris], text: 'Wait.', thinking: 'hm', end: 'tool' },
  },
  {
    name: 'white space after a call, and more text',
    ask: { tools },
    script: talk(call(0, 'call_a', '{"city": "Paris"}'), { content: '\n' }, { content: 'Wait.' }),
    expected: { calls: [paris], text: '\nWait.', end: 'tool' },
  },
  {
    name: 'reasoning between calls',
    ask: { tools },
    script: talk(
      { reasoning: 'one' },
      call(0, 'call_a', '{"city": "Paris"}'),
      { reasoning: ' two' },
      call(1, 'call_b', '{"city": "Rome"}'),
    ),
    expected: { thinking: 'one two', calls: [paris, rome], end: 'tool' },
  },
  {
    name: 'a call cut by its bound',
    ask: { tools },
    script: ({ delta, done }) => {
      delta(call(0, 'call_a', '{"city": "Par'));
      delta({}, 'length');
      done();
    },
    expected: (told) => {
      expect(told.end).toBe('length');
      expect(told.calls.map(({ name }) => name)).toEqual(['get_weather']);
    },
  },
];
