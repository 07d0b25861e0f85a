/** The worker's HTTP surface: vLLM's routes on loopback. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LIMITS } from '../../../limits.js';
import type { ChatTemplate } from '../../../model/chat-template.js';
import type { EventEndpoints } from '../../../plan/types.js';
import type { EngineCore } from '../types.js';
import { toApiError } from './api-error.js';
import { readBody } from './read-body.js';
import { sendJson } from './reply.js';
import { GET_ROUTES, POST_ROUTES, type ServerContext } from './routes.js';
import { isAllowed } from './worker-key.js';
import { WorkerMetrics } from './worker-metrics.js';

export interface ServeOptions {
  core: EngineCore;
  template: ChatTemplate;
  /** Whether plain text is preceded by the model's first token. */
  addBos: boolean;
  /** Names the model answers to; the first is shown. */
  names: readonly string[];
  host: string;
  /** 0 = any free one. */
  port: number;
  /** Where KV events are published, for `GET /kv_event_sources`. */
  events: EventEndpoints | null;
}

export interface RunningServer {
  url: string;
  /** Cuts every connection, which cancels its jobs. */
  close(): Promise<void>;
}

/** Rejects when the address cannot be listened on. */
export async function serve({ host, port, ...options }: ServeOptions): Promise<RunningServer> {
  const context: ServerContext = {
    ...options,
    metrics: new WorkerMetrics(options.core),
    startedAt: Date.now(),
  };
  const server = http.createServer(
    { noDelay: true, maxHeaderSize: LIMITS.headerBytes },
    (request, response) => void answer(context, request, response),
  );
  // The gateway keeps its connections between turns; it closes them, not we, so that none is used while closing.
  server.keepAliveTimeout = LIMITS.engineSilenceMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Never rejects: what goes wrong is the answer, or the end of the connection when an answer had begun. */
async function answer(
  context: ServerContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => {});
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const { method = '' } = request;
  try {
    const get = GET_ROUTES.get(path);
    const post = POST_ROUTES.get(path);
    if (!isAllowed(request)) sendJson(response, 401, { error: 'Unauthorized' }, { connection: 'close' });
    else if (method === 'GET' && get !== undefined) get(context, response);
    else if (method === 'POST' && post !== undefined) await post(context, await readBody(request), response);
    else if (get === undefined && post === undefined) sendJson(response, 404, { detail: 'Not Found' });
    else {
      const allow = [get === undefined ? '' : 'GET', post === undefined ? '' : 'POST'].filter(Boolean);
      sendJson(response, 405, { detail: 'Method Not Allowed' }, { allow: allow.join(', ') });
    }
  } catch (error) {
    const { status, body } = toApiError(error);
    if (response.headersSent) response.destroy();
    // The rest of a body that was not read would be taken for the next request.
    else sendJson(response, status, body, request.complete ? {} : { connection: 'close' });
  }
}
