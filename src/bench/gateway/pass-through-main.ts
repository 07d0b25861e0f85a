/** The least a router in this language can do: body in, parsed, the same bytes out, bytes back. Upstreams are its arguments. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const pools = process.argv.slice(2).map((url) => new Pool(url, { pipelining: 1 }));
let turn = 0;

const server = http.createServer({ noDelay: true }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    JSON.parse(body.toString('utf8'));
    relay(request.url ?? '/', body, response);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ type: 'ready', urls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`] });
});
process.on('disconnect', () => process.exit(0));

function relay(path: string, body: Buffer, response: http.ServerResponse): void {
  const pool = pools[turn++ % pools.length] as Pool;
  const headers = { 'content-type': 'application/json' };
  pool
    .stream({ method: 'POST', path, headers, body }, ({ statusCode, headers: told }) =>
      response.writeHead(statusCode, { 'content-type': String(told['content-type']) }),
    )
    .catch(() => response.destroy());
}
