/** The short way of reading chunks must read what the long way reads. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ChunkDecoder } from '../../src/link/chunk-decoder.js';
import type { StreamEvent } from '../../src/request/types.js';

const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 6 }),
  fc.constantFrom(
    '"content":',
    '\\',
    '"',
    ' tok',
    '\n',
    '"delta":{"content":"x"}',
    'ö',
    '😀',
    '\ud800',
    '\u2028',
    ']}',
    '"}',
  ),
);
const chunk = fc.record({
  text,
  id: fc.nat(2 ** 31),
  shape: fc.constantFrom(
    'plain',
    'plain',
    'plain',
    'id',
    'id',
    'ids',
    'spaced',
    'usage',
    'other choice',
    'reasoning',
    'extra',
    'finish',
  ),
});

interface Chunk {
  text: string;
  shape: string;
  id: number;
}

const idsOf = ({ shape, id }: Chunk): number[] | null =>
  shape === 'id' ? [id] : shape === 'ids' ? [id, 7] : null;

function written(one: Chunk): string {
  const { text: content, shape } = one;
  const ids = idsOf(one);
  const delta: Record<string, unknown> = shape === 'reasoning' ? { reasoning: content } : { content };
  if (shape === 'extra') delta['note'] = { content };
  const body = {
    id: 'c',
    object: 'chat.completion.chunk',
    choices: [
      {
        index: shape === 'other choice' ? 1 : 0,
        delta,
        logprobs: null,
        finish_reason: shape === 'finish' ? 'stop' : null,
        ...(ids === null ? {} : { token_ids: ids }),
      },
    ],
    ...(shape === 'usage' ? { usage: { prompt_tokens: 3, completion_tokens: 1 } } : {}),
  };
  return JSON.stringify(body, null, shape === 'spaced' ? 1 : 0);
}

/** What chunks stand for, without the decoder. */
function expected(chunks: Chunk[]): StreamEvent[] {
  const finished = new Set<number>();
  return chunks.flatMap((one): StreamEvent[] => {
    const { text: content, shape } = one;
    const ids = idsOf(one);
    const choice = shape === 'other choice' ? 1 : 0;
    if (finished.has(choice)) return [];
    if (shape === 'finish') finished.add(choice);
    const said: StreamEvent =
      shape === 'reasoning'
        ? { type: 'thinking', choice, text: content }
        : { type: 'text', choice, text: content, ...(ids === null ? {} : { tokenIds: ids }) };
    return shape === 'finish' ? [said, { type: 'finish', choice, reason: 'stop' }] : [said];
  });
}

it('chunks of any text and shape, in any order', () => {
  fc.assert(
    fc.property(fc.array(chunk, { minLength: 1, maxLength: 12 }), (chunks) => {
      const decoder = new ChunkDecoder('w0');
      const [start, ...events] = chunks.flatMap((one) => decoder.push(written(one)));
      expect(start?.type).toBe('start');
      expect(events).toEqual(expected(chunks));
    }),
    { numRuns: 2_000 },
  );
});
