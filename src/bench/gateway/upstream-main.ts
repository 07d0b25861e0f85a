/**
 * An upstream of negligible cost, shaped like vLLM, on several ports: bodies are read and not parsed, answers are rendered
 * before. Over IPC: `{ gapMs, chunks }` sets the pace of streams that follow (0 = all at once).
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type AskedFor,
  CHUNKS,
  closing,
  OPENING_CHUNK,
  stampedChunk,
  TOKEN_CHUNKS,
  UPSTREAM_MODEL,
  wholeAnswer,
} from './upstream-answer.js';

const PORTS = 4;
const CONTEXT_TOKENS = 1_048_576;
const SSE = { 'content-type': 'text/event-stream; charset=utf-8' };
const INFO: Record<string, string> = {
  '/health': '{}',
  '/version': '{"version":"0.33.0"}',
  '/v1/models': JSON.stringify({
    object: 'list',
    data: [{ id: UPSTREAM_MODEL, object: 'model', owned_by: 'vllm', max_model_len: CONTEXT_TOKENS }],
  }),
};

let pace = { gapMs: 0, chunks: CHUNKS };

const servers = Array.from({ length: PORTS }, () => http.createServer({ noDelay: true }, serve));
const ports = await Promise.all(servers.map(listen));
process.on('message', (wanted: typeof pace) => {
  pace = wanted;
  process.send?.({ type: 'taken' });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ type: 'ready', urls: ports.map((port) => `http://127.0.0.1:${port}`) });

function listen(server: http.Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (request.url === '/v1/chat/completions') answer(Buffer.concat(chunks), response);
    else inform(request.url ?? '/', response);
  });
}

function inform(path: string, response: ServerResponse): void {
  const text = INFO[path];
  response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'application/json' });
  response.end(text ?? '{"detail":"Not Found"}');
}

function answer(body: Buffer, response: ServerResponse): void {
  const asked: AskedFor = { bodyBytes: body.length, hasUsage: body.includes('"include_usage":true') };
  if (!body.includes('"stream":true')) {
    const whole = wholeAnswer(asked);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': whole.length });
    response.end(whole);
    return;
  }
  response.writeHead(200, SSE);
  response.write(OPENING_CHUNK);
  if (pace.gapMs > 0) {
    streamSlowly(asked, response);
    return;
  }
  for (const chunk of TOKEN_CHUNKS) response.write(chunk);
  response.end(closing(asked));
}

function streamSlowly(asked: AskedFor, response: ServerResponse): void {
  const { gapMs, chunks } = pace;
  let sent = 0;
  const timer = setInterval(() => {
    response.write(stampedChunk(process.hrtime.bigint() / 1_000n));
    sent += 1;
    if (sent < chunks) return;
    clearInterval(timer);
    response.end(closing(asked, sent));
  }, gapMs);
  response.on('close', () => clearInterval(timer));
}
