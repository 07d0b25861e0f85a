/**
 * Traces of one JSON object per line. Mooncake rows arrive at their `timestamp` whatever happens (open loop); closed-loop
 * rows carry a `session_id` and leave `delay` ms after the answer before; agentic rows name what they wait for.
 */
import type { ReadOptions } from '../types.js';
import { type Fields, ids, milliseconds, name, type Place, priority, tokens, traceError } from './checks.js';
import type { Draft } from './draft.js';

export interface Row {
  fields: Fields;
  place: Place;
}

const MOONCAKE_BLOCK_TOKENS = 512;
const CLOSED_LOOP_BLOCK_TOKENS = 64;
const AGENTIC_KEYS = ['wait_for', 'branches', 'prefix_reset', 'tool_wait_ms', 'dependencies'];

export function isLengthRow(fields: Fields): boolean {
  return 'input_length' in fields || 'output_length' in fields;
}

export function readRows(rows: readonly Row[], options: ReadOptions): Draft {
  if (rows.some(({ fields }) => AGENTIC_KEYS.some((key) => key in fields))) return agentic(rows, options);
  if (rows.some(({ fields }) => 'session_id' in fields)) return closedLoop(rows, options);
  return openLoop(rows, options);
}

function openLoop(rows: readonly Row[], options: ReadOptions): Draft {
  const draft = emptyDraft('mooncake', options.traceBlockTokens ?? MOONCAKE_BLOCK_TOKENS);
  rows.forEach((row, session) => {
    const atMs = milliseconds(row.fields, 'timestamp', row.place);
    if (atMs === null) throw traceError(row.place, '`timestamp` is missing');
    draft.sessions.push(`request ${session + 1}`);
    draft.turns.push({ ...lengths(row, draft), session, atMs, after: [], delayMs: 0 });
  });
  return draft;
}

function closedLoop(rows: readonly Row[], options: ReadOptions): Draft {
  const draft = emptyDraft('closed-loop', options.traceBlockTokens ?? CLOSED_LOOP_BLOCK_TOKENS);
  const sessions = new SessionNames(draft);
  for (const row of rows) {
    const { fields, place } = row;
    const id = name(fields, 'session_id', place);
    if (id === null) throw traceError(place, '`session_id` is missing');
    const { session, last } = sessions.find(id);
    const atMs = milliseconds(fields, 'timestamp', place);
    if (last === null && atMs === null) {
      throw traceError(place, `the first row of session \`${id}\` has no \`timestamp\``);
    }
    const delayMs = milliseconds(fields, 'delay', place) ?? 0;
    sessions.add(id, { ...lengths(row, draft), session, atMs: atMs ?? 0, ...waits(last, delayMs, options) });
  }
  return draft;
}

/**
 * Dynamo's agentic rows: `request_id`, `wait_for` (ids of requests), `tool_wait_ms` after the last of them, `branches`
 * (requests this one starts). What a conversation keeps of its prefix is told by the block ids alone.
 */
function agentic(rows: readonly Row[], options: ReadOptions): Draft {
  const draft = emptyDraft('mooncake-agentic', options.traceBlockTokens ?? CLOSED_LOOP_BLOCK_TOKENS);
  const sessions = new SessionNames(draft);
  const turnOf = new Map<string, number>();
  const startedBy = new Map<string, number[]>();
  for (const row of rows) {
    const { fields, place } = row;
    const own = name(fields, 'request_id', place);
    const id = name(fields, 'session_id', place) ?? own ?? `row ${draft.turns.length + 1}`;
    const { session, last } = sessions.find(id);
    const after = [...names(fields, 'wait_for', place), ...names(fields, 'dependencies', place)].map(
      (other) => {
        const turn = turnOf.get(other);
        if (turn === undefined)
          throw traceError(place, `\`wait_for\` names \`${other}\`, which is no earlier row`);
        return turn;
      },
    );
    const parents = own === null ? [] : (startedBy.get(own) ?? []);
    const waitsFor = [
      ...new Set([...after, ...parents, ...(after.length === 0 && last !== null ? [last] : [])]),
    ];
    const delay = milliseconds(fields, 'tool_wait_ms', place) ?? milliseconds(fields, 'delay', place) ?? 0;
    const turn = sessions.add(id, {
      ...lengths(row, draft),
      session,
      atMs: milliseconds(fields, 'timestamp', place) ?? 0,
      after: waitsFor,
      delayMs: Math.min(delay, options.maxDelayMs),
    });
    if (own !== null) turnOf.set(own, turn);
    for (const branch of names(fields, 'branches', place)) {
      startedBy.set(branch, [...(startedBy.get(branch) ?? []), turn]);
    }
  }
  return draft;
}

function lengths({ fields, place }: Row, { traceBlockTokens }: Draft) {
  const known = ids(fields, 'hash_ids', place);
  const promptTokens = Math.max(1, tokens(fields, 'input_length', place));
  if (known.length > Math.ceil(promptTokens / traceBlockTokens)) {
    const problem = `${known.length} ids of ${traceBlockTokens} tokens are more than ${promptTokens} tokens`;
    throw traceError(place, `\`hash_ids\`: ${problem} (see --trace-block-size)`);
  }
  return {
    promptTokens,
    outputTokens: Math.max(1, tokens(fields, 'output_length', place)),
    ids: known,
    priority: priority(fields, place),
  };
}

function waits(last: number | null, delayMs: number, { maxDelayMs }: ReadOptions) {
  return last === null
    ? { after: [], delayMs: 0 }
    : { after: [last], delayMs: Math.min(delayMs, maxDelayMs) };
}

function names(fields: Fields, field: string, place: Place): string[] {
  const value = fields[field];
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? value : [value];
  return list.map((entry) => {
    const id = typeof entry === 'object' && entry !== null ? (entry as Fields)['request_id'] : entry;
    if (typeof id === 'string' || typeof id === 'number') return String(id);
    throw traceError(place, `\`${field}\` holds something that is no name`);
  });
}

function emptyDraft(format: string, traceBlockTokens: number): Draft {
  return { format, traceBlockTokens, turns: [], sessions: [], notes: [] };
}

/** Conversations by name, with the last turn of each. */
class SessionNames {
  readonly #draft: Draft;
  readonly #known = new Map<string, { session: number; last: number | null }>();

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  find(id: string): { session: number; last: number | null } {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const entry = { session: this.#draft.sessions.push(id) - 1, last: null };
    this.#known.set(id, entry);
    return entry;
  }

  add(id: string, turn: Draft['turns'][number]): number {
    const index = this.#draft.turns.push(turn) - 1;
    this.find(id).last = index;
    return index;
  }
}
