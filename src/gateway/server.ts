/** The HTTP listener: sockets, draining, and the two doors to the route table. */
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { PinLedger } from '../retention/pin-ledger.js';
import type { UsedPrefix } from '../retention/used-prefixes.js';
import { checkHeaders, checkHost, checkOrigin } from './access.js';
import { BodyMemo } from './body-memo.js';
import { DurableResponses } from './durable-responses.js';
import { plainKey } from './key-policy.js';
import { KeyRing } from './key-ring.js';
import { RegionTally } from './region-tally.js';
import { RequestNotes } from './request-notes.js';
import { ResponseStore } from './response-store.js';
import type { Endable, GatewayRoom } from './room.js';
import { type Route, routeOf } from './routes.js';
import { errorEncoderOf, sendError } from './send.js';
import { answerPlainly, isWebSocket } from './socket/plain-upgrade.js';
import { WebSockets } from './socket/web-sockets.js';
import type { GatewayDeps } from './types.js';
import { Warming } from './warming.js';
import { warnOnce } from './warn-once.js';

export interface Gateway {
  /** Rejects with `port_in_use`. */
  listen(): Promise<{ url: string }>;
  /** No new requests from now on; running ones have `graceMs` to finish, then end with `draining`. Idempotent. */
  close(options: { graceMs: number }): Promise<void>;
  /** Beginnings of conversations to be computed on these workers, and those of this run, the most used first. */
  startPrefixes(prefixes: readonly UsedPrefix[], workers: readonly string[], blockTokens: number): void;
  usedPrefixes(count: number): UsedPrefix[];
  /** The same routes without Host check and keys, for a socket only this machine's user can open. */
  readonly adminListener: RequestListener;
}

/** Nothing listens before `listen` is called. */
export function createGateway(deps: GatewayDeps): Gateway {
  return new HttpGateway(deps);
}

class HttpGateway implements Gateway {
  readonly adminListener: RequestListener;
  readonly #deps: GatewayDeps;
  readonly #server: http.Server;
  readonly #room: GatewayRoom;
  readonly #running = new Set<Endable>();
  readonly #listeners = new Set<Endable>();
  readonly #sockets: WebSockets;
  #isDraining = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    const warn = warnOnce((code, message, request) =>
      deps.emit({ type: 'warning', code, message, ...(request === undefined ? {} : { request }) }),
    );
    const { responsesDir } = deps.config;
    const memory = new ResponseStore();
    const { apiKeys, keyPolicies = [] } = deps.config;
    const plain = apiKeys.filter((key) => key !== '').map((key, at) => plainKey(`--api-key ${at + 1}`, key));
    const keys = new KeyRing([...plain, ...keyPolicies]);
    this.#room = {
      deps,
      keys,
      responses: responsesDir === undefined ? memory : new DurableResponses(responsesDir, { memory, warn }),
      bodies: new BodyMemo(),
      notes: new RequestNotes(),
      regions: new RegionTally(deps.emit),
      pins: new PinLedger(),
      warming: new Warming(deps),
      running: this.#running,
      listeners: this.#listeners,
      warn,
      isDraining: () => this.#isDraining,
    };
    const { arrival = ARRIVAL } = deps.config;
    this.adminListener = (request, response) => void this.#answer(request, response, () => {});
    this.#server = http.createServer(
      {
        noDelay: true,
        maxHeaderSize: LIMITS.headerBytes,
        keepAliveTimeout: LIMITS.keepAliveMs,
        headersTimeout: arrival.headersMs,
        requestTimeout: arrival.bodyMs + arrival.headersMs,
        connectionsCheckingInterval: arrival.checkMs,
      },
      (request, response) =>
        void this.#answer(request, response, (route) => {
          checkHeaders(request);
          checkHost(request, deps.config.host);
          if (!READS.has(request.method ?? '')) checkOrigin(request);
          if (!route.isOpen) keys.check(request);
        }),
    );
    this.#server.maxConnections = LIMITS.connectionsMax;
    // A client that has sent its request may close its side and still gets its answer (see `Client`).
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    this.#sockets = new WebSockets(this.#room, (request) => {
      checkHeaders(request);
      checkHost(request, deps.config.host);
      keys.check(request);
    });
    this.#server.on('upgrade', (request, stream, head) => {
      if (!isWebSocket(request)) answerPlainly(this.#server, request, stream, head);
      else this.#sockets.upgrade(request, stream, { path: pathOf(request.url), head });
    });
  }

  async listen(): Promise<{ url: string }> {
    const { host, port } = this.#deps.config;
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) => reject(listenError(error, host, port));
      this.#server.once('error', onError);
      this.#server.listen(port, host, () => {
        this.#server.off('error', onError);
        resolve();
      });
    });
    const address = this.#server.address() as AddressInfo;
    return { url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}` };
  }

  startPrefixes(prefixes: readonly UsedPrefix[], workers: readonly string[], blockTokens: number): void {
    this.#room.warming.start(prefixes, workers, blockTokens);
  }

  usedPrefixes(count: number): UsedPrefix[] {
    return this.#room.warming.prefixes(count);
  }

  async close({ graceMs }: { graceMs: number }): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const listener of this.#listeners) listener.end();
    this.#server.closeIdleConnections();
    const deadline = performance.now() + graceMs;
    while (this.#running.size > 0 && performance.now() < deadline) await sleep(DRAIN_LOOK_MS);
    for (const request of this.#running) request.end();
    // One turn of the event loop, so that the last events leave before the sockets do.
    await sleep(0);
    this.#room.regions.close();
    this.#room.warming.close();
    this.#sockets.terminate();
    this.#server.closeAllConnections();
    await closed;
    await this.#room.responses.close();
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    admit: (route: Route) => void,
  ): Promise<void> {
    const path = pathOf(request.url);
    try {
      const route = routeOf(request.method ?? 'GET', path);
      admit(route);
      await route.handle({ request, response, path, params: route.params }, this.#room);
    } catch (error) {
      sendError(response, error, { encode: errorEncoderOf(path, request.headers) });
    }
  }
}

const DRAIN_LOOK_MS = 20;
const ARRIVAL = {
  headersMs: LIMITS.headersTimeoutMs,
  bodyMs: LIMITS.bodyTimeoutMs,
  checkMs: LIMITS.slowRequestCheckMs,
};
/** Methods that change nothing: a page that sends one cannot read the answer, since no header lets it. */
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The path as the route table sees it; keys are checked for exactly this one. */
function pathOf(url: string | undefined): string {
  const [path = '/'] = (url ?? '/').split('?');
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): DynamoError {
  if (error.code === 'EADDRINUSE') {
    return new DynamoError('port_in_use', { port, host, holder: '', next: port + 1 }, { cause: error });
  }
  const detail = `${host}:${port} cannot be listened on: ${error.message}`;
  return new DynamoError(
    'start_failed',
    { detail, remedy: 'Choose another --host or --port.' },
    { cause: error },
  );
}
