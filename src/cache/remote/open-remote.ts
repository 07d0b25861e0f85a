/** Opens a remote store by its address; the client of its kind is loaded only then. */
import { DynamoError } from '../../errors.js';
import type { RemoteStore } from './types.js';

/** Rejects with `usage` for an address that cannot be; does not wait for the store to answer. */
export async function openRemote(address: string, namespace: string): Promise<RemoteStore> {
  const url = parsed(address);
  if (url.protocol === 's3:') return (await import('./s3-store.js')).openS3(url, namespace);
  if (/^(redis|rediss|valkey):$/.test(url.protocol))
    return (await import('./redis-store.js')).openRedis(url, namespace);
  throw refused(address, 'a remote tier is an s3:// or redis:// address');
}

function parsed(address: string): URL {
  if (!URL.canParse(address)) throw refused(address, 'it is no address');
  const url = new URL(address);
  if (url.password !== '')
    throw refused(url.protocol, 'a password does not belong into an address, which everybody can see');
  return url;
}

function refused(address: string, why: string): DynamoError {
  return new DynamoError('usage', {
    detail: `The remote tier ${address} is not possible: ${why}.`,
    remedy: 'Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or DYNAMO_REDIS_PASSWORD.',
  });
}
