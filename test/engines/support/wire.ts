/** One answer of a model as an engine sends it: parsed into fields by the engine, or raw in a model's own format. */

export interface Call {
  name: string;
  args: Record<string, unknown>;
}

/** What the model says in one turn. */
export interface Turn {
  thinking?: string;
  text?: string;
  calls?: readonly Call[];
}

/** The way an engine writes an answer down. The raw ones are names of `--set parser.tools`. */
export type Wire = 'parsed' | RawFormat;
export type RawFormat = 'glm' | 'minimax-m2' | 'qwen3-coder' | 'hermes' | 'deepseek' | 'harmony';

export interface Delta {
  role?: 'assistant';
  content?: string;
  reasoning_content?: string;
  tool_calls?: {
    index: number;
    id?: string;
    type?: 'function';
    function: { name?: string; arguments: string };
  }[];
}

/** Cuts fall in the middle of words, markers and characters' escapes. */
const PIECE_CHARS = 7;

/** Deltas of one choice, without its finish reason. `seed` keeps ids of calls apart. */
export function deltasOf(turn: Turn, wire: Wire, seed: string): Delta[] {
  const start: Delta = { role: 'assistant', content: '' };
  if (wire !== 'parsed') return [start, ...pieces(rawText(turn, wire)).map((content) => ({ content }))];
  return [
    start,
    ...pieces(turn.thinking ?? '').map((reasoning_content) => ({ reasoning_content })),
    ...pieces(turn.text ?? '').map((content) => ({ content })),
    ...(turn.calls ?? []).flatMap((call, index) => callDeltas(call, index, `call-${seed}-${index}`)),
  ];
}

export function finishReason(turn: Turn, wire: Wire): string {
  return wire === 'parsed' && (turn.calls ?? []).length > 0 ? 'tool_calls' : 'stop';
}

function callDeltas({ name, args }: Call, index: number, id: string): Delta[] {
  return [
    { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] },
    ...pieces(JSON.stringify(args)).map((text) => ({
      tool_calls: [{ index, function: { arguments: text } }],
    })),
  ];
}

/** The text a model really writes when nobody parses it. */
export function rawText(turn: Turn, format: RawFormat): string {
  const { thinking, text, calls = [] } = turn;
  if (format === 'harmony') return harmonyText(turn);
  const reasoning = thinking === undefined ? '' : `<think>${thinking}</think>\n`;
  const written = calls.length === 0 ? '' : AROUND[format](calls.map((call) => RAW[format](call)));
  return [reasoning + (text ?? ''), written].filter((part) => part !== '').join('\n');
}

/** gpt-oss: reasoning, words and calls are messages on channels. */
function harmonyText({ thinking, text, calls = [] }: Turn): string {
  const messages = [
    ...(thinking === undefined ? [] : [`<|channel|>analysis<|message|>${thinking}<|end|>`]),
    ...(text === undefined ? [] : [`<|channel|>final<|message|>${text}<|end|>`]),
    ...calls.map(
      ({ name, args }) =>
        `<|channel|>commentary to=functions.${name} <|constrain|>json<|message|>${JSON.stringify(args)}<|call|>`,
    ),
  ];
  return messages.join('<|start|>assistant');
}

type Tagged = Exclude<RawFormat, 'harmony'>;
const lines = (calls: string[]): string => calls.join('\n');
const AROUND: Record<Tagged, (calls: string[]) => string> = {
  glm: lines,
  'qwen3-coder': lines,
  hermes: lines,
  'minimax-m2': (calls) => `<minimax:tool_call>\n${lines(calls)}\n</minimax:tool_call>`,
  deepseek: (calls) => `<｜tool▁calls▁begin｜>${calls.join('')}<｜tool▁calls▁end｜>`,
};

/** Strings stand as they are, everything else as JSON, as these models' templates teach them. */
const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const RAW: Record<Tagged, (call: Call) => string> = {
  hermes: ({ name, args }) => `<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`,
  deepseek: ({ name, args }) =>
    `<｜tool▁call▁begin｜>${name}<｜tool▁sep｜>${JSON.stringify(args)}<｜tool▁call▁end｜>`,
  glm: ({ name, args }) => {
    const lines = Object.entries(args).map(
      ([key, value]) => `<arg_key>${key}</arg_key>\n<arg_value>${plain(value)}</arg_value>\n`,
    );
    return `<tool_call>${name}\n${lines.join('')}</tool_call>`;
  },
  'minimax-m2': ({ name, args }) => {
    const lines = Object.entries(args).map(
      ([key, value]) => `<parameter name="${key}">${plain(value)}</parameter>\n`,
    );
    return `<invoke name="${name}">\n${lines.join('')}</invoke>`;
  },
  'qwen3-coder': ({ name, args }) => {
    const lines = Object.entries(args).map(
      ([key, value]) => `<parameter=${key}>\n${plain(value)}\n</parameter>\n`,
    );
    return `<tool_call>\n<function=${name}>\n${lines.join('')}</function>\n</tool_call>`;
  },
};

function pieces(text: string): string[] {
  const characters = [...text];
  return Array.from({ length: Math.ceil(characters.length / PIECE_CHARS) }, (_, at) =>
    characters.slice(at * PIECE_CHARS, (at + 1) * PIECE_CHARS).join(''),
  );
}
