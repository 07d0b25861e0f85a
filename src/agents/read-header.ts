/** Session ids in headers. */
import type { IncomingHttpHeaders } from 'node:http';
import { LIMITS } from '../limits.js';

/** First of these headers with a usable value: not empty, printable, at most 256 bytes. */
export function readHeader(headers: IncomingHttpHeaders, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = headers[name];
    const text = usableId(Array.isArray(value) ? value[0] : value);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** A string fit to be a session id; undefined for anything else. */
export function usableId(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  const isUsable =
    text !== '' && Buffer.byteLength(text) <= LIMITS.sessionIdBytes && /^[\x21-\x7e]+$/.test(text);
  return isUsable ? text : undefined;
}

export function userAgent(headers: IncomingHttpHeaders): string {
  return (headers['user-agent'] ?? '').toLowerCase();
}
