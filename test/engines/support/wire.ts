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

export type Wire = 'parsed' | 'glm' | 'minimax-m2' | 'qwen3-coder';

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
export function rawText({ thinking, text, calls = [] }: Turn, wire: Exclude<Wire, 'parsed'>): string {
  const reasoning = thinking === undefined ? '' : `<think>${thinking}</think>\n`;
  const written = calls.map((call) => RAW[wire](call)).join('\n');
  const wrapped =
    wire === 'minimax-m2' && written !== ''
      ? `<minimax:tool_call>\n${written}\n</minimax:tool_call>`
      : written;
  return [reasoning + (text ?? ''), wrapped].filter((part) => part !== '').join('\n');
}

/** Strings stand as they are, everything else as JSON, as these models' templates teach them. */
const plain = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const RAW: Record<Exclude<Wire, 'parsed'>, (call: Call) => string> = {
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
