/** Whatever an answer consists of and wherever it breaks off, the client gets each part of it once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerSoFar } from '../../src/gateway/answer-so-far.js';
import type { StreamEvent } from '../../src/request/types.js';

const START: StreamEvent = { type: 'start', engineId: 'e' };
const FINISH: StreamEvent = { type: 'finish', choice: 0, reason: 'stop' };
const text = (value: string, ...tokenIds: number[]): StreamEvent => ({
  type: 'text',
  choice: 0,
  text: value,
  ...(tokenIds.length === 0 ? {} : { tokenIds }),
});
const thinking = (value: string): StreamEvent => ({ type: 'thinking', choice: 0, text: value });

const piece = fc.string({ minLength: 1, maxLength: 5 });
const part = fc.oneof(
  piece.map(text),
  piece.map(thinking),
  fc.tuple(piece, fc.array(piece, { maxLength: 3 })).map(([name, args]) => ({ name, args })),
);

/** Parts as events; each call has an index of its own. */
function eventsOf(parts: readonly (StreamEvent | { name: string; args: string[] })[]): StreamEvent[] {
  let calls = 0;
  const inner = parts.flatMap((one): StreamEvent[] => {
    if ('type' in one) return [one];
    const index = calls++;
    const call: StreamEvent = { type: 'tool_start', choice: 0, index, id: `c${index}`, name: one.name };
    return [
      call,
      ...one.args.map((args): StreamEvent => ({ type: 'tool_delta', choice: 0, index, arguments: args })),
    ];
  });
  return [START, ...inner, FINISH];
}

/** What a client puts together. */
function gathered(events: readonly StreamEvent[]): Record<string, string> {
  const out: Record<string, string> = {};
  const add = (key: string, value: string) => {
    out[key] = (out[key] ?? '') + value;
  };
  for (const event of events) {
    if (event.type === 'text' || event.type === 'thinking') add(event.type, event.text);
    else if (event.type === 'tool_start') add(`call ${event.index}`, `${event.name}:`);
    else if (event.type === 'tool_delta') add(`call ${event.index}`, event.arguments);
    else add(event.type, '1');
  }
  return out;
}

/** The same answer in larger pieces, as a worker says it again. */
function merged(events: readonly StreamEvent[]): StreamEvent[] {
  const out: StreamEvent[] = [];
  for (const event of events) {
    const last = out.at(-1);
    if (last?.type === 'text' && event.type === 'text') last.text += event.text;
    else out.push({ ...event });
  }
  return out;
}

const pass = (answer: AnswerSoFar, events: readonly StreamEvent[]): StreamEvent[] =>
  events.flatMap((event) => answer.rest(event) ?? []);

describe('an answer in several attempts', () => {
  it('is told once, whatever it consists of and wherever it breaks off', () => {
    const cases = fc.record({
      parts: fc.array(part, { minLength: 1, maxLength: 12 }),
      cuts: fc.array(fc.nat(20), { maxLength: 3 }),
      isMerged: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, ({ parts, cuts, isMerged }) => {
        const events = eventsOf(parts);
        const answer = new AnswerSoFar();
        const told: StreamEvent[] = [];
        for (const cut of cuts) {
          told.push(...pass(answer, events.slice(0, Math.min(cut, events.length - 1))));
          answer.sayAgain();
        }
        told.push(...pass(answer, isMerged ? merged(events) : events));
        expect(gathered(told)).toEqual(gathered(events));
        expect(answer.finish).toBe('stop');
      }),
      { numRuns: 1_000 },
    );
  });

  it('keeps the ids of the attempt that came furthest', () => {
    const answer = new AnswerSoFar();
    const hear = (...events: StreamEvent[]) => {
      for (const event of events) {
        answer.heard(event);
        answer.rest(event);
      }
    };
    hear(text('a', 1), text('b', 2), text('c', 3));
    answer.sayAgain();
    hear(text('ab', 1, 2));
    expect(answer.tokens).toEqual([1, 2, 3]);
    answer.sayAgain();
    hear(text('abc', 1, 2, 3), text('d', 4));
    expect(answer.tokens).toEqual([1, 2, 3, 4]);
  });

  it('gives ids that the client wants once', () => {
    const answer = new AnswerSoFar();
    pass(answer, [text('a', 1), text('b', 2)]);
    answer.sayAgain();
    expect(pass(answer, [text('abc', 1, 2, 3), text('', 4)])).toEqual([text('c', 3), text('', 4)]);
  });
});

describe('another answer', () => {
  it.each<[string, StreamEvent[], StreamEvent[]]>([
    ['of other words', [text('one two')], [text('one TWO three')]],
    ['of other thoughts', [thinking('hm')], [thinking('so')]],
    ['that is shorter', [text('one two')], [text('one'), FINISH]],
    [
      'that calls something else',
      [{ type: 'tool_start', choice: 0, index: 0, id: 'a', name: 'look' }],
      [{ type: 'tool_start', choice: 0, index: 0, id: 'b', name: 'leap' }],
    ],
    [
      'that calls nothing',
      [{ type: 'tool_start', choice: 0, index: 0, id: 'a', name: 'look' }],
      [text('I would rather not'), FINISH],
    ],
  ])('%s is an error, not a mixture', (_, first, second) => {
    const answer = new AnswerSoFar();
    pass(answer, [START, ...first]);
    answer.sayAgain();
    expect(() => pass(answer, [START, ...second])).toThrow(/in other words/);
  });
});
