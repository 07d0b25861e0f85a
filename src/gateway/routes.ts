/** The route table: method and path → handler. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { chatDialect } from '../dialects/chat/chat.js';
import { completionsDialect } from '../dialects/completions/completions.js';
import { messagesDialect } from '../dialects/messages/messages.js';
import { compactDialect } from '../dialects/responses/compact.js';
import { responsesDialect } from '../dialects/responses/responses.js';
import type { Dialect } from '../dialects/types.js';
import { DynamoError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { serveCount } from './count-tokens.js';
import { serveEvents } from './events-route.js';
import { serveHealth, serveLive, serveMetrics, serveQuiet } from './health-routes.js';
import { serveCancel, serveInputItems, serveKept } from './kept-responses.js';
import { serveModel, serveModels } from './model-routes.js';
import { serveCache, serveExplain, serveReport, serveSnapshot } from './own-routes.js';
import { servePrefill } from './prefill.js';
import type { GatewayRoom } from './room.js';
import { serveScore } from './score.js';
import { serveRequest } from './serve-request.js';

/** One exchange as a handler gets it. */
export interface HttpCall {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  /** Values of the `{name}` places of the path, decoded. */
  params: Record<string, string>;
}

export type Handler = (call: HttpCall, room: GatewayRoom) => Promise<void> | void;

export interface Route {
  handle: Handler;
  /** No API key needed: tells nothing and changes nothing. */
  isOpen: boolean;
  params: Record<string, string>;
}

const serve =
  (dialect: Dialect): Handler =>
  (call, room) =>
    serveRequest(call, dialect, room);

const ROUTES: [methods: string, path: string, handle: Handler, access?: 'open'][] = [
  ['POST', '/v1/chat/completions', serve(chatDialect)],
  ['POST', '/v1/completions', serve(completionsDialect)],
  ['POST', '/v1/messages', serve(messagesDialect)],
  ['POST', '/v1/messages/count_tokens', serveCount(messagesDialect)],
  ['POST', '/v1/responses', serve(responsesDialect)],
  ['POST', '/v1/responses/input_tokens', serveCount(responsesDialect)],
  ['POST', '/v1/responses/compact', serve(compactDialect)],
  ['GET DELETE', '/v1/responses/{id}', serveKept],
  ['GET', '/v1/responses/{id}/input_items', serveInputItems],
  ['POST', '/v1/responses/{id}/cancel', serveCancel],
  ['GET HEAD', '/v1/models', serveModels],
  ['GET HEAD', '/v1/models/{id}', serveModel],
  ['GET HEAD', '/health', serveHealth, 'open'],
  ['GET HEAD', '/live', serveLive, 'open'],
  ['GET', '/metrics', serveMetrics],
  ['GET HEAD', '/', serveQuiet, 'open'],
  ['GET HEAD', '/api/hello', serveQuiet, 'open'],
  ['POST', '/api/event_logging/batch', serveQuiet, 'open'],
  ['GET', '/dynamo/v1/snapshot', serveSnapshot],
  ['GET', '/dynamo/v1/report', serveReport],
  ['GET', '/dynamo/v1/events', serveEvents],
  ['GET', '/dynamo/v1/requests/{id}', serveExplain],
  ['GET', '/dynamo/v1/cache', serveCache],
  ['POST', '/dynamo/v1/score', serveScore],
  ['POST', '/dynamo/v1/prefill', servePrefill],
];

/** Longer ones are no misspelt ones, and comparing costs their length. */
const NEAR_PATH_CHARS = 64;

const TABLE = ROUTES.map(([methods, path, handle, access]) => ({
  methods: methods.split(' '),
  segments: path.split('/'),
  handle,
  isOpen: access === 'open',
}));

/** Routes without a place in their path, by method and path. */
const PLAIN = new Map(
  TABLE.filter(({ segments }) => !segments.some((segment) => segment.startsWith('{'))).flatMap(
    ({ methods, segments, handle, isOpen }) =>
      methods.map((method) => [`${method} ${segments.join('/')}`, { handle, isOpen }] as const),
  ),
);

/** Throws `not_found` for a path nobody serves and `method_not_allowed` for a wrong method on one. */
export function routeOf(method: string, path: string): Route {
  const known = PLAIN.get(`${method} ${path}`);
  if (known !== undefined) return { ...known, params: {} };
  const segments = path.split('/');
  const matches = TABLE.flatMap((route) => {
    const params = match(route.segments, segments);
    return params === undefined ? [] : [{ route, params }];
  });
  const found = matches.find(({ route }) => route.methods.includes(method));
  if (found !== undefined)
    return { handle: found.route.handle, isOpen: found.route.isOpen, params: found.params };
  if (matches.length === 0)
    throw new DynamoError('no_route', { method, path: path.slice(0, 200), suggestion: suggestionFor(path) });
  const allowed = [...new Set(matches.flatMap(({ route }) => route.methods))].join(', ');
  throw new DynamoError('method_not_allowed', { method, path, allowed });
}

/** Base addresses with `/v1` twice or not at all are the commonest mistake of a client's settings; then come misspelt paths. */
function suggestionFor(path: string): string {
  const plain = TABLE.map(({ segments }) => segments.join('/')).filter((known) => !known.includes('{'));
  const meant = [path.replace(/^\/v1(?=\/v1\/)/, ''), `/v1${path}`].find((other) => plain.includes(other));
  const near =
    path.length > NEAR_PATH_CHARS ? undefined : nearestNames(path, plain).find((known) => known !== '/');
  const found = meant ?? near;
  if (found !== undefined) return `Did you mean ${found}?`;
  return 'It serves /v1/chat/completions, /v1/completions, /v1/messages, /v1/responses and /v1/models.';
}

function match(pattern: readonly string[], path: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== path.length) return undefined;
  const params: Record<string, string> = {};
  for (let index = 0; index < pattern.length; index += 1) {
    const wanted = pattern[index] as string;
    const given = path[index] as string;
    if (!wanted.startsWith('{')) {
      if (wanted !== given) return undefined;
      continue;
    }
    const value = decoded(given);
    if (value === '') return undefined;
    params[wanted.slice(1, -1)] = value;
  }
  return params;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}
