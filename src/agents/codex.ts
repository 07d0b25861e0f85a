/** Codex: thread headers, `x-openai-subagent`, and what its turn metadata says where a proxy or a WebSocket drops headers. */
import { readHeader, usableId, userAgent } from './read-header.js';
import type { Harness, Identity, Sighting } from './types.js';

const ROLES = new Map([
  ['review', 'subagent'],
  ['collab_spawn', 'subagent'],
  ['compact', 'compact'],
  ['memory_consolidation', 'compact'],
]);

/** Longer metadata is none of Codex's. */
const METADATA_CHARS_MAX = 16_384;

type Fields = Record<string, unknown>;

export const codex: Harness = {
  name: 'codex',
  isSender: ({ headers }) =>
    /codex/.test(userAgent(headers)) ||
    /codex/.test(String(headers['originator'] ?? '').toLowerCase()) ||
    Object.keys(headers).some((name) => name.startsWith('x-codex-')),
  identify: (sighting) => {
    const { headers, body } = sighting;
    const turn = turnOf(sighting);
    const id =
      usableId(turn['thread_id']) ??
      readHeader(headers, 'thread-id', 'session-id', 'session_id') ??
      usableId(body['prompt_cache_key']);
    if (id === undefined) return undefined;
    const parentId = usableId(turn['parent_thread_id']) ?? readHeader(headers, 'x-codex-parent-thread-id');
    return identity(
      id,
      parentId,
      roleOf(sighting, turn) ?? (parentId === undefined ? undefined : 'subagent'),
    );
  },
};

function identity(id: string, parentId: string | undefined, role: string | undefined): Identity {
  return { id, ...(parentId === undefined ? {} : { parentId }), ...(role === undefined ? {} : { role }) };
}

function roleOf({ headers }: Sighting, turn: Fields): string | undefined {
  if (turn['request_kind'] === 'compaction') return 'compact';
  const kind = readHeader(headers, 'x-openai-subagent');
  if (kind !== undefined) return ROLES.get(kind) ?? 'subagent';
  return turn['thread_source'] === 'subagent' ? 'subagent' : undefined;
}

/** The body's metadata is this turn's; the headers of a WebSocket are those of its handshake. */
function turnOf({ headers, body }: Sighting): Fields {
  const metadata = body['client_metadata'];
  const own = isFields(metadata) ? metadata['x-codex-turn-metadata'] : undefined;
  return fieldsOf(own) ?? fieldsOf(headers['x-codex-turn-metadata']) ?? {};
}

function fieldsOf(text: unknown): Fields | undefined {
  if (typeof text !== 'string' || text.length > METADATA_CHARS_MAX) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    // Versions before JSON wrote `name=value` pairs; only the kind of request matters.
    return /request_kind["'\s:=]+compaction/.test(text) ? { request_kind: 'compaction' } : undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
