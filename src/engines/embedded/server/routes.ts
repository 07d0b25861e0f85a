/** What is at which path. */
import type { ServerResponse } from 'node:http';
import { LIMITS } from '../../../limits.js';
import type { EventEndpoints } from '../../../plan/types.js';
import { modelOf } from './completion-request.js';
import { type Body, tokenIds } from './fields.js';
import { answerCompletion, type GenerateContext } from './generate.js';
import { chatTokens, plainTokens } from './prompt.js';
import { sendJson, sendText } from './reply.js';
import { Utf8Text } from './utf8-text.js';

export interface ServerContext extends GenerateContext {
  events: EventEndpoints | null;
  /** Milliseconds since 1970. */
  startedAt: number;
}

type GetRoute = (context: ServerContext, response: ServerResponse) => void;
type PostRoute = (context: ServerContext, body: Body, response: ServerResponse) => Promise<void> | void;

const ok: GetRoute = (_context, response) => void response.writeHead(200, { 'content-length': 0 }).end();

export const GET_ROUTES: ReadonlyMap<string, GetRoute> = new Map<string, GetRoute>([
  ['/health', ok],
  ['/ping', ok],
  [
    '/version',
    ({ core }, response) =>
      sendJson(response, 200, { version: core.info.libraryVersion, engine: core.info.engine }),
  ],
  [
    '/load',
    ({ core }, response) => {
      const { running, waiting } = core.stats();
      sendJson(response, 200, { server_load: running + waiting });
    },
  ],
  [
    '/metrics',
    ({ metrics, names }, response) =>
      sendText(response, 'text/plain; version=0.0.4; charset=utf-8', metrics.text(names[0] ?? '')),
  ],
  ['/v1/models', (context, response) => sendJson(response, 200, modelList(context))],
  ['/kv_event_sources', ({ events }, response) => sendJson(response, 200, eventSources(events))],
]);

export const POST_ROUTES: ReadonlyMap<string, PostRoute> = new Map<string, PostRoute>([
  ['/ping', (context, _body, response) => ok(context, response)],
  ['/v1/chat/completions', (context, body, response) => answerCompletion(context, body, 'chat', response)],
  ['/v1/completions', (context, body, response) => answerCompletion(context, body, 'text', response)],
  ['/tokenize', tokenize],
  ['/detokenize', detokenize],
  [
    '/reset_prefix_cache',
    ({ core }, _body, response) => {
      core.clearCache();
      response.writeHead(200, { 'content-length': 0 }).end();
    },
  ],
]);

function tokenize(context: ServerContext, body: Body, response: ServerResponse): void {
  const { core, names } = context;
  modelOf(names, body);
  const isChat = (body['messages'] ?? null) !== null;
  const tokens = Array.from(isChat ? chatTokens(context, body) : plainTokens(context, body));
  const text = (token: number): string => new Utf8Text().push(core.piece(token, { special: true }));
  sendJson(response, 200, {
    count: tokens.length,
    max_model_len: core.info.contextTokens,
    tokens,
    token_strs: body['return_token_strs'] === true ? tokens.map(text) : null,
  });
}

function detokenize({ core, names }: ServerContext, body: Body, response: ServerResponse): void {
  modelOf(names, body);
  const tokens = tokenIds(body['tokens'], 'tokens', core.info.vocabTokens);
  const bytes = Buffer.concat(tokens.map((token) => core.piece(token, { special: true })));
  sendJson(response, 200, { prompt: bytes.toString('utf8') });
}

/** vLLM's form; every name is a card of its own. */
function modelList({ core, names, startedAt }: ServerContext): unknown {
  const card = (id: string) => ({
    id,
    object: 'model',
    created: Math.floor(startedAt / 1000),
    owned_by: 'dynamo',
    root: names[0],
    parent: id === names[0] ? null : names[0],
    max_model_len: core.info.contextTokens,
    permission: [],
  });
  return { object: 'list', data: names.map(card) };
}

/** Per data-parallel rank, of which there is one; empty where no events are published. */
function eventSources(events: EventEndpoints | null): unknown {
  if (events === null) return {};
  return {
    '0': {
      enable_kv_cache_events: true,
      publisher: 'zmq',
      endpoint: events.events,
      replay_endpoint: events.replay,
      buffer_steps: LIMITS.keptEventBatches,
      // No limit: nothing is dropped for a slow subscriber.
      hwm: 0,
      max_queue_size: 0,
      topic: events.topic,
    },
  };
}
