/** The least a proxy in this language can do: body in, same body out, bytes back. What ours adds is judged beside it. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

export interface PassThrough {
  url: string;
  close(): Promise<void>;
}

export async function startPassThrough(upstream: string): Promise<PassThrough> {
  const pool = new Pool(upstream, { pipelining: 1 });
  const server = http.createServer({ noDelay: true }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => relay(pool, request.url ?? '/', Buffer.concat(chunks), response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await pool.destroy();
    },
  };
}

function relay(pool: Pool, path: string, body: Buffer, response: http.ServerResponse): void {
  const options = { method: 'POST', path, headers: { 'content-type': 'application/json' }, body } as const;
  pool
    .stream(options, ({ statusCode }) =>
      response.writeHead(statusCode, { 'content-type': 'text/event-stream' }),
    )
    .catch(() => response.destroy());
}
