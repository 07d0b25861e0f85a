/**
 * An engine on loopback that looks like vLLM and answers by script. Its prompt text is GLM's order (tools, then the
 * messages), its tokens are four bytes each, and it has a prefix cache of 16-token blocks, so that what it reports as
 * cached is what an engine would have.
 */

import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Call, deltasOf, finishReason, type Turn, type Wire } from './wire.js';

/** The chat-completions body the gateway sends. */
export interface EngineRequest {
  model: string;
  messages: { role: string; content?: unknown; reasoning_content?: string }[];
  tools?: { function: { name: string; parameters: unknown } }[];
  max_tokens?: number;
  [field: string]: unknown;
}

export interface Served {
  body: EngineRequest;
  prompt: string;
  /** Tokens of tools and system messages at the prompt's beginning. */
  leadTokens: number;
  promptTokens: number;
  cachedTokens: number;
}

export interface Engine {
  url: string;
  served: Served[];
  /** What it answers, and how it writes it down. */
  script: (body: EngineRequest) => Turn;
  wire: Wire;
  close(): Promise<void>;
}

export const MODEL = 'glm-scripted';
export const BLOCK_TOKENS = 16;
const TOKEN_BYTES = 4;

export async function startEngine(options: { contextTokens: number; wire: Wire }): Promise<Engine> {
  const cache = new Set<string>();
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const body = (text === '' ? {} : JSON.parse(text)) as EngineRequest;
      if (request.url === '/v1/chat/completions') stream(engine, cache, body, response);
      else fact(request.url ?? '', body, options.contextTokens, response);
    });
  });
  const engine: Engine = {
    url: '',
    served: [],
    script: () => ({ text: 'no script' }),
    wire: options.wire,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  engine.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return engine;
}

/** The routes by which an engine tells what it is. */
function fact(path: string, body: EngineRequest, contextTokens: number, response: http.ServerResponse): void {
  const facts: Record<string, () => string> = {
    '/health': () => '',
    '/version': () => JSON.stringify({ version: '0.32.0' }),
    '/metrics': () => METRICS,
    '/v1/models': () =>
      JSON.stringify({
        object: 'list',
        data: [{ id: MODEL, object: 'model', max_model_len: contextTokens }],
      }),
    '/tokenize': () =>
      JSON.stringify({ tokens: tokensOf(promptText(body).text), max_model_len: contextTokens }),
  };
  const text = facts[path];
  response.writeHead(text === undefined ? 404 : 200);
  response.end(text?.());
}

const METRICS = `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running 0
vllm:num_requests_waiting 0
vllm:kv_cache_usage_perc 0
vllm:cache_config_info{block_size="${BLOCK_TOKENS}",num_gpu_blocks="1000000"} 1
`;

function stream(
  engine: Engine,
  cache: Set<string>,
  body: EngineRequest,
  response: http.ServerResponse,
): void {
  const { text, leadChars } = promptText(body);
  const tokens = tokensOf(text);
  const cachedTokens = readCache(cache, text, tokens.length);
  const leadTokens = tokensOf(text.slice(0, leadChars)).length;
  engine.served.push({ body, prompt: text, leadTokens, promptTokens: tokens.length, cachedTokens });
  const turn = engine.script(body);
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: MODEL };
  const send = (value: object) => response.write(`data: ${JSON.stringify({ ...head, ...value })}\n\n`);
  const deltas = deltasOf(turn, engine.wire, String(engine.served.length));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const delta of deltas) send({ choices: [{ index: 0, delta, finish_reason: null }] });
  send({ choices: [{ index: 0, delta: {}, finish_reason: finishReason(turn, engine.wire) }] });
  const usage = {
    prompt_tokens: tokens.length,
    completion_tokens: deltas.length,
    total_tokens: tokens.length + deltas.length,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
  send({ choices: [], usage });
  response.end('data: [DONE]\n\n');
}

/** The prompt, and how much of it stands before the first turn of the conversation. */
function promptText({ messages, tools = [] }: EngineRequest): { text: string; leadChars: number } {
  const list = tools.map((tool) => JSON.stringify(tool)).join('\n');
  const preamble = tools.length === 0 ? '' : `<|system|>\n# Tools\n<tools>\n${list}\n</tools>`;
  const turns = (messages ?? []).map(({ role, ...message }) => `<|${role}|>\n${JSON.stringify(message)}`);
  const leading = (messages ?? []).findIndex(({ role }) => role !== 'system');
  const lead = [`[gMASK]<sop>${preamble}`, ...turns.slice(0, Math.max(0, leading))].join('');
  return {
    text: `${lead}${turns.slice(Math.max(0, leading)).join('')}<|assistant|>`,
    leadChars: lead.length,
  };
}

function tokensOf(text: string): number[] {
  const bytes = Buffer.from(text, 'utf8');
  return Array.from({ length: Math.floor(bytes.length / TOKEN_BYTES) }, (_, at) =>
    bytes.readUInt32LE(at * TOKEN_BYTES),
  );
}

/** Tokens of whole blocks seen before, at most all but one; the prompt is kept. */
function readCache(cache: Set<string>, text: string, promptTokens: number): number {
  const bytes = Buffer.from(text, 'utf8');
  const size = BLOCK_TOKENS * TOKEN_BYTES;
  let cached = 0;
  let isHit = true;
  let chain = '';
  for (let end = size; end <= bytes.length; end += size) {
    chain = hash(chain + bytes.toString('latin1', end - size, end));
    isHit = isHit && cache.has(chain);
    if (isHit) cached += BLOCK_TOKENS;
    cache.add(chain);
  }
  return Math.min(cached, Math.floor((promptTokens - 1) / BLOCK_TOKENS) * BLOCK_TOKENS);
}

/** Script of a job: one call after the other, then a sentence. Requests without tools (titles) get a title. */
export function jobScript(calls: readonly Call[], sentence: string): Engine['script'] {
  return ({ messages, tools }) => {
    if (tools === undefined) return { text: 'A short title' };
    const done = messages.filter(({ role }) => role === 'tool').length;
    const call = calls[done];
    if (call === undefined) return { thinking: 'All of it is done.', text: sentence };
    return { thinking: `Step ${done + 1} of <${calls.length}>.`, text: 'Next step.', calls: [call] };
  };
}

function hash(text: string): string {
  return createHash('sha1').update(text, 'latin1').digest('base64');
}
