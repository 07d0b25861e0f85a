/** Files that `dynamo up --record` wrote. */
import { RECORDING_SCHEMA } from '../recording.js';
import type { Part, ReadOptions } from '../types.js';
import { type Fields, ids, milliseconds, name, type Place, priority, tokens, traceError } from './checks.js';
import type { Draft } from './draft.js';
import type { Row } from './rows.js';

export const isRecordingHeader = (fields: Fields): boolean => fields['schema'] === RECORDING_SCHEMA;

interface Conversation {
  session: number;
  last: { turn: number; endMs: number } | null;
  blocks: readonly (string | number)[];
}

/** Rows of one or several files, headers among them. A request that left before the last answer came waits for nobody. */
export function readRecording(rows: readonly Row[], options: ReadOptions): Draft {
  const header = rows.find(({ fields }) => isRecordingHeader(fields)) as Row;
  const traceBlockTokens = tokens(header.fields, 'blockTokens', header.place);
  if (traceBlockTokens === 0) throw traceError(header.place, '`blockTokens` is 0');
  const draft: Draft = { format: 'recording', traceBlockTokens, turns: [], sessions: [], notes: [] };
  const conversations = new Map<string, Conversation>();
  const originMs = startedAt(header);
  let shiftMs = 0;
  for (const { fields, place } of rows) {
    if (isRecordingHeader(fields)) {
      shiftMs = Math.max(0, startedAt({ fields, place }) - originMs);
      // Each file stands for itself.
      for (const conversation of conversations.values()) conversation.blocks = [];
      continue;
    }
    addRequest(draft, conversations, { fields, place }, { shiftMs, maxDelayMs: options.maxDelayMs });
  }
  return draft;
}

function addRequest(
  draft: Draft,
  conversations: Map<string, Conversation>,
  { fields, place }: Row,
  { shiftMs, maxDelayMs }: { shiftMs: number; maxDelayMs: number },
): void {
  const conversation = conversationOf(draft, conversations, name(fields, 'session', place) ?? place.at);
  const keep = tokens(fields, 'keep', place);
  if (keep > conversation.blocks.length) {
    throw traceError(place, `keeps ${keep} blocks of a prompt that had ${conversation.blocks.length}`);
  }
  conversation.blocks = [...conversation.blocks.slice(0, keep), ...ids(fields, 'blocks', place)];
  const sentMs = (milliseconds(fields, 'sentMs', place) ?? 0) + shiftMs;
  const { last } = conversation;
  const waits = last !== null && last.endMs <= sentMs;
  const turn = draft.turns.push({
    session: conversation.session,
    atMs: waits ? 0 : sentMs,
    after: waits ? [last.turn] : [],
    delayMs: waits ? Math.min(maxDelayMs, sentMs - last.endMs) : 0,
    promptTokens: Math.max(1, tokens(fields, 'promptTokens', place)),
    outputTokens: Math.max(1, tokens(fields, 'outputTokens', place)),
    ids: conversation.blocks,
    priority: priority(fields, place),
    parts: parts(fields, place),
  });
  conversation.last = { turn: turn - 1, endMs: (milliseconds(fields, 'endMs', place) ?? 0) + shiftMs };
}

function conversationOf(draft: Draft, known: Map<string, Conversation>, id: string): Conversation {
  const found = known.get(id);
  if (found !== undefined) return found;
  const made: Conversation = { session: draft.sessions.push(id) - 1, last: null, blocks: [] };
  known.set(id, made);
  return made;
}

function parts(fields: Fields, place: Place): Part[] {
  const value = fields['parts'] ?? [];
  if (!Array.isArray(value)) throw traceError(place, '`parts` is not a list');
  return value.map((part) => {
    const [kind, size] = Array.isArray(part) ? part : [];
    if (typeof kind === 'string' && Number.isInteger(size) && size >= 0) return { kind, tokens: size };
    throw traceError(place, '`parts` holds something that is no [kind, tokens]');
  });
}

/** Unix milliseconds. JSON has no bound on numbers: `1e999` is one, and infinite. */
function startedAt({ fields, place }: Row): number {
  const value = fields['startedAt'] ?? 0;
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
  throw traceError(place, '`startedAt` is not a time in milliseconds');
}
