/** Raw output of each format, and reading it. */
import { createOutputParser } from '../../../../src/link/parsers/formats.js';
import type { Parsed, ReasoningForm, ToolFormatName } from '../../../../src/link/parsers/types.js';

export const TOOLS = new Map<string, Record<string, unknown>>([
  [
    'write',
    {
      type: 'object',
      properties: { path: { type: 'string' }, lines: { type: 'integer' }, tags: { type: 'array' } },
    },
  ],
  ['run', { type: 'object', properties: { command: { type: 'string' } } }],
]);
export type Call = { name: string; args: Record<string, unknown> };
export const WANTED: Call[] = [
  { name: 'write', args: { path: '42', lines: 3, tags: ['a', 1] } },
  { name: 'run', args: { command: 'echo "</parameter>" > "a b" \\ ünï' } },
];
const value = (one: unknown): string => (typeof one === 'string' ? one : JSON.stringify(one));
const each = (args: Record<string, unknown>, show: (name: string, text: string) => string): string =>
  Object.entries(args)
    .map(([name, one]) => show(name, value(one)))
    .join('\n');

export const WRITERS: Record<ToolFormatName, (calls: Call[]) => string> = {
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
  dsml: (calls) =>
    `<｜DSML｜function_calls>\n${calls
      .map(
        ({ name, args }) =>
          `<｜DSML｜invoke name="${name}">\n${Object.entries(args)
            .map(
              ([key, one]) =>
                `<｜DSML｜parameter name="${key}" string="${typeof one === 'string'}">${value(one)}</｜DSML｜parameter>\n`,
            )
            .join('')}</｜DSML｜invoke>\n`,
      )
      .join('')}</｜DSML｜function_calls>`,
  kimi: (calls) =>
    `<|tool_calls_section_begin|>${calls.map(({ name, args }, at) => `<|tool_call_begin|>functions.${name}:${at}<|tool_call_argument_begin|>${JSON.stringify(args)}<|tool_call_end|>`).join('')}<|tool_calls_section_end|>`,
  llama: (calls) => calls.map(({ name, args }) => JSON.stringify({ name, parameters: args })).join('; '),
  harmony: (calls) =>
    calls
      .map(
        ({ name, args }) =>
          `<|start|>assistant<|channel|>commentary to=functions.${name} <|constrain|>json<|message|>${JSON.stringify(args)}<|call|>`,
      )
      .join(''),
};
export const FORMATS = Object.keys(WRITERS) as ToolFormatName[];

export function read(
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

export const callsOf = (parsed: readonly Parsed[]): Call[] =>
  parsed.flatMap((piece) =>
    piece.kind === 'call'
      ? [{ name: piece.call.name, args: JSON.parse(piece.call.arguments) as Record<string, unknown> }]
      : [],
  );
export const textOf = (parsed: readonly Parsed[]): string =>
  parsed.map((piece) => (piece.kind === 'text' ? piece.text : '')).join('');

/** Cuts a text at the given places. */
export function cut(text: string, places: readonly number[]): string[] {
  const at = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [...at, text.length].map((end, index) => text.slice(index === 0 ? 0 : at[index - 1], end));
}
