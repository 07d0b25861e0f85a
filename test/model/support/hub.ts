/** A loopback stand-in for the model hub: ranges, cut connections, redirects, wrong files, tokens. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HubRequest {
  path: string;
  range: string | undefined;
  authorization: string | undefined;
}

export interface Hub {
  url: string;
  requests: HubRequest[];
  close(): Promise<void>;
}

export type Behaviour = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export async function startHub(behaviour: Behaviour): Promise<Hub> {
  const requests: HubRequest[] = [];
  const server = createServer((request, response) => {
    const { range, authorization } = request.headers;
    requests.push({ path: request.url ?? '', range, authorization });
    behaviour(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Sends the bytes, from the asked offset on; cuts the connection after `cutAfter` bytes. */
export function sendFile(
  content: Buffer,
  options: { cutAfter?: number; ignoreRange?: boolean } = {},
): Behaviour {
  return (request, response) => {
    const from = options.ignoreRange
      ? 0
      : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from >= content.length) {
      response.writeHead(416).end();
      return;
    }
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': content.length - from });
    if (options.cutAfter === undefined) {
      response.end(content.subarray(from));
      return;
    }
    response.write(content.subarray(from, from + options.cutAfter), () =>
      setImmediate(() => response.destroy()),
    );
  };
}
