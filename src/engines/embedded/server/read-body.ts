/** The body of a request, bounded in bytes, as one JSON object. */
import type { IncomingMessage } from 'node:http';
import { LIMITS } from '../../../limits.js';
import { ApiError, invalidField, invalidJson } from './api-error.js';
import { isObject } from './fields.js';

/** Rejects with an ApiError; an empty body is an empty object. */
export async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const bytes = await readBytes(request);
  const value = bytes.length === 0 ? {} : parse(bytes.toString('utf8'));
  if (isObject(value)) return value;
  throw invalidField('', 'Input should be a valid dictionary', value);
}

/** Past the limit the rest is left unread: the error's answer closes the connection. */
function readBytes(request: IncomingMessage): Promise<Buffer> {
  const limit = LIMITS.bodyBytes;
  const tooLarge = (): ApiError =>
    new ApiError(413, 'RequestEntityTooLarge', `The body is larger than ${limit} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > limit) {
        request.off('data', onData).pause();
        reject(tooLarge());
      }
    };
    request.on('data', onData);
    request.on('end', () => resolve(Buffer.concat(chunks, bytes)));
    request.on('error', reject);
    request.on('close', () => reject(new ApiError(499, 'ClientClosed', 'The client closed the connection.')));
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 quotes the text around the mistake; a prompt does not belong in an error or a log.
    const at = /position (\d+)/.exec((error as Error).message)?.[1];
    throw invalidJson(at === undefined ? text.length : Number(at), 'Expecting value');
  }
}
