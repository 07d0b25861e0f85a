/**
 * Values of a Redis or Valkey server: `redis://host:port/db`. A password comes from `DYNAMO_REDIS_PASSWORD`, never from the address:
 * that would be seen in the process list.
 */
import { Redis } from 'ioredis';
import type { RemoteStore } from './types.js';

const CONNECT_MS = 2_000;
const REQUEST_MS = 10_000;
const SCAN_COUNT = 1_000;

export function openRedis(url: URL, namespace: string): RemoteStore {
  const prefix = `dynamo:${namespace}:`;
  const password = process.env['DYNAMO_REDIS_PASSWORD'];
  const client = new Redis(url.href.replace(/^valkey:/, 'redis:'), {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    commandTimeout: REQUEST_MS,
    maxRetriesPerRequest: 1,
    ...(password === undefined ? {} : { password }),
  });
  // Every command rejects for itself; without a listener the client would print.
  client.on('error', () => {});
  return {
    get: (name) => client.getBuffer(prefix + name),
    async put(name, bytes) {
      await client.set(prefix + name, bytes);
    },
    async remove(name) {
      await client.del(prefix + name);
    },
    async *list() {
      let cursor = '0';
      do {
        const [next, keys] = await client.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', SCAN_COUNT);
        for (const key of keys) yield key.slice(prefix.length);
        cursor = next;
      } while (cursor !== '0');
    },
    async close() {
      client.disconnect();
    },
  };
}
