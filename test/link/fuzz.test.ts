/** Mutated answers of engines through link, net and every dialect: one end, nothing thrown, and order kept. */
import { describe, expect, it } from 'vitest';
import { chatDialect } from '../../src/dialects/chat/chat.js';
import { completionsDialect } from '../../src/dialects/completions/completions.js';
import { messagesDialect } from '../../src/dialects/messages/messages.js';
import { responsesDialect } from '../../src/dialects/responses/responses.js';
import { DynamoError } from '../../src/errors.js';
import { ChunkDecoder } from '../../src/link/chunk-decoder.js';
import { createOutputFilter } from '../../src/link/parsers/output-filter.js';
import { SseParser } from '../../src/link/sse-parser.js';
import type { StreamEvent } from '../../src/request/types.js';
import { Mutator } from '../gateway/support/mutate.js';
import { exchange } from './support/fixtures.js';

const RUNS = Number(process.env['DYNAMO_FUZZ'] ?? 1_500);
const STREAMS = ['chat-stream', 'chat-tools-required-stream', 'completion-token-ids-stream'].map(dataOf);
/** What mutations borrow parts from. */
const CHUNKS = [
  ...STREAMS.flat().flatMap((data) => (data === '[DONE]' ? [] : [JSON.parse(data) as unknown])),
  {
    choices: [{ index: 1, delta: { reasoning: 'hm', tool_calls: [{ index: 1, function: { name: 'f' } }] } }],
  },
  {
    choices: [
      { index: 0, delta: {}, finish_reason: 'tool_calls', stop_reason: 'END', logprobs: { content: [] } },
    ],
  },
  {
    choices: [{ index: 0, delta: { content: '<tool_call>f\n<arg_key>a</arg_key>' } }],
    usage: { prompt_tokens: 1 },
  },
];

function dataOf(name: string): string[] {
  const data: string[] = [];
  const parser = new SseParser({ onEvent: (piece) => data.push(piece), onOverflow: () => {} });
  parser.push(Buffer.from(exchange(name).body));
  parser.end();
  return data;
}

/** A recorded stream with pieces changed, dropped, repeated or out of order. */
function mutated(mutator: Mutator): string[] {
  const stream = [...mutator.of(STREAMS)];
  for (let count = 1 + mutator.next(6); count > 0; count -= 1) {
    const at = mutator.next(stream.length);
    const kind = mutator.next(6);
    if (kind === 0) stream.splice(at, 1);
    else if (kind === 1) stream.splice(at, 0, stream[mutator.next(stream.length)] as string);
    else stream.splice(at, kind === 2 ? 0 : 1, mutator.text(CHUNKS));
    if (stream.length === 0) return [];
  }
  return stream;
}

function eventsOf(data: readonly string[]): StreamEvent[] {
  const decoder = new ChunkDecoder('w0');
  const filter = createOutputFilter({
    format: 'glm',
    reasoning: 'auto',
    tools: new Map([['f', { type: 'object', properties: {} }]]),
    callsMax: 8,
    requestId: 'r',
    onEngineParses: () => {},
    onCaught: () => {},
  });
  const decoded = data.flatMap((piece) => decoder.push(piece));
  return [...decoded, ...decoder.end()].flatMap((event) => filter(event));
}

const context = { model: 'm', created: 1, promptTokens: 1, keep: () => {} };
const decoding = { requestId: 'r', headers: {}, warn: () => {} };
const messages = [{ role: 'user', content: 'x' }];
const TARGETS = [
  { dialect: chatDialect, body: { model: 'm', messages, n: 2, stream_options: { include_usage: true } } },
  { dialect: completionsDialect, body: { model: 'm', prompt: 'x' } },
  { dialect: messagesDialect, body: { model: 'm', max_tokens: 9, messages } },
  { dialect: responsesDialect, body: { model: 'm', input: 'x' } },
].map(({ dialect, body }) => ({ dialect, request: dialect.decode(body, decoding) }));

/** Every data line is JSON; blocks of Messages open and close one after another. */
function checkStream(text: string): void {
  let open: unknown = null;
  for (const line of text.split('\n')) {
    if (!line.startsWith('data: {')) continue;
    const { type, index } = JSON.parse(line.slice(6)) as { type?: string; index?: number };
    if (type === 'content_block_start') {
      expect(open).toBeNull();
      open = index;
    }
    if (type === 'content_block_delta' || type === 'content_block_stop') expect(index).toBe(open);
    if (type === 'content_block_stop') open = null;
    if (type === 'message_stop') expect(open).toBeNull();
  }
}

describe('an engine that answers anything', () => {
  it.each([1, 2])('is one answer or one failure, in every dialect: seed %i', (seed) => {
    const mutator = new Mutator(seed);
    const ends = { done: 0, error: 0 };
    for (let run = 0; run < RUNS; run += 1) {
      const data = mutated(mutator);
      try {
        const events = eventsOf(data);
        const terminal = events.filter(({ type }) => type === 'done' || type === 'error');
        expect(terminal).toEqual([events.at(-1)]);
        const [end] = terminal as [Extract<StreamEvent, { type: 'done' | 'error' }>];
        ends[end.type] += 1;
        if (end.type === 'error') expect(end.error).toBeInstanceOf(DynamoError);
        for (const { dialect, request } of TARGETS) {
          const encoder = dialect.streamEncoder(request, context);
          checkStream(events.map((event) => encoder.push(event)).join(''));
          if (end.type === 'done') JSON.stringify(dialect.encodeWhole(request, events, context));
        }
      } catch (error) {
        throw new Error(`failed on ${JSON.stringify(data)}`, { cause: error });
      }
    }
    expect(Math.min(ends.done, ends.error)).toBeGreaterThan(RUNS / 10);
  });
});
