import { randomUUID } from 'node:crypto';

/** 32 hex digits: short enough for every engine's `request_id`, unique without a counter. */
export function newRequestId(): string {
  return randomUUID().replaceAll('-', '');
}
