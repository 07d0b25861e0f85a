/** The key a worker of ours answers to, from its environment. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export const KEY_VARIABLE = 'DYNAMO_WORKER_KEY';

/** Whether a request may be answered; every one may where no key is set. Whether a worker lives is no secret. */
export function isAllowed(
  { headers, url }: Pick<IncomingMessage, 'headers' | 'url'>,
  key: string | undefined = process.env[KEY_VARIABLE],
): boolean {
  if (key === undefined || key === '' || url === '/health') return true;
  const given = Buffer.from(headers.authorization ?? '');
  const right = Buffer.from(`Bearer ${key}`);
  return given.length === right.length && timingSafeEqual(given, right);
}
