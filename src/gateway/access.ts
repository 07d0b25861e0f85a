/** Who may talk to the gateway, before any key is looked at: host, origin, number of headers. */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

/**
 * Throws `forbidden_host` when a gateway on loopback is addressed by another name: a web page whose own name was
 * made to point at 127.0.0.1 (DNS rebinding) sends its own name as Host. Bound elsewhere, every name is let through.
 */
export function checkHost(request: IncomingMessage, boundHost: string): void {
  if (!isLoopback(boundHost)) return;
  const host = request.headers.host;
  if (host === undefined || LOOPBACK_NAMES.has(withoutPort(host).toLowerCase())) return;
  if (isIP(withoutPort(host)) === 4 && withoutPort(host).startsWith('127.')) return;
  throw new DynamoError('forbidden_host', { host: host.slice(0, 100) });
}

/**
 * Throws `forbidden_origin` for a request a web page sends to a stack it was not served from. Browsers let any page post
 * text to any address without asking; that it cannot read the answer does not undo the work. Only the Origin header
 * tells, and no client but a browser sends one.
 */
export function checkOrigin({ headers }: IncomingMessage): void {
  const { origin, host } = headers;
  if (origin === undefined) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new DynamoError('forbidden_origin', { origin: origin.slice(0, 100) });
}

/** Throws `too_many_headers`. Their bytes are bounded by the server. */
export function checkHeaders({ rawHeaders }: IncomingMessage): void {
  if (rawHeaders.length <= 2 * LIMITS.headersMax) return;
  throw new DynamoError('too_many_headers', { count: rawHeaders.length / 2, limit: LIMITS.headersMax });
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\./.test(host);
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '');
}
