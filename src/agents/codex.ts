/** Codex: thread headers, `x-openai-subagent`, compaction in the turn metadata. */
import { readHeader, usableId, userAgent } from './read-header.js';
import type { Harness, Sighting } from './types.js';

const ROLES: Record<string, string> = {
  review: 'subagent',
  collab_spawn: 'subagent',
  compact: 'compact',
  memory_consolidation: 'compact',
};

export const codex: Harness = {
  name: 'codex',
  isSender: ({ headers }) =>
    /codex/.test(userAgent(headers)) ||
    /codex/.test(String(headers['originator'] ?? '').toLowerCase()) ||
    Object.keys(headers).some((name) => name.startsWith('x-codex-')),
  identify: (sighting) => {
    const { headers, body } = sighting;
    const id =
      readHeader(headers, 'thread-id', 'session-id', 'session_id') ?? usableId(body['prompt_cache_key']);
    if (id === undefined) return undefined;
    const parentId = readHeader(headers, 'x-codex-parent-thread-id');
    const role = roleOf(sighting) ?? (parentId === undefined ? undefined : 'subagent');
    return { id, ...(parentId === undefined ? {} : { parentId }), ...(role === undefined ? {} : { role }) };
  },
};

function roleOf({ headers }: Sighting): string | undefined {
  const kind = readHeader(headers, 'x-openai-subagent');
  if (kind !== undefined) return ROLES[kind] ?? 'subagent';
  const metadata = String(headers['x-codex-turn-metadata'] ?? '');
  return /request_kind["'\s:=]+compaction/.test(metadata) ? 'compact' : undefined;
}
