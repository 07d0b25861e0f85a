/** NVIDIA Dynamo's own session headers, and the spellings that no harness owns. */
import { readHeader, usableId } from './read-header.js';
import type { Identity, Sighting } from './types.js';
import { sessionInUserId } from './user-id.js';

/** `x-dynamo-session-id` beats what any harness says. */
export function canonicalIdentity({ headers }: Sighting): Identity | undefined {
  const id = readHeader(headers, 'x-dynamo-session-id');
  if (id === undefined) return undefined;
  const parentId = readHeader(headers, 'x-dynamo-parent-session-id');
  return { id, ...(parentId === undefined ? {} : { parentId, role: 'subagent' }) };
}

/** Headers and body fields of unknown clients, in order of trust. */
export function commonIdentity({ headers, body }: Sighting): Identity | undefined {
  const id =
    readHeader(
      headers,
      'x-deepseek-harness-session-id',
      'thread-id',
      'session-id',
      'session_id',
      'x-session-affinity',
      'x-affinity',
      'x-session-id',
      'conversation-id',
      'x-litellm-session-id',
    ) ??
    usableId(body['prompt_cache_key']) ??
    sessionInUserId(body) ??
    usableId(body['safety_identifier']) ??
    usableId(body['user']);
  if (id === undefined) return undefined;
  const parentId = readHeader(headers, 'x-parent-session-id', 'x-deepseek-harness-parent-session-id');
  const isCompaction = readHeader(headers, 'x-deepseek-harness-compact') === '1';
  return {
    id,
    ...(parentId === undefined ? {} : { parentId, role: 'subagent' }),
    ...(isCompaction ? { role: 'compact' } : {}),
  };
}

export function isFinal({ headers }: Sighting): boolean {
  return /^(true|1|yes)$/i.test(String(headers['x-dynamo-session-final'] ?? '').trim());
}
