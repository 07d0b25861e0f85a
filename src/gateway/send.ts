/** One whole answer: JSON, text or an error in the dialect of the path. */
import type { ServerResponse } from 'node:http';
import { encodeMessagesError } from '../dialects/messages/error.js';
import { encodeOpenAiError } from '../dialects/openai-error.js';
import { type DynamoError, toDynamoError } from '../errors.js';

/** The request's id under the names that OpenAI's and Anthropic's clients read and show. */
export function idHeaders(id: string): Headers {
  return { 'x-request-id': id, 'request-id': id };
}

export type ErrorEncoder = (error: DynamoError, requestId?: string) => { status: number; body: unknown };

export type Headers = Record<string, string>;

/** Time a refused client may go on sending before its connection is closed under it. */
const LINGER_MS = 2_000;

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Headers = {},
): void {
  sendText(response, status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
}

/** Does nothing when the client is gone or has its answer already. */
export function sendText(response: ServerResponse, status: number, body: string, headers: Headers): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
  // As text it leaves with its headers in one write.
  if (response.req.readableEnded || !response.shouldKeepAlive) response.end(body);
  else endAfterBody(response, body);
}

export function sendError(
  response: ServerResponse,
  error: unknown,
  options: { encode: ErrorEncoder; requestId?: string; headers?: Headers },
): void {
  const known = toDynamoError(error);
  const { status, body } = options.encode(known, options.requestId);
  const retry = known.retryAfterSeconds;
  sendJson(response, status, body, {
    ...options.headers,
    ...(options.requestId === undefined ? {} : idHeaders(options.requestId)),
    ...(retry === null ? {} : { 'retry-after': String(retry) }),
  });
}

/** The words of the wire API a path belongs to. */
export function errorEncoderOf(path: string, headers: Record<string, unknown>): ErrorEncoder {
  const isAnthropic =
    path === '/v1/messages' || path.startsWith('/v1/messages/') || headers['anthropic-version'] !== undefined;
  return isAnthropic ? encodeMessagesError : encodeOpenAiError;
}

/**
 * The answer goes out at once, but the connection stays until the client has stopped sending: closing it with
 * unread bytes would reset it, and the client would never see why it was refused.
 */
function endAfterBody(response: ServerResponse, body: string): void {
  const { req: request } = response;
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  response.end(body);
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
  request.on('error', () => {});
  request.resume();
}
