/**
 * Goal: no output makes a parser throw, lose text or invent a call. Method: valid calls of each format are mixed with
 * text and with each other, broken at random, and cut anywhere; what must come out is known from how it was made.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Call, callsOf, cut, FORMATS, read, TOOLS, textOf, WRITERS } from './support/writers.js';

const RUNS = Number(process.env['DYNAMO_FUZZ'] ?? 2_500);

/** Text that is in no format's language. */
const prose = fc
  .array(
    fc.constantFrom(
      'I will ',
      'naïve 汉字 😀',
      '\n',
      'x < y && y > z',
      ' "quoted" ',
      'run',
      '{ 1 }',
      '[',
      ']',
    ),
    {
      maxLength: 5,
    },
  )
  .map((parts) => parts.join(''));

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('</tool_call', '<', '</arg_value', '</parameter', '\n', '"}', '\\', '｜', '<|', ''),
);
const command = fc.array(anyText, { maxLength: 3 }).map((parts) => `${parts.join('')}.`);
const anyCall: fc.Arbitrary<Call> = fc.oneof(
  command.map((text): Call => ({ name: 'run', args: { command: text } })),
  fc
    .record({ path: command, lines: fc.integer(), tags: fc.array(fc.integer(), { maxLength: 3 }) })
    .map((args): Call => ({ name: 'write', args })),
);
const someCalls = fc.array(anyCall, { minLength: 1, maxLength: 3 });
const places = fc.array(fc.nat(), { maxLength: 6 });

/** What a model would have to escape: in these formats a value ends at its closing tag, in harmony at any marker. */
const isSayable = ({ args }: Call): boolean =>
  !/<\|(end|call|start|channel|return|message)/.test(JSON.stringify(args));

/** Removes, doubles or replaces a few characters. */
function broken(text: string, wounds: readonly (readonly [at: number, how: number, char: string])[]): string {
  return wounds.reduce((out, [at, how, char]) => {
    const place = at % (out.length + 1);
    if (how === 0) return out.slice(0, place) + out.slice(place + 1 + (at % 7));
    if (how === 1) return out.slice(0, place) + out.slice(Math.max(0, place - 9));
    return out.slice(0, place) + char + out.slice(place);
  }, text);
}
const wounds = fc.array(
  fc.tuple(fc.nat(), fc.nat({ max: 2 }), fc.constantFrom('<', '>', '"', '{', '}', '\n', '|', '😀')),
  {
    minLength: 1,
    maxLength: 4,
  },
);

/** Harmony's frames of messages are no text of the answer; everything else is. */
function unmarked(text: string): string {
  return text
    .replace(/(?:<\|start\|>|<\|channel\|>)(?:(?!<\|message\|>)[\s\S]){0,512}<\|message\|>/g, '')
    .replace(/<\|(?:end|return|call)\|>/g, '');
}

describe.each(FORMATS)('%s', (format) => {
  it('gives every valid call, with its values, and the text before it', () => {
    fc.assert(
      fc.property(prose, someCalls, places, (before, calls, at) => {
        fc.pre(calls.every(isSayable));
        const lead = format === 'llama' ? '' : before;
        const parsed = read(format, cut(lead + WRITERS[format](calls), at));
        expect(callsOf(parsed)).toEqual(calls);
        expect(textOf(parsed).startsWith(lead.trimEnd())).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('makes no call of a tool that nobody declared, and keeps its text', () => {
    fc.assert(
      fc.property(prose, someCalls, places, (before, calls, at) => {
        fc.pre(calls.every(isSayable));
        const text = before + WRITERS[format](calls.map((call) => ({ ...call, name: `${call.name}_not` })));
        const parsed = read(format, cut(text, at));
        expect(callsOf(parsed)).toEqual([]);
        expect(textOf(parsed)).toBe(text);
      }),
      { numRuns: RUNS },
    );
  });

  it('of broken calls gives the same however they come, and loses no text', () => {
    fc.assert(
      fc.property(prose, someCalls, wounds, places, (before, calls, hurt, at) => {
        const text = broken(before + WRITERS[format](calls), hurt);
        const whole = read(format, [text]);
        expect(read(format, cut(text, at))).toEqual(whole);
        for (const { name, args } of callsOf(whole)) {
          expect(TOOLS.has(name)).toBe(true);
          expect(typeof args).toBe('object');
        }
        if (callsOf(whole).length > 0) return;
        const said = whole.map((piece) => ('text' in piece ? piece.text : '')).join('');
        if (format === 'harmony') expect(unmarked(said)).toBe(unmarked(text));
        else expect(said).toBe(text);
      }),
      { numRuns: RUNS },
    );
  });

  it('ends an open call as text', () => {
    const text = WRITERS[format]([{ name: 'run', args: { command: 'ls -la' } }]);
    const open = text.slice(0, text.indexOf('ls') + 2);
    const parsed = read(format, [...open]);
    expect([callsOf(parsed), textOf(parsed)]).toEqual([[], open]);
  });
});
