/** Answers of text and reasoning, with everything awkward that real engines were seen to do. */
import { expect } from 'vitest';
import { type Exchange, replay, USAGE } from '../../gateway/support/scripted-engine.js';
import { type Behaviour, call, inPieces, paris, talk, tools } from './behaviour.js';

export const TEXT: Behaviour[] = [
  {
    name: 'text in pieces, usage in a late chunk',
    script: ({ say }) => say('Hel', 'lo', ' world'),
    expected: { text: 'Hello world', end: 'stop', usage: { prompt: 20, cached: 8, output: 3 }, error: null },
  },
  {
    name: 'a recorded answer of vLLM',
    script: replay('chat-cache-hit-stream'),
    expected: {
      text: 'The capital of France is Paris.',
      usage: { prompt: 457, cached: 384, output: 8 },
      end: 'stop',
    },
  },
  {
    name: 'usage in every chunk',
    script: replay('chat-stream-continuous-usage'),
    expected: (told) => expect(told.usage?.output).toBeGreaterThan(0),
  },
  {
    name: 'text that JSON and SSE must escape',
    script: talk({ content: 'a\n\ndata: "b"\r\n' }, { content: '\u2028\u{1F600}\\' }),
    expected: { text: 'a\n\ndata: "b"\r\n\u2028\u{1F600}\\' },
  },
  {
    name: 'empty deltas',
    script: talk(
      { role: 'assistant', content: '' },
      {},
      { content: '' },
      { content: null },
      { content: 'x' },
      {},
    ),
    expected: { text: 'x', end: 'stop' },
  },
  {
    name: 'an answer without any text',
    script: talk({ role: 'assistant', content: '' }),
    expected: { text: '', calls: [], end: 'stop', error: null },
  },
  {
    name: 'reasoning before text, under either name',
    script: talk({ reasoning: 'Let me ' }, { reasoning_content: 'think.' }, { content: 'Done.' }),
    expected: { thinking: 'Let me think.', text: 'Done.', end: 'stop' },
  },
  {
    name: 'reasoning that never ends',
    script: ({ delta, done }) => {
      delta({ reasoning: 'on and on' });
      delta({}, 'length');
      done();
    },
    expected: { thinking: 'on and on', text: '', end: 'length' },
  },
  {
    name: 'an answer cut by its bound',
    script: ({ delta, done }) => {
      delta({ content: 'half' });
      delta({}, 'length');
      done();
    },
    expected: { text: 'half', end: 'length' },
  },
  {
    name: 'a role-only first chunk and null fields everywhere',
    script: ({ chunk, done }) => {
      const base = { id: 'c', usage: null, system_fingerprint: null };
      chunk({
        ...base,
        choices: [{ index: 0, delta: { role: 'assistant' }, logprobs: null, finish_reason: null }],
      });
      chunk({ ...base, choices: [{ index: 0, delta: { content: 'x', tool_calls: null, reasoning: null } }] });
      chunk({ ...base, choices: [] });
      chunk({
        ...base,
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'stop', stop_reason: null }],
      });
      done();
    },
    expected: { text: 'x', end: 'stop', usage: { prompt: 20, cached: 8, output: 3 } },
  },
  {
    name: 'a finish reason in the chunk of the last text',
    script: ({ delta, done }) => {
      delta({ content: 'a' });
      delta({ content: 'b' }, 'stop');
      done();
    },
    expected: { text: 'ab', end: 'stop' },
  },
  {
    name: 'no usage at all',
    script: ({ delta, response }) => {
      delta({ content: 'x' });
      delta({}, 'stop');
      response.end('data: [DONE]\n\n');
    },
    expected: { text: 'x', end: 'stop', error: null },
  },
  {
    name: 'usage without details',
    script: ({ delta, done }) => {
      delta({ content: 'x' });
      delta({}, 'stop');
      done({ prompt_tokens: 20, completion_tokens: 3, prompt_tokens_details: null });
    },
    expected: { text: 'x', usage: { prompt: 20, cached: 0, output: 3 } },
  },
  {
    name: 'usage in the finish chunk',
    script: ({ chunk, delta, response }) => {
      delta({ content: 'x' });
      chunk({ id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: USAGE });
      response.end('data: [DONE]\n\n');
    },
    expected: { text: 'x', usage: { prompt: 20, cached: 8, output: 3 } },
  },
  {
    name: 'comments, empty lines and CRLF between events',
    script: ({ response }: Exchange) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': keep-alive\r\n\r\n\r\n');
      response.write(
        `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content: 'x' } }] })}\r\n\r\n`,
      );
      response.write('event: ping\r\n\r\n: keep-alive\r\n');
      response.write(
        `data:${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\r\n\r\n`,
      );
      response.end('data: [DONE]\r\n\r\n');
    },
    expected: { text: 'x', end: 'stop' },
  },
  {
    name: 'a whole answer in place of a stream',
    ask: { tools },
    script: ({ response }: Exchange) => {
      const message = { role: 'assistant', content: 'so', ...call(0, 'call_a', '{"city": "Paris"}') };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          id: 'c',
          choices: [{ index: 0, message, finish_reason: 'tool_calls' }],
          usage: USAGE,
        }),
      );
    },
    expected: { text: 'so', calls: [paris], end: 'tool', usage: { prompt: 20, cached: 8, output: 3 } },
  },
  {
    name: 'raw reasoning whose end tag never comes',
    script: ({ delta, done }) => {
      for (const piece of inPieces('<think>on and on, < no end', 4)) delta(piece);
      delta({}, 'length');
      done();
    },
    expected: { thinking: 'on and on, < no end', text: '', end: 'length' },
  },
  {
    name: 'characters split between two chunks of bytes',
    script: async ({ response }: Exchange) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const bytes = Buffer.from(
        `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content: '日本\u{1F600}' }, finish_reason: 'stop' }] })}\n\n`,
      );
      for (const byte of bytes) response.write(Buffer.of(byte));
      response.end('data: [DONE]\n\n');
    },
    expected: { text: '日本\u{1F600}', end: 'stop' },
  },
  {
    name: 'an unknown finish reason',
    script: ({ delta, done }) => {
      delta({ content: 'x' });
      delta({}, 'repetition');
      done();
    },
    expected: { text: 'x', end: 'stop' },
  },
  {
    name: 'a second finish and text after it',
    script: ({ delta, done }) => {
      delta({ content: 'x' });
      delta({}, 'stop');
      delta({ content: 'late' });
      delta({}, 'length');
      done();
    },
    expected: { text: 'x', end: 'stop' },
  },
  {
    name: 'events after the end',
    script: ({ delta, response }) => {
      delta({ content: 'x' });
      delta({}, 'stop');
      response.write('data: [DONE]\n\n');
      response.end('data: {"id":"c","choices":[{"index":0,"delta":{"content":"late"}}]}\n\n');
    },
    expected: { text: 'x', end: 'stop', error: null },
  },
];
