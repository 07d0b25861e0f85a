/** A stack as `dynamo launch` sees it: an admin socket, and `/v1/models` on loopback; other routes are the test's. */
import { mkdirSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

export interface FakeStack {
  url: string;
  /** Authorization headers seen on `/v1/models`. */
  keys: (string | undefined)[];
  close(): Promise<void>;
}

/** `socket` is where the admin socket goes; `apiKey` null accepts every caller. */
export async function fakeStack(
  socket: string,
  options: {
    recipe: string;
    contextTokens: number;
    apiKey: string | null;
    /** Everything but `GET /v1/models`. */
    serve?: http.RequestListener;
  },
): Promise<FakeStack> {
  const keys: (string | undefined)[] = [];
  const models = http.createServer((request, response) => {
    if (options.serve !== undefined && !(request.url ?? '').startsWith('/v1/models')) {
      options.serve(request, response);
      return;
    }
    const key = request.headers.authorization;
    keys.push(key);
    const isKnown = options.apiKey === null || key === `Bearer ${options.apiKey}`;
    const entry = { id: 'smollm2', object: 'model', created: 1, max_model_len: options.contextTokens };
    answer(response, isKnown ? 200 : 401, isKnown ? { object: 'list', data: [entry] } : { error: {} });
  });
  await new Promise<void>((resolve) => models.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(models.address() as AddressInfo).port}`;
  const stack = { name: 'default', url, recipe: options.recipe, model: 'smollm2' };
  const admin = http.createServer((request, response) =>
    answer(response, 200, request.url === '/admin/ping' ? { pid: process.pid } : { version: 1, stack }),
  );
  mkdirSync(path.dirname(socket), { recursive: true });
  await new Promise<void>((resolve) => admin.listen(socket, resolve));
  return {
    url,
    keys,
    close: async () => {
      for (const server of [models, admin]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

function answer(response: http.ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
