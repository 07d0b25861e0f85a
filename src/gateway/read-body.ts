/** The body of a request, bounded in bytes and time, as JSON. */
import type { IncomingMessage } from 'node:http';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { BodyBytes } from './body-bytes.js';

export interface BodyBounds {
  bytesMax: number;
  /** For the whole body to arrive. */
  timeoutMs?: number;
}

/** Rejects with `body_too_large`, `request_timeout`, `client_closed`, `unsupported` or `invalid_json`. */
export async function readJson(
  request: IncomingMessage,
  bounds: BodyBounds,
  parse: (body: BodyBytes) => unknown = (body) => parseJson(body.whole()),
): Promise<unknown> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new DynamoError('unsupported', { detail: `A body in ${encoding} cannot be read; send it plain.` });
  }
  return parse(await readBytes(request, bounds));
}

/** Throws `invalid_json` without a word of the text. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new DynamoError('invalid_json', { detail: withoutBody(detail) }, { cause: error });
  }
}

/** The whole body. One over the limit is refused before it is read where its length is told. */
async function readBytes(request: IncomingMessage, bounds: BodyBounds): Promise<BodyBytes> {
  const { bytesMax, timeoutMs = LIMITS.bodyTimeoutMs } = bounds;
  const tooLarge = () => new DynamoError('body_too_large', { limit: bytesMax });
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => end(new DynamoError('request_timeout', { ms: timeoutMs })), timeoutMs);
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) end(tooLarge());
      else chunks.push(chunk);
    };
    const onEnd = () => end(null);
    const onClose = () => end(new DynamoError('client_closed'));
    const end = (error: DynamoError | null) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      if (error === null) {
        resolve(new BodyBytes(chunks));
        return;
      }
      request.on('error', () => {});
      reject(error);
    };
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/** V8 quotes the text around the mistake; a prompt does not belong in an error. */
function withoutBody(detail: string): string {
  const at = /position \d+(?: \(line \d+ column \d+\))?/.exec(detail)?.[0];
  if (/end of JSON input/.test(detail)) return 'it ends too early';
  return at === undefined ? 'unexpected text' : `unexpected text at ${at}`;
}
