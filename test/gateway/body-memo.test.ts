/** Whatever bodies came before, parsing one gives what `JSON.parse` gives, or fails where that fails. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BodyBytes } from '../../src/gateway/body-bytes.js';
import { BodyMemo } from '../../src/gateway/body-memo.js';
import { LIMITS } from '../../src/limits.js';

const PAD = 'p'.repeat(4_096);
const value = fc.oneof(
  fc.record({ role: fc.constantFrom('user', 'tool'), content: fc.string({ maxLength: 12 }) }),
  fc.constantFrom<unknown>('a]b', '}{"', '\\', 'é漢😀', 1, 1.5, 12, -3e5, null, true, [], {}, [[1, '"']], {
    a: { b: [']'] },
  }),
);
const shape = fc.record({
  list: fc.array(value, { maxLength: 6 }),
  head: fc.constantFrom<object>({ model: 'm' }, { model: 'm', stream: true }, {}, { t: 'x"messages":[1]' }),
  tail: fc.constantFrom<object>({}, { tools: [{ a: 1 }] }, { max: 1 }, { input: [1] }, { input: 'text' }),
  key: fc.constantFrom('messages', 'messages', 'messages', 'input'),
  indent: fc.constantFrom(0, 0, 0, 1),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

const written = ({ list, head, tail, key, indent }: Shape): string =>
  JSON.stringify({ ...head, pad: PAD, [key]: list, ...tail }, null, indent);

/** Bodies of one conversation: turns are added, something is changed, and some texts are broken. */
const bodies = fc
  .tuple(
    shape,
    fc.array(
      fc.record({
        how: fc.constantFrom(
          'add',
          'add',
          'add',
          'same',
          'change',
          'other',
          'cut',
          'garble',
          'twice',
          'escape',
        ),
        more: fc.array(value, { minLength: 1, maxLength: 3 }),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        shape,
      }),
      { maxLength: 8 },
    ),
  )
  .map(([first, steps]) => {
    let now = first;
    const out = [written(now)];
    for (const { how, more, at, shape: other } of steps) {
      if (how === 'add') now = { ...now, list: [...now.list, ...more] };
      if (how === 'change') now = { ...now, list: [more[0], ...now.list.slice(1)] };
      if (how === 'other') now = { ...other, list: [...now.list, ...more] };
      const text = written(now);
      const place = PAD.length + Math.floor(at * (text.length - PAD.length));
      if (how === 'cut') out.push(text.slice(0, place));
      else if (how === 'garble') out.push(`${text.slice(0, place)},]${text.slice(place)}`);
      else if (how === 'twice') out.push(`${text.slice(0, -1)},"messages":${JSON.stringify(more)}}`);
      else if (how === 'escape') out.push(`${text.slice(0, -1)},"m\\u0065ssages":${JSON.stringify(more)}}`);
      else out.push(text);
    }
    return out;
  });

/** As it may come from a socket: one piece, or several of any length. */
function inPieces(text: string): BodyBytes {
  const bytes = Buffer.from(text);
  const step = [bytes.length, 1_000, 4_099][bytes.length % 3] as number;
  const starts = Array.from({ length: Math.ceil(bytes.length / step) }, (_, at) => at * step);
  return new BodyBytes(starts.map((start) => bytes.subarray(start, start + step)));
}

function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch {
    return 'refused';
  }
}

it('gives what JSON.parse gives', { timeout: 60_000 }, async () => {
  let shared = 0;
  await fc.assert(
    fc.asyncProperty(bodies, async (texts) => {
      const memo = new BodyMemo();
      let before: unknown;
      for (const text of texts) {
        const made = outcome(() => memo.parse(inPieces(text)));
        expect(made).toEqual(outcome(() => JSON.parse(text)));
        const list = (made as { value?: { messages?: unknown[] } }).value?.messages;
        if (typeof list?.[0] === 'object' && list[0] !== null && list[0] === before) shared += 1;
        before = list?.[0];
        // What is remembered is found out after the request is on its way.
        await new Promise(setImmediate);
      }
    }),
    { numRuns: 400 },
  );
  expect(shared).toBeGreaterThan(50);
});

it('is bounded in bodies and bytes', async () => {
  const memo = new BodyMemo();
  const body = (n: number, pad: number): BodyBytes =>
    inPieces(JSON.stringify({ messages: [`first ${n}`], pad: 'x'.repeat(pad) }));
  for (let n = 0; n < LIMITS.bodiesKept + 20; n++) memo.parse(body(n, 5_000));
  await new Promise(setImmediate);
  // A quarter more is room for later turns.
  expect(memo.bytes).toBeLessThanOrEqual(LIMITS.bodiesKept * 5_100 * 1.25);
  for (let n = 0; n < 8; n++) memo.parse(body(n, LIMITS.bodyMemoBytes / 5));
  await new Promise(setImmediate);
  expect(memo.bytes).toBeLessThanOrEqual(LIMITS.bodyMemoBytes);
});
