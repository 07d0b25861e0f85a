/** A web proxy that lets nobody out and notes who wanted to: updates, telemetry, downloads. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StrayProxy {
  url: string;
  /** Addresses asked for. */
  asked: string[];
  close(): void;
}

export async function startStrayProxy(): Promise<StrayProxy> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(502).end();
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
