/** The admin socket: what only this machine's user may do. Reads go to the gateway's own routes. */
import { chmodSync, rmSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { PageTier } from '../cache/types.js';
import { toDynamoError } from '../errors.js';

export interface AdminActions {
  /** Ends the stack; resolves at once, the process ends when it is done. */
  stop(options: { isGraceful: boolean }): void;
  /** Removes the pages of a tier, or of all; resolves with their number. */
  clearCache(tier?: PageTier): Promise<number>;
  /** Drains one worker and starts it anew; resolves with what became of its requests when it serves again. */
  restartWorker(worker: string): Promise<unknown>;
  /** Forgets the delays of the event loop so far: a measurement begins. */
  restartEventLoop(): void;
  /** What the stack was started with, for `dynamo export`. */
  readonly plan: unknown;
}

const TIERS: readonly PageTier[] = ['cpu', 'disk', 'remote'];

export interface AdminServer {
  close(): Promise<void>;
}

/** Listens on a unix socket only its owner can open. The folder is private already; the mode is a second lock. */
export async function listenAdmin(
  socketPath: string,
  read: (request: IncomingMessage, response: ServerResponse) => void,
  actions: AdminActions,
): Promise<AdminServer> {
  if (process.platform !== 'win32') rmSync(socketPath, { force: true });
  const server = http.createServer((request, response) => handle(request, response, read, actions));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => resolve());
  });
  if (process.platform !== 'win32') chmodSync(socketPath, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function handle(
  request: IncomingMessage,
  response: ServerResponse,
  read: (request: IncomingMessage, response: ServerResponse) => void,
  actions: AdminActions,
): void {
  const [path, query] = (request.url ?? '/').split('?');
  if (path === '/admin/ping') {
    answer(response, 200, { pid: process.pid });
    return;
  }
  if (path === '/admin/plan' && request.method === 'GET') {
    answer(response, 200, actions.plan);
    return;
  }
  if (path === '/admin/stop' && request.method === 'POST') {
    answer(response, 202, { stopping: true });
    actions.stop({ isGraceful: new URLSearchParams(query).get('now') !== '1' });
    return;
  }
  if (path === '/admin/event-loop/restart' && request.method === 'POST') {
    actions.restartEventLoop();
    answer(response, 200, { restarted: true });
    return;
  }
  if (path === '/admin/cache/clear' && request.method === 'POST') {
    const tier = new URLSearchParams(query).get('tier') as PageTier | null;
    if (tier !== null && !TIERS.includes(tier)) {
      answer(response, 400, {
        error: { message: `there is no tier ${tier}; there are ${TIERS.join(', ')}` },
      });
      return;
    }
    actions.clearCache(tier ?? undefined).then(
      (removed) => answer(response, 200, { removed }),
      (error: Error) => answer(response, 500, { error: { message: error.message } }),
    );
    return;
  }
  const worker = /^\/admin\/workers\/([\w-]{1,64})\/restart$/.exec(path ?? '')?.[1];
  if (worker !== undefined && request.method === 'POST') {
    actions.restartWorker(worker).then(
      (done) => answer(response, 200, done),
      (thrown) => {
        const error = toDynamoError(thrown);
        answer(response, error.status, { error: { message: `${error.message} ${error.remedy}`.trim() } });
      },
    );
    return;
  }
  if (path?.startsWith('/dynamo/v1/')) read(request, response);
  else answer(response, 404, { error: { message: `there is no admin route ${request.method} ${path}` } });
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
