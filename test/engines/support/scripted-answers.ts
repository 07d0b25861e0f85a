/**
 * One scripted job in three dialects: the first answer calls the shell tool, the next one says a sentence. Enough to
 * see whether a real agent accepts what it was configured with; the gateway's own streams are tested elsewhere.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The fields the script and the tests look at, of whichever dialect. */
export interface AgentRequest {
  model?: string;
  max_tokens?: number;
  max_completion_tokens?: number;
  messages?: { role: string }[];
  input?: { type?: string }[];
  tools?: { name?: string; function?: { name: string } }[];
}

export interface SeenRequest {
  path: string;
  authorization: string | undefined;
  bytes: number;
  body: AgentRequest;
}

export const COMMAND = 'echo made-by-the-agent > made.txt';
export const SENTENCE = 'all done by script';

/** A request listener that answers by script and adds every request with a body to `seen`. */
export function scriptedAnswers(seen: SeenRequest[]) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const path = (request.url ?? '').split('?')[0] ?? '';
      const answer = { '/v1/messages': messages, '/v1/chat/completions': chat, '/v1/responses': responses }[
        path
      ];
      if (text === '' || answer === undefined) return void response.writeHead(404).end();
      const body = JSON.parse(text) as AgentRequest;
      seen.push({ path, authorization: request.headers.authorization, bytes: text.length, body });
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of answer(body)) {
        const name =
          typeof event.type === 'string' && path !== '/v1/chat/completions' ? `event: ${event.type}\n` : '';
        response.write(`${name}data: ${JSON.stringify(event)}\n\n`);
      }
      response.end(path === '/v1/chat/completions' ? 'data: [DONE]\n\n' : '');
    });
  };
}

type Event = Record<string, unknown>;

function messages(body: AgentRequest): Event[] {
  const isFirst = !JSON.stringify(body.messages).includes('tool_result') && hasTool(body, 'Bash');
  const usage = {
    input_tokens: 10,
    output_tokens: 1,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  };
  const start = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: body.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  };
  const block = isFirst
    ? { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: {} }
    : { type: 'text', text: '' };
  const input = JSON.stringify({ command: COMMAND, description: 'make a file' });
  const delta = isFirst
    ? { type: 'input_json_delta', partial_json: input }
    : { type: 'text_delta', text: SENTENCE };
  return [
    { type: 'message_start', message: start },
    { type: 'content_block_start', index: 0, content_block: block },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: isFirst ? 'tool_use' : 'end_turn', stop_sequence: null },
      usage: { output_tokens: 9 },
    },
    { type: 'message_stop' },
  ];
}

function chat(body: AgentRequest): Event[] {
  const isFirst = hasTool(body, 'bash') && !body.messages?.some(({ role }) => role === 'tool');
  const call = { name: 'bash', arguments: JSON.stringify({ command: COMMAND, description: 'make a file' }) };
  const delta = isFirst
    ? {
        role: 'assistant',
        content: null,
        tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: call }],
      }
    : { role: 'assistant', content: SENTENCE };
  const chunk = (choice: Event) => ({
    id: 'c1',
    object: 'chat.completion.chunk',
    created: 1,
    model: body.model,
    choices: [{ index: 0, ...choice }],
  });
  const usage = { prompt_tokens: 10, completion_tokens: 9, total_tokens: 19 };
  return [
    chunk({ delta, finish_reason: null }),
    chunk({ delta: {}, finish_reason: isFirst ? 'tool_calls' : 'stop' }),
    { id: 'c1', object: 'chat.completion.chunk', created: 1, model: body.model, choices: [], usage },
  ];
}

function responses(body: AgentRequest): Event[] {
  const isFirst = !body.input?.some(({ type }) => type === 'function_call_output');
  const item = isFirst
    ? {
        type: 'function_call',
        id: 'fc_1',
        call_id: 'call_1',
        name: 'exec_command',
        arguments: JSON.stringify({ cmd: COMMAND }),
        status: 'completed',
      }
    : {
        type: 'message',
        id: 'm_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: SENTENCE, annotations: [] }],
      };
  const response = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'in_progress',
    model: body.model,
    output: [],
  };
  const usage = {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 9,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 19,
  };
  return [
    { type: 'response.created', sequence_number: 0, response },
    {
      type: 'response.output_item.added',
      sequence_number: 1,
      output_index: 0,
      item: { ...item, status: 'in_progress' },
    },
    { type: 'response.output_item.done', sequence_number: 2, output_index: 0, item },
    {
      type: 'response.completed',
      sequence_number: 3,
      response: { ...response, status: 'completed', output: [item], usage },
    },
  ];
}

function hasTool(body: AgentRequest, name: string): boolean {
  return (body.tools ?? []).some((tool) => (tool.name ?? tool.function?.name) === name);
}
