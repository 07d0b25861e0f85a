/** Raw text of each format becomes calls, however it is cut; whatever is no call stays text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOutputParser } from '../../../src/link/parsers/formats.js';
import type { Parsed, ReasoningForm, ToolFormatName } from '../../../src/link/parsers/types.js';

const RUNS = Number(process.env['DYNAMO_FUZZ'] ?? 300);
const TOOLS = new Map<string, Record<string, unknown>>([
  [
    'write',
    {
      type: 'object',
      properties: { path: { type: 'string' }, lines: { type: 'integer' }, tags: { type: 'array' } },
    },
  ],
  ['run', { type: 'object', properties: { command: { type: 'string' } } }],
]);
type Call = { name: string; args: Record<string, unknown> };
const WANTED: Call[] = [
  { name: 'write', args: { path: '42', lines: 3, tags: ['a', 1] } },
  { name: 'run', args: { command: 'echo "</parameter>" > "a b" \\ ünï' } },
];
const value = (one: unknown): string => (typeof one === 'string' ? one : JSON.stringify(one));
const each = (args: Record<string, unknown>, show: (name: string, text: string) => string): string =>
  Object.entries(args)
    .map(([name, one]) => show(name, value(one)))
    .join('\n');

const WRITERS: Record<ToolFormatName, (calls: Call[]) => string> = {
  hermes: (calls) =>
    calls
      .map(({ name, args }) => `<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`)
      .join('\n'),
  glm: (calls) =>
    calls
      .map(
        ({ name, args }) =>
          `<tool_call>${name}\n${each(args, (key, text) => `<arg_key>${key}</arg_key>\n<arg_value>${text}</arg_value>`)}\n</tool_call>`,
      )
      .join(''),
  'qwen3-coder': (calls) =>
    calls
      .map(
        ({ name, args }) =>
          `<tool_call>\n<function=${name}>\n${each(args, (key, text) => `<parameter=${key}>\n${text}\n</parameter>`)}\n</function>\n</tool_call>`,
      )
      .join('\n'),
  'minimax-m2': (calls) =>
    `<minimax:tool_call>\n${calls.map(({ name, args }) => `<invoke name="${name}">\n${each(args, (key, text) => `<parameter name="${key}">${text}</parameter>`)}\n</invoke>`).join('\n')}\n</minimax:tool_call>`,
  deepseek: (calls) =>
    `<｜tool▁calls▁begin｜>${calls.map(({ name, args }) => `<｜tool▁call▁begin｜>${name}<｜tool▁sep｜>${JSON.stringify(args)}<｜tool▁call▁end｜>`).join('')}<｜tool▁calls▁end｜>`,
  llama: (calls) => calls.map(({ name, args }) => JSON.stringify({ name, parameters: args })).join('; '),
  harmony: (calls) =>
    calls
      .map(
        ({ name, args }) =>
          `<|start|>assistant<|channel|>commentary to=functions.${name} <|constrain|>json<|message|>${JSON.stringify(args)}<|call|>`,
      )
      .join(''),
};
const FORMATS = Object.keys(WRITERS) as ToolFormatName[];

function read(
  format: ToolFormatName | null,
  pieces: readonly string[],
  reasoning: ReasoningForm = 'none',
): Parsed[] {
  const parser = createOutputParser({ format, reasoning, tools: TOOLS });
  const all = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.finish()];
  return all.reduce<Parsed[]>((out, piece) => {
    const last = out.at(-1);
    if (piece.kind !== 'call' && last?.kind === piece.kind) last.text += piece.text;
    else out.push({ ...piece });
    return out;
  }, []);
}

const callsOf = (parsed: readonly Parsed[]): Call[] =>
  parsed.flatMap((piece) =>
    piece.kind === 'call'
      ? [{ name: piece.call.name, args: JSON.parse(piece.call.arguments) as Record<string, unknown> }]
      : [],
  );
const textOf = (parsed: readonly Parsed[]): string =>
  parsed.map((piece) => (piece.kind === 'text' ? piece.text : '')).join('');

/** Cuts a text at the given places. */
function cut(text: string, places: readonly number[]): string[] {
  const at = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [...at, text.length].map((end, index) => text.slice(index === 0 ? 0 : at[index - 1], end));
}

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
