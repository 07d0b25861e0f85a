/** The worker's HTTP surface: vLLM's routes on loopback. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LIMITS } from '../../../limits.js';
import { loadModelFacts } from '../../../model/facts.js';
import { compileChatTemplate } from '../../../model/chat-template.js';
import type { EngineCore } from '../types.js';
import { answerCompletion } from './generate.js';
import { metricsText, WorkerMetrics } from './metrics.js';
import { ApiError, promptTokens, type ServerContext } from './prompt.js';

export interface ServeOptions {
  core: EngineCore;
  modelPath: string;
  names: string[];
  host: string;
  port: number;
}

export async function serve(options: ServeOptions): Promise<{ url: string; close(): Promise<void> }> {
  const { core, modelPath, names, host, port } = options;
  const facts = await loadModelFacts(modelPath);
  const context: ServerContext = {
    core,
    names,
    template: compileChatTemplate(facts.chatTemplate ?? '', facts),
    addBos: facts.addBos,
    metrics: new WorkerMetrics(),
  };
  const server = http.createServer({ noDelay: true }, (request, response) => void route(context, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function route(context: ServerContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  try {
    if (request.method === 'GET') return get(context, path, response);
    const body = await readJson(request);
    if (path === '/v1/chat/completions') return await answerCompletion(context, body, 'chat', response);
    if (path === '/v1/completions') return await answerCompletion(context, body, 'text', response);
    if (path === '/tokenize') return json(response, 200, tokenize(context, body));
    if (path === '/reset_prefix_cache') {
      context.core.clearCache();
      return json(response, 200, {});
    }
    throw new ApiError(404, 'NotFoundError', `Not Found: ${path}`);
  } catch (error) {
    const known = error instanceof ApiError ? error : new ApiError(500, 'InternalServerError', (error as Error).message);
    if (!response.headersSent) json(response, known.status, { error: { message: known.message, type: known.type, param: known.param, code: known.status } });
    else response.destroy();
  }
}

function get(context: ServerContext, path: string, response: ServerResponse): void {
  const { core, names } = context;
  switch (path) {
    case '/health':
      response.writeHead(200).end();
      return;
    case '/version':
      return json(response, 200, { version: `llama.cpp ${core.info.libraryVersion}` });
    case '/metrics':
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(metricsText(core, context.metrics, names[0] ?? ''));
      return;
    case '/v1/models':
      return json(response, 200, {
        object: 'list',
        data: names.map((id) => ({ id, object: 'model', owned_by: 'dynamo', root: id, parent: null, max_model_len: core.info.contextTokens })),
      });
    default:
      throw new ApiError(404, 'NotFoundError', `Not Found: ${path}`);
  }
}

function tokenize(context: ServerContext, body: Record<string, unknown>): unknown {
  const tokens = Array.from(promptTokens(context, body));
  return { count: tokens.length, max_model_len: context.core.info.contextTokens, tokens };
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > LIMITS.bodyBytes) throw new ApiError(413, 'RequestEntityTooLarge', 'The body is too large.');
    chunks.push(chunk as Buffer);
  }
  try {
    const value: unknown = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw new ApiError(400, 'BadRequestError', 'The body is not a JSON object.');
}

function json(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
}
