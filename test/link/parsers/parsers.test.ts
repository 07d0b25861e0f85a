/** Raw text of each format becomes calls, however it is cut; whatever is no call stays text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callsOf, cut, FORMATS, read, TOOLS, textOf, WANTED, WRITERS } from './support/writers.js';

const RUNS = Number(process.env['DYNAMO_FUZZ'] ?? 5_000);
describe.each(FORMATS)('%s', (format) => {
  it('gives the calls with the types of their schema', () => {
    expect(callsOf(read(format, [WRITERS[format](WANTED)]))).toEqual(WANTED);
  });

  it('keeps the line break that a value ends with', () => {
    const calls = [{ name: 'run', args: { command: 'cat > a <<X\nb\nX\n' } }];
    expect(callsOf(read(format, [WRITERS[format](calls)]))).toEqual(calls);
  });

  it('gives the same one character at a time', () => {
    const text = WRITERS[format](WANTED);
    expect(read(format, [...text])).toEqual(read(format, [text]));
  });

  it('keeps the text before a call', () => {
    if (format === 'llama') return;
    const parsed = read(format, [`I will write it.\n${WRITERS[format](WANTED.slice(0, 1))}`]);
    expect(callsOf(parsed)).toEqual(WANTED.slice(0, 1));
    expect(textOf(parsed).trim()).toBe('I will write it.');
  });

  it('leaves a call of a tool nobody declared as the text it is', () => {
    const text = WRITERS[format]([{ name: 'rm', args: { path: '/' } }]);
    const parsed = read(format, [text]);
    expect(callsOf(parsed)).toEqual([]);
    expect(textOf(parsed)).toBe(text);
  });

  it('leaves a call that is cut off as text, or gives it whole; nothing is lost or made up', () => {
    const text = WRITERS[format](WANTED.slice(1));
    for (let end = 0; end <= text.length; end++) {
      const calls = callsOf(read(format, [text.slice(0, end)]));
      expect(calls.length === 0 || JSON.stringify(calls) === JSON.stringify(WANTED.slice(1))).toBe(true);
    }
  });

  it('of any text, cut anywhere: never throws, the same pieces, and text without calls stays whole', () => {
    const words = [
      '<tool_call>',
      '</tool_call>',
      '<think>',
      '</think>',
      '<function=run>',
      '</function>',
      '<arg_key>command</arg_key>',
      '<arg_value>',
      '</arg_value>',
      '<invoke name="run">',
      '</invoke>',
      '<minimax:tool_call>',
      '<|channel|>',
      '<|message|>',
      '<|call|>',
      '<|start|>',
      '<｜tool▁calls▁begin｜>',
      '{"name": "run", "arguments": {}}',
      '{"',
      '}',
      'run',
      '\n',
      'text ',
      '<',
      '\\"',
    ];
    const noise = fc
      .array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 5 })), { maxLength: 12 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(noise, fc.array(fc.nat(), { maxLength: 6 }), (text, places) => {
        const whole = read(format, [text]);
        expect(read(format, cut(text, places))).toEqual(whole);
        for (const { name } of callsOf(whole)) expect(TOOLS.has(name)).toBe(true);
        // Harmony's markers are no text of the answer.
        if (callsOf(whole).length === 0 && format !== 'harmony') expect(textOf(whole)).toBe(text);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a value that holds the closing marker itself', () => {
  it.each(['hermes', 'glm', 'deepseek', 'minimax-m2'] as const)('does not end a %s call', (format) => {
    const wanted = [
      { name: 'run', args: { command: 'grep "</tool_call>" </invoke> <｜tool▁calls▁end｜> x' } },
    ];
    expect(callsOf(read(format, [WRITERS[format](wanted)]))).toEqual(wanted);
  });
});

it('SmolLM2 writes a list of calls', () => {
  const text = '<tool_call>[{"name": "run", "arguments": {"command": "ls"}}]</tool_call>';
  expect(callsOf(read('hermes', [text]))).toEqual([{ name: 'run', args: { command: 'ls' } }]);
});

describe('reasoning', () => {
  it.each([
    ['tags', '<think>so\nit is</think>\n\nYes.', 'so\nit is', 'Yes.'],
    ['tags', 'Yes.', '', 'Yes.'],
    ['tags', '<think>without an end', 'without an end', ''],
    ['opened', 'so it is</think>Yes.', 'so it is', 'Yes.'],
    ['none', '<think>a</think>b', '', '<think>a</think>b'],
  ] as const)('%s: %j', (form, text, thinking, rest) => {
    for (const pieces of [[text], [...text]]) {
      const parsed = read('glm', pieces, form);
      expect(parsed.map((piece) => (piece.kind === 'thinking' ? piece.text : '')).join('')).toBe(thinking);
      expect(textOf(parsed)).toBe(rest);
    }
  });

  it('and calls after it are both read', () => {
    const parsed = read('minimax-m2', [`<think>hm</think>\n${WRITERS['minimax-m2'](WANTED)}`], 'tags');
    expect(parsed[0]).toEqual({ kind: 'thinking', text: 'hm' });
    expect(callsOf(parsed)).toEqual(WANTED);
  });

  it('and text of harmony are channels', () => {
    const text = `<|channel|>analysis<|message|>hm<|end|>${WRITERS.harmony(WANTED.slice(0, 1))}<|start|>assistant<|channel|>final<|message|>Done.<|return|>`;
    const parsed = read('harmony', [...text]);
    expect(parsed[0]).toEqual({ kind: 'thinking', text: 'hm' });
    expect(callsOf(parsed)).toEqual(WANTED.slice(0, 1));
    expect(textOf(parsed)).toBe('Done.');
  });
});
