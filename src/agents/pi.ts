/** Pi: the cache key of its providers is the session. */
import { readHeader, usableId, userAgent } from './read-header.js';
import type { Harness } from './types.js';

export const pi: Harness = {
  name: 'pi',
  isSender: ({ headers }) =>
    /(^|[\s/(])pi[/-]\d|pi-coding-agent|pi-mono/.test(userAgent(headers)) ||
    headers['x-affinity'] !== undefined,
  identify: ({ headers, body }) => {
    const id =
      readHeader(headers, 'session_id', 'session-id', 'x-affinity', 'x-client-request-id') ??
      usableId(body['prompt_cache_key']);
    return id === undefined ? undefined : { id };
  },
};
