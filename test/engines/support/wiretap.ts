/** A loopback port that passes everything on and notes how each connection begins. */

import type { AddressInfo } from 'node:net';
import net from 'node:net';

export interface Wiretap {
  url: string;
  /** Head of the first request of each connection, in lower case. */
  heads: string[];
  close(): void;
}

export async function tap(target: string): Promise<Wiretap> {
  const { port } = new URL(target);
  const heads: string[] = [];
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(port), '127.0.0.1');
    const at = heads.push('') - 1;
    client.on('data', (data) => {
      if (!heads[at]?.includes('\r\n\r\n')) heads[at] += data.toString('latin1').toLowerCase();
    });
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heads,
    close: () => void server.close(),
  };
}
