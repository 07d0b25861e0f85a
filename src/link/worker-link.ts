/** The connection to one worker. */
import { Pool } from 'undici';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { engineError } from './engine-error.js';
import { EngineStream } from './engine-stream.js';
import { linkFailure } from './link-failure.js';
import type { StreamControl, StreamSink, WorkerLink } from './types.js';

export interface WorkerLinkOptions {
  worker: string;
  /** Base address, e.g. `http://127.0.0.1:40001`. */
  url: string;
  /** A unix socket the worker listens on; `url` then only names it. */
  socketPath?: string;
  /** Sockets at most; one per running request, so by default only the gateway's own bound holds. */
  connections?: number;
  /** Milliseconds without a byte from the engine before a request fails. */
  silenceMs?: number;
  /** Headers of every request, beside those of its form. */
  headers?: Record<string, string>;
  /** Told the data of every SSE event as it came, for recordings. */
  emitRaw?: (data: string) => void;
}

/** uvicorn closes an idle connection after 5 s; we must let go first. */
const KEEP_ALIVE_MS = 4_000;
/** Shorter bodies are sent in one write: copying them costs less than the writes. */
const COPIED_BYTES = 128 * 1024;

export function createWorkerLink(options: WorkerLinkOptions): WorkerLink {
  const silenceMs = options.silenceMs ?? LIMITS.engineSilenceMs;
  // undici sets TCP_NODELAY itself; one request at a time per socket, because pipelining would queue
  // a short answer behind a long one.
  const pool = new Pool(options.url, {
    connections: options.connections ?? null,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: {
      timeout: LIMITS.connectTimeoutMs,
      ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
    },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  });
  const exchange = exchanger(pool, options);
  return {
    worker: options.worker,
    url: options.url,
    stream: (path, body, sink) => openStream(pool, { ...options, silenceMs }, path, body, sink),
    json: async (method, path, body) =>
      parse(await exchange(method, path, LIMITS.exchangeTimeoutMs, body), options),
    text: (path) => exchange('GET', path, LIMITS.probeTimeoutMs),
    close: () => pool.destroy(),
  };
}

function openStream(
  pool: Pool,
  options: WorkerLinkOptions & { silenceMs: number },
  path: string,
  body: Record<string, unknown> | readonly Buffer[],
  sink: StreamSink,
): StreamControl {
  const { worker, silenceMs, emitRaw } = options;
  const stream = new EngineStream({ worker, sink, silenceMs, ...(emitRaw === undefined ? {} : { emitRaw }) });
  try {
    const pieces = isPieces(body)
      ? body
      : [Buffer.from(JSON.stringify({ ...body, stream: sink.isWhole !== true }))];
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const accept = sink.isWhole === true ? 'application/json' : 'text/event-stream';
    const headers = {
      ...options.headers,
      'content-type': 'application/json',
      'content-length': String(length),
      accept,
    };
    const sent = length < COPIED_BYTES ? Buffer.concat(pieces, length) : pieces;
    // undici takes any iterable of buffers; its types name some.
    pool.dispatch({ method: 'POST', path, headers, body: sent as Buffer }, stream);
  } catch (error) {
    // The contract is that failures are events: never before this call returned.
    queueMicrotask(() => stream.fail(error));
  }
  return stream;
}

const isPieces = (body: Record<string, unknown> | readonly Buffer[]): body is readonly Buffer[] =>
  Array.isArray(body);

type Exchange = (method: 'GET' | 'POST', path: string, timeoutMs: number, body?: unknown) => Promise<string>;

function exchanger(pool: Pool, { worker, headers }: WorkerLinkOptions): Exchange {
  return async (method, path, timeoutMs, body) => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await pool.request({
        method,
        path,
        signal,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await boundedText(answer.body);
      if (answer.statusCode === 200) return text;
      throw engineError({ worker, status: answer.statusCode, body: tryJson(text) ?? text });
    } catch (error) {
      if (signal.aborted && !(error instanceof DynamoError)) {
        throw new DynamoError(
          'engine_timeout',
          { worker, seconds: Math.ceil(timeoutMs / 1000) },
          { cause: error },
        );
      }
      throw linkFailure(error, worker, timeoutMs);
    }
  };
}

async function boundedText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > LIMITS.exchangeBytes)
      throw new Error(`its answer is larger than ${LIMITS.exchangeBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string, options: WorkerLinkOptions): unknown {
  const value = tryJson(text);
  if (value !== undefined) return value;
  throw new DynamoError('engine_error', { worker: options.worker, detail: 'its answer is not JSON' });
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
