/** What made-up clients send: conversations of an agent that grow from turn to turn, in the forms agents use. */

/** Requests of one conversation: each goes on from the one before. */
const STEPS = 8;
const TEXT = 'The test in src/index.ts fails because the list is empty; read the file and say why.\n'.repeat(
  8,
);

const SCHEMA = {
  type: 'object',
  properties: {
    path: { type: 'string', description: 'Where the file is.' },
    lines: { type: 'array', items: { type: 'integer' } },
    mode: { type: 'string', enum: ['text', 'binary'] },
  },
  required: ['path'],
  additionalProperties: false,
};
const TOOLS = ['read', 'write', 'shell', 'search'].map((name) => ({
  name,
  description: TEXT,
  schema: SCHEMA,
}));

/** What an agent does in its step `at`, in the words of no API. */
interface Step {
  id: string;
  said: string;
  call: { path: string; mode: string };
  result: string;
}

/** Path and body of request `n`. */
export function warmRequest(n: number, model: string): { path: string; body: string } {
  const conversation = Math.floor(n / STEPS);
  const steps = Array.from({ length: n % STEPS }, (_, at) => stepOf(conversation, at));
  const asked = `${conversation} ${TEXT}`;
  const common = { model, stream: n % 2 === 1 };
  switch (conversation % 4) {
    case 1:
      return { path: '/v1/messages', body: JSON.stringify({ ...common, ...messagesBody(asked, steps) }) };
    case 3:
      return { path: '/v1/responses', body: JSON.stringify({ ...common, ...responsesBody(asked, steps) }) };
    default:
      return { path: '/v1/chat/completions', body: JSON.stringify({ ...common, ...chatBody(asked, steps) }) };
  }
}

function stepOf(conversation: number, at: number): Step {
  const id = `call_${conversation}_${at}`;
  // Now and then a text has characters of two bytes.
  const said = at % 3 === 2 ? `${at} “${TEXT}”` : `${at} ${TEXT}`;
  return { id, said, call: { path: `src/${at}.ts`, mode: 'text' }, result: `${at}: ${TEXT}` };
}

function chatBody(asked: string, steps: readonly Step[]): Record<string, unknown> {
  const turns = steps.flatMap(({ id, said, call, result }) => [
    {
      role: 'assistant',
      content: said,
      tool_calls: [{ id, type: 'function', function: { name: 'read', arguments: JSON.stringify(call) } }],
    },
    { role: 'tool', tool_call_id: id, content: result },
  ]);
  const tools = TOOLS.map(({ name, description, schema }) => ({
    type: 'function',
    function: { name, description, parameters: schema },
  }));
  const more = steps.length % 3 === 2 ? [{ role: 'user', content: [{ type: 'text', text: 'Go on.' }] }] : [];
  const messages = [{ role: 'system', content: TEXT }, { role: 'user', content: asked }, ...turns, ...more];
  return { messages, tools, max_tokens: 64, temperature: 0.2 };
}

function messagesBody(asked: string, steps: readonly Step[]): Record<string, unknown> {
  const turns = steps.flatMap(({ id, said, call, result }) => [
    {
      role: 'assistant',
      content: [
        { type: 'text', text: said },
        { type: 'tool_use', id, name: 'read', input: call },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result }] },
  ]);
  const tools = TOOLS.map(({ name, description, schema }) => ({ name, description, input_schema: schema }));
  const system = [{ type: 'text', text: TEXT, cache_control: { type: 'ephemeral' } }];
  return { system, messages: [{ role: 'user', content: asked }, ...turns], tools, max_tokens: 64 };
}

function responsesBody(asked: string, steps: readonly Step[]): Record<string, unknown> {
  const turns = steps.flatMap(({ id, said, call, result }) => [
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: said }] },
    { type: 'function_call', call_id: id, name: 'read', arguments: JSON.stringify(call) },
    { type: 'function_call_output', call_id: id, output: result },
  ]);
  const tools = TOOLS.map(({ name, description, schema }) => ({
    type: 'function',
    name,
    description,
    parameters: schema,
  }));
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: asked }] }, ...turns];
  return { instructions: TEXT, input, tools, store: false, max_output_tokens: 64 };
}
