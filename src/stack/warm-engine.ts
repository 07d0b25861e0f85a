/** The other two ends of a request that only warms code up: an engine that answers at once, and what its client sends. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';

/** Output tokens of a streamed answer; about what a short turn has. */
const OUTPUT_TOKENS = 48;
/** Turns of one made-up conversation: each goes on from the one before, as an agent's do. */
const TURNS = 12;
const TURN_TEXT =
  'The test in src/index.ts fails because the list is empty; read the file and say why. '.repeat(8);

const USAGE = { prompt_tokens: 100, completion_tokens: OUTPUT_TOKENS, total_tokens: 100 + OUTPUT_TOKENS };
const STREAM = [
  ...Array.from({ length: OUTPUT_TOKENS }, (_, at) => chunk({ delta: { content: ` word${at}` }, index: 0 })),
  chunk({ delta: {}, index: 0, finish_reason: 'stop' }),
  `data: ${JSON.stringify({ id: 'warm', choices: [], usage: USAGE })}\n\n`,
  'data: [DONE]\n\n',
];
const WHOLE = JSON.stringify({
  id: 'warm',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'a word '.repeat(OUTPUT_TOKENS) },
      finish_reason: 'stop',
    },
  ],
  usage: USAGE,
});

function chunk(choice: Record<string, unknown>): string {
  return `data: ${JSON.stringify({ id: 'warm', object: 'chat.completion.chunk', choices: [choice] })}\n\n`;
}

/** Answers every request, whole to whoever accepts JSON. */
export function warmEngine(): http.Server {
  return http.createServer((request, response) => {
    request.on('end', () => answer(request, response));
    request.resume();
  });
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const isWhole = request.headers.accept === 'application/json';
  response.writeHead(200, { 'content-type': isWhole ? 'application/json' : 'text/event-stream' });
  if (!isWhole) for (const piece of STREAM) response.write(piece);
  response.end(isWhole ? WHOLE : '');
}

/** What request `n` is: its conversation grows from turn to turn, its form is one of those agents use. */
export function warmRequest(n: number, model: string): { path: string; body: string } {
  const conversation = Math.floor(n / TURNS);
  const messages = Array.from({ length: 1 + (n % TURNS) * 2 }, (_, at) => ({
    role: at % 2 === 0 ? 'user' : 'assistant',
    content: `${conversation}.${at} ${TURN_TEXT}`,
  }));
  const stream = n % 2 === 1;
  const max_tokens = 64;
  switch (conversation % 4) {
    case 2:
      return {
        path: '/v1/messages',
        body: JSON.stringify({
          model,
          messages,
          system: TURN_TEXT,
          tools: TOOLS.map(named),
          stream,
          max_tokens,
        }),
      };
    case 3:
      return {
        path: '/v1/responses',
        body: JSON.stringify({ model, input: messages, instructions: TURN_TEXT, stream, store: false }),
      };
    default:
      return {
        path: '/v1/chat/completions',
        body: JSON.stringify({
          model,
          messages: [{ role: 'system', content: TURN_TEXT }, ...messages],
          tools: TOOLS.map((tool) => ({ type: 'function', function: tool })),
          stream,
          max_tokens,
        }),
      };
  }
}

const TOOLS = ['read', 'write', 'shell', 'search'].map((name) => ({
  name,
  description: TURN_TEXT,
  parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
}));

const named = ({ name, description, parameters }: (typeof TOOLS)[number]) => ({
  name,
  description,
  input_schema: parameters,
});
