import { describe, expect, it } from 'vitest';
import { collectAnswer } from '../../src/dialects/answer.js';
import type { StreamEvent } from '../../src/request/types.js';

const text = (logprobs: unknown): StreamEvent =>
  ({ type: 'text', choice: 0, text: 'x', logprobs }) as StreamEvent;

describe('log probabilities', () => {
  it('of the pieces of an answer are one list, whatever the engine calls them', () => {
    const pieces = ['{"content":[1],"toString":[2]}', '{"content":[3],"toString":[4],"__proto__":[5],"n":6}'];
    const answer = collectAnswer([...pieces.map((piece) => text(JSON.parse(piece))), { type: 'done' }]);
    const { logprobs } = answer.choices[0] as { logprobs: Record<string, unknown> };
    expect(JSON.stringify(logprobs)).toBe('{"content":[1,3],"toString":[2,4],"__proto__":[5]}');
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('of a very long answer are joined', () => {
    const long = Array.from({ length: 300_000 }, (_, at) => at);
    const { choices } = collectAnswer([text({ content: [0] }), text({ content: long }), { type: 'done' }]);
    expect((choices[0]?.logprobs?.['content'] as unknown[]).length).toBe(300_001);
  });
});
