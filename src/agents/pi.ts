/** Pi: the cache key of its providers is the session; its compaction call names none. */
import { readHeader, usableId, userAgent } from './read-header.js';
import { systemText } from './system-text.js';
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
  role: ({ request }) =>
    request.tools.length === 0 && /context summarization assistant/i.test(systemText(request))
      ? 'compact'
      : undefined,
};
