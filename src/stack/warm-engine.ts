/** The engine behind requests that only warm code up: it answers at once. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';

/** Output tokens of a streamed answer; about what a short turn has. */
const OUTPUT_TOKENS = 48;

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
