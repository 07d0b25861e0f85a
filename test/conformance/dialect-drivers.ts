/** The three chat dialects as one: how to ask, and what came back in common words. */

// biome-ignore lint/suspicious/noExplicitAny: answers of three wire APIs, read as loosely as clients do
type Json = Record<string, any>;

export interface Ask {
  system?: string;
  turns: Turn[];
  tools?: { name: string; schema: Record<string, unknown> }[];
  forceTool?: string;
  stop?: string[];
  /** JSON schema of the answer. */
  format?: Record<string, unknown>;
  /** `test-model` unless given. */
  model?: string;
  maxTokens?: number;
  isStream: boolean;
  /** The most likely token every time. */
  isGreedy?: boolean;
}

/** Fields that all three dialects call alike. */
const common = ({ model = 'test-model', isStream, isGreedy = false }: Ask): Json => ({
  model,
  stream: isStream,
  ...(isGreedy ? { temperature: 0 } : {}),
});

export type Turn =
  | { role: 'user' | 'system'; text: string }
  | {
      role: 'assistant';
      text?: string;
      thinking?: string;
      calls?: { id: string; name: string; args: string }[];
    }
  | { role: 'tool'; id: string; text: string };

export interface Told {
  status: number;
  text: string;
  thinking: string;
  calls: { id: string; name: string; args: unknown }[];
  /** `stop`, `length` or `tool`. */
  end: string;
  usage: { prompt: number; cached: number; output: number } | null;
  /** The failure's sentence. */
  error: string | null;
}

export interface DialectDriver {
  name: string;
  path: string;
  body(ask: Ask): Record<string, unknown>;
  read(status: number, text: string, isStream: boolean): Told;
}

const blank = (status: number): Told => ({
  status,
  text: '',
  thinking: '',
  calls: [],
  end: '',
  usage: null,
  error: null,
});

/** Arguments; those of a call that was cut stay text. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** Data of each SSE event. */
function events(text: string): Json[] {
  // Not by a regular expression: `.` ends at U+2028, which an event may hold.
  const lines = text.split('\n').filter((line) => line.startsWith('data: {'));
  return lines.map((line) => JSON.parse(line.slice(6)) as Json);
}

const chat: DialectDriver = {
  name: 'chat',
  path: '/v1/chat/completions',
  body: (ask) => ({
    ...common(ask),
    stream_options: { include_usage: true },
    ...(ask.maxTokens === undefined ? {} : { max_completion_tokens: ask.maxTokens }),
    ...(ask.format === undefined
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: ask.format } } }),
    messages: [
      ...(ask.system === undefined ? [] : [{ role: 'system', content: ask.system }]),
      ...ask.turns.map((turn) => {
        if (turn.role === 'tool') return { role: 'tool', tool_call_id: turn.id, content: turn.text };
        if (turn.role !== 'assistant') return { role: turn.role, content: turn.text };
        const calls = turn.calls?.map(({ id, name, args }) => ({
          id,
          type: 'function',
          function: { name, arguments: args },
        }));
        return {
          role: 'assistant',
          content: turn.text ?? null,
          ...(turn.thinking === undefined ? {} : { reasoning_content: turn.thinking }),
          ...(calls === undefined ? {} : { tool_calls: calls }),
        };
      }),
    ],
    ...(ask.tools === undefined
      ? {}
      : {
          tools: ask.tools.map(({ name, schema }) => ({
            type: 'function',
            function: { name, parameters: schema },
          })),
        }),
    ...(ask.forceTool === undefined
      ? {}
      : { tool_choice: { type: 'function', function: { name: ask.forceTool } } }),
    ...(ask.stop === undefined ? {} : { stop: ask.stop }),
  }),
  read: (status, text, isStream) => {
    const told = blank(status);
    const chunks: Json[] = isStream && status === 200 ? events(text) : [JSON.parse(text)];
    const args = new Map<number, string>();
    for (const chunk of chunks) {
      if (chunk['error'] !== undefined) told.error = chunk['error'].message;
      const usage = chunk['usage'];
      if (usage)
        told.usage = {
          prompt: usage.prompt_tokens,
          cached: usage.prompt_tokens_details.cached_tokens,
          output: usage.completion_tokens,
        };
      const choice = chunk['choices']?.[0];
      if (choice === undefined) continue;
      const said = choice.delta ?? choice.message;
      told.text += said.content ?? '';
      told.thinking += said.reasoning_content ?? '';
      for (const [place, call] of (said.tool_calls ?? []).entries()) {
        const index = call.index ?? place;
        if (call.id !== undefined) told.calls[index] = { id: call.id, name: call.function.name, args: null };
        args.set(index, (args.get(index) ?? '') + call.function.arguments);
      }
      if (choice.finish_reason) told.end = choice.finish_reason.replace('tool_calls', 'tool');
    }
    for (const [index, json] of args) told.calls[index]!.args = parsed(json);
    return told;
  },
};

const messages: DialectDriver = {
  name: 'messages',
  path: '/v1/messages',
  body: (ask) => ({
    ...common(ask),
    max_tokens: ask.maxTokens ?? 100,
    ...(ask.format === undefined
      ? {}
      : { output_config: { format: { type: 'json_schema', schema: ask.format } } }),
    ...(ask.system === undefined ? {} : { system: ask.system }),
    messages: ask.turns.map((turn) => {
      if (turn.role === 'tool') {
        return {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: turn.id, content: turn.text }],
        };
      }
      if (turn.role !== 'assistant') return { role: turn.role, content: turn.text };
      return {
        role: 'assistant',
        content: [
          ...(turn.thinking === undefined
            ? []
            : [{ type: 'thinking', thinking: turn.thinking, signature: 'any' }]),
          ...(turn.text === undefined ? [] : [{ type: 'text', text: turn.text }]),
          ...(turn.calls ?? []).map(({ id, name, args }) => ({
            type: 'tool_use',
            id,
            name,
            input: JSON.parse(args) as unknown,
          })),
        ],
      };
    }),
    ...(ask.tools === undefined
      ? {}
      : { tools: ask.tools.map(({ name, schema }) => ({ name, input_schema: schema })) }),
    ...(ask.forceTool === undefined ? {} : { tool_choice: { type: 'tool', name: ask.forceTool } }),
    ...(ask.stop === undefined ? {} : { stop_sequences: ask.stop }),
  }),
  read: (status, text, isStream) => {
    const told = blank(status);
    const isWhole = !isStream || status !== 200;
    const message = isWhole
      ? (JSON.parse(text) as Json)
      : gathered(events(text).filter(({ type }) => type !== 'ping'));
    if (message['error'] !== undefined) told.error = message['error'].message;
    for (const block of message['content'] ?? []) {
      if (block.type === 'text') told.text += block.text;
      if (block.type === 'thinking') told.thinking += block.thinking;
      if (block.type === 'tool_use') told.calls.push({ id: block.id, name: block.name, args: block.input });
    }
    const reason = message['stop_reason'];
    const ends: Record<string, string> = {
      end_turn: 'stop',
      stop_sequence: 'stop',
      max_tokens: 'length',
      tool_use: 'tool',
    };
    if (reason) told.end = ends[reason] ?? reason;
    const usage = message['usage'];
    if (usage)
      told.usage = {
        prompt: usage.input_tokens + usage.cache_read_input_tokens,
        cached: usage.cache_read_input_tokens,
        output: usage.output_tokens,
      };
    return told;
  },
};

/** Checks the order that clients are strict about while it puts the message together. */
function gathered(list: Json[]): Json {
  const message: Json = { content: [] };
  let open = -1;
  let json = '';
  for (const [place, event] of list.entries()) {
    if (event['type'] === 'error') {
      message['error'] = event['error'];
      break;
    }
    if ((event['type'] === 'message_start') !== (place === 0))
      throw new Error('message_start must be first, once');
    switch (event['type']) {
      case 'content_block_start':
        if (open !== -1) throw new Error('a block opened while another was open');
        open = event['index'];
        if (open !== message['content'].length) throw new Error(`index ${open} is out of order`);
        message['content'].push({ ...event['content_block'] });
        json = '';
        break;
      case 'content_block_delta': {
        if (event['index'] !== open) throw new Error('a delta for a block that is not open');
        const block = message['content'][open];
        const { delta } = event;
        if (delta.type === 'text_delta') block.text += delta.text;
        if (delta.type === 'thinking_delta') block.thinking += delta.thinking;
        if (delta.type === 'input_json_delta') json += delta.partial_json;
        break;
      }
      case 'content_block_stop':
        if (event['index'] !== open) throw new Error('a stop for a block that is not open');
        if (json !== '') message['content'][open].input = parsed(json);
        open = -1;
        break;
      case 'message_delta':
        message['stop_reason'] = event['delta'].stop_reason;
        message['usage'] = event['usage'];
    }
  }
  if (message['error'] === undefined && list.at(-1)?.['type'] !== 'message_stop')
    throw new Error('message_stop must be last');
  return message;
}

const responses: DialectDriver = {
  name: 'responses',
  path: '/v1/responses',
  body: (ask) => ({
    ...common(ask),
    store: false,
    ...(ask.maxTokens === undefined ? {} : { max_output_tokens: ask.maxTokens }),
    ...(ask.format === undefined
      ? {}
      : { text: { format: { type: 'json_schema', name: 'x', schema: ask.format } } }),
    ...(ask.system === undefined ? {} : { instructions: ask.system }),
    input: ask.turns.flatMap((turn): Json[] => {
      if (turn.role === 'tool')
        return [{ type: 'function_call_output', call_id: turn.id, output: turn.text }];
      if (turn.role !== 'assistant') return [{ role: turn.role, content: turn.text }];
      return [
        ...(turn.thinking === undefined
          ? []
          : [{ type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: turn.thinking }] }]),
        ...(turn.text === undefined
          ? []
          : [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: turn.text }] }]),
        ...(turn.calls ?? []).map(({ id, name, args }) => ({
          type: 'function_call',
          call_id: id,
          name,
          arguments: args,
        })),
      ];
    }),
    ...(ask.tools === undefined
      ? {}
      : {
          tools: ask.tools.map(({ name, schema }) => ({ type: 'function', name, parameters: schema })),
        }),
    ...(ask.forceTool === undefined ? {} : { tool_choice: { type: 'function', name: ask.forceTool } }),
    ...(ask.stop === undefined ? {} : { stop: ask.stop }),
  }),
  read: (status, text, isStream) => {
    const told = blank(status);
    const list = isStream && status === 200 ? events(text) : [];
    list.forEach((event, index) => {
      if (event['sequence_number'] !== index) throw new Error('sequence numbers must count from 0');
    });
    const last = list.at(-1);
    const response = (last === undefined ? JSON.parse(text) : last['response']) as Json;
    if (last !== undefined) checkDone(list, response);
    if (response['error']) told.error = response['error'].message;
    for (const item of response['output'] ?? []) {
      if (item.type === 'message') told.text += item.content.map((part: Json) => part['text']).join('');
      if (item.type === 'reasoning')
        told.thinking += [...(item.content ?? []), ...item.summary]
          .map((part: Json) => part['text'])
          .join('');
      if (item.type === 'function_call')
        told.calls.push({ id: item.call_id, name: item.name, args: parsed(item.arguments) });
    }
    const isCut = response['status'] === 'incomplete';
    if (response['status'] === 'completed' || isCut)
      told.end = isCut ? 'length' : told.calls.length > 0 ? 'tool' : 'stop';
    const usage = response['usage'];
    if (usage)
      told.usage = {
        prompt: usage.input_tokens,
        cached: usage.input_tokens_details.cached_tokens,
        output: usage.output_tokens,
      };
    return told;
  },
};

/** Every item is announced once, done once, and its done event equals the final response. */
function checkDone(list: Json[], response: Json): void {
  const done = list.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item);
  const added = list.filter(({ type }) => type === 'response.output_item.added').map(({ item }) => item.id);
  if (JSON.stringify(done.map(({ id }) => id).sort()) !== JSON.stringify([...added].sort()))
    throw new Error('an item was not done');
  for (const item of done) {
    const final = response['output'].find(({ id }: Json) => id === item.id);
    if (JSON.stringify(final) !== JSON.stringify(item))
      throw new Error('a done item differs from the final one');
  }
}

export const DRIVERS: readonly DialectDriver[] = [chat, messages, responses];
