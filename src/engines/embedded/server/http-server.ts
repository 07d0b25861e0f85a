/** The worker's HTTP surface: vLLM's routes on loopback. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoError } from '../../../errors.js';
import { LIMITS } from '../../../limits.js';
import { compileChatTemplate } from '../../../model/chat-template.js';
import { loadModelFacts } from '../../../model/facts.js';
import type { EventEndpoints } from '../../../plan/types.js';
import type { EngineCore } from '../types.js';
import { answerCompletion } from './generate.js';
import { metricsText, WorkerMetrics } from './metrics.js';
import { ApiError, promptTokens, type ServerContext } from './prompt.js';

export interface ServeOptions {
  core: EngineCore;
  modelPath: string;
  /** Names the model answers to; the first is shown. */
  names: string[];
  host: string;
  port: number;
  /** Where KV events are published, for `GET /kv_event_sources`. */
  events: EventEndpoints | null;
}

type Handler = (
  context: ServerContext,
  body: Record<string, unknown>,
  response: ServerResponse,
) => Promise<void> | void;

export async function serve(options: ServeOptions): Promise<{ url: string; close(): Promise<void> }> {
  const { core, modelPath, names, host, port, events } = options;
  const facts = await loadModelFacts(modelPath);
  const template = compileChatTemplate(facts.chatTemplate ?? '', facts);
  const context: ServerContext = {
    core,
    names,
    template,
    addBos: facts.addBos,
    metrics: new WorkerMetrics(),
    events,
  };
  const server = http.createServer(
    { noDelay: true },
    (request, response) => void route(context, request, response),
  );
  // A client that keeps its connection between turns may think for a while.
  server.keepAliveTimeout = LIMITS.engineSilenceMs;
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

const GET: Record<string, Handler> = {
  '/health': (_context, _body, response) => void response.writeHead(200).end(),
  '/ping': (_context, _body, response) => void response.writeHead(200).end(),
  '/version': ({ core }, _body, response) =>
    json(response, 200, { version: `llama.cpp ${core.info.libraryVersion}` }),
  '/load': ({ core }, _body, response) =>
    json(response, 200, { server_load: core.stats().running + core.stats().waiting }),
  '/metrics': ({ core, metrics, names }, _body, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(metricsText(core, metrics, names[0] ?? ''));
  },
  '/v1/models': ({ core, names }, _body, response) => {
    const card = (id: string) => ({
      id,
      object: 'model',
      created: 0,
      owned_by: 'dynamo',
      root: names[0],
      parent: null,
      max_model_len: core.info.contextTokens,
    });
    json(response, 200, { object: 'list', data: names.map(card) });
  },
  '/kv_event_sources': ({ events }, _body, response) => {
    const source =
      events === null
        ? {}
        : {
            '0': {
              endpoint: events.events,
              replay_endpoint: events.replay,
              topic: events.topic,
              publisher: 'zmq',
            },
          };
    json(response, 200, source);
  },
};

const POST: Record<string, Handler> = {
  '/v1/chat/completions': (context, body, response) => answerCompletion(context, body, 'chat', response),
  '/v1/completions': (context, body, response) => answerCompletion(context, body, 'text', response),
  '/tokenize': (context, body, response) => {
    const tokens = Array.from(promptTokens(context, body));
    json(response, 200, {
      count: tokens.length,
      max_model_len: context.core.info.contextTokens,
      tokens,
      token_strs: null,
    });
  },
  '/detokenize': (context, body, response) => {
    const tokens = promptTokens(context, { prompt: body['tokens'] });
    const pieces = Array.from(tokens, (token) => context.core.piece(token, { special: true }));
    json(response, 200, { prompt: Buffer.concat(pieces).toString('utf8') });
  },
  '/reset_prefix_cache': ({ core }, _body, response) => {
    core.clearCache();
    json(response, 200, {});
  },
};

async function route(
  context: ServerContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  try {
    await handlerOf(request.method ?? '', path)(
      context,
      request.method === 'POST' ? await readJson(request) : {},
      response,
    );
  } catch (error) {
    const { status, message, type, param } = apiError(error);
    if (response.headersSent) response.destroy();
    else json(response, status, { error: { message, type, param, code: status } });
  }
}

function handlerOf(method: string, path: string): Handler {
  const handler = (method === 'POST' ? POST : GET)[path];
  if (handler !== undefined && (method === 'GET' || method === 'POST')) return handler;
  if (GET[path] === undefined && POST[path] === undefined)
    throw new ApiError(404, 'NotFoundError', 'Not Found');
  throw new ApiError(405, 'MethodNotAllowedError', 'Method Not Allowed');
}

/** Expected failures of ours (a template that refuses, a schema that is too large) are the request's fault. */
function apiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof DynamoError && error.status < 500)
    return new ApiError(error.status, 'BadRequestError', error.message, error.param);
  return new ApiError(500, 'InternalServerError', error instanceof Error ? error.message : String(error));
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > LIMITS.bodyBytes)
      throw new ApiError(413, 'RequestEntityTooLarge', `The body is larger than ${LIMITS.bodyBytes} bytes.`);
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const value = parse(text === '' ? '{}' : text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new ApiError(400, 'BadRequestError', 'The body is not a JSON object.');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError(
      400,
      'BadRequestError',
      `1 validation error:\n  {'type': 'json_invalid', 'msg': 'JSON decode error', 'ctx': '${(error as Error).message}'}`,
    );
  }
}

function json(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body);
}
