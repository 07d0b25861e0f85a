/**
 * Claude Code's own session logs (`~/.claude/projects`). They hold no block ids, but the usage of every request: prompts of a
 * conversation grow, so blocks are told by their position; what the first prompt found in the cache was there before the
 * conversation began and is taken for the tools and system text all conversations of that model and version share.
 */
import type { ReadOptions } from '../types.js';
import type { Fields } from './checks.js';
import type { Draft } from './draft.js';
import type { Row } from './rows.js';

const BLOCK_TOKENS = 64;

export const isClaudeLogRow = (fields: Fields): boolean => 'sessionId' in fields && 'type' in fields;

interface Entry {
  session: string;
  agent: string;
  sentMs: number;
  endMs: number;
  promptTokens: number;
  outputTokens: number;
  readTokens: number;
  family: string;
}

/** Requests by time; the pause before one is the time between its question and the answer before. */
export function readClaudeLogs(rows: readonly Row[], options: ReadOptions): Draft {
  const draft: Draft = {
    format: 'claude-logs',
    traceBlockTokens: BLOCK_TOKENS,
    turns: [],
    sessions: [],
    notes: ['blocks are estimated from the usage the log reports: it holds no tokens'],
  };
  const entries = entriesOf(rows).sort((a, b) => a.sentMs - b.sentMs);
  const originMs = entries[0]?.sentMs ?? 0;
  const conversations = new Map<string, Conversation>();
  for (const entry of entries) {
    const key = `${entry.session}/${entry.agent}`;
    const conversation = conversations.get(key) ?? new Conversation(draft, key, entry);
    conversations.set(key, conversation);
    conversation.add(entry, { originMs, maxDelayMs: options.maxDelayMs });
  }
  return draft;
}

class Conversation {
  readonly #draft: Draft;
  readonly #session: number;
  readonly #shared: number;
  readonly #family: string;
  #last: { turn: number; entry: Entry } | null = null;
  /** Counts compactions: the blocks after the shared text are new then. */
  #era = 0;

  constructor(draft: Draft, key: string, first: Entry) {
    this.#draft = draft;
    this.#session = draft.sessions.push(key) - 1;
    this.#shared = Math.floor(first.readTokens / BLOCK_TOKENS);
    this.#family = first.family;
  }

  add(entry: Entry, { originMs, maxDelayMs }: { originMs: number; maxDelayMs: number }): void {
    const last = this.#last;
    if (last !== null && entry.promptTokens < last.entry.promptTokens) this.#era += 1;
    const waits = last !== null && last.entry.endMs <= entry.sentMs;
    const turn = this.#draft.turns.push({
      session: this.#session,
      atMs: waits ? 0 : entry.sentMs - originMs,
      after: waits ? [last.turn] : [],
      delayMs: waits ? Math.min(maxDelayMs, entry.sentMs - last.entry.endMs) : 0,
      promptTokens: entry.promptTokens,
      outputTokens: entry.outputTokens,
      ids: this.#ids(Math.ceil(entry.promptTokens / BLOCK_TOKENS)),
      priority: 0,
    });
    this.#last = { turn: turn - 1, entry };
  }

  #ids(blocks: number): string[] {
    const own = `${this.#session}.${this.#era}`;
    return Array.from({ length: blocks }, (_, at) =>
      at < this.#shared ? `${this.#family}:${at}` : `${own}:${at}`,
    );
  }
}

/** One per answered request: an answer is several lines with the same message id. */
function entriesOf(rows: readonly Row[]): Entry[] {
  const byMessage = new Map<string, Entry>();
  const askedAt = new Map<string, number>();
  for (const { fields } of rows) {
    const at = Date.parse(String(fields['timestamp']));
    if (Number.isNaN(at)) continue;
    const agent = String(fields['agentId'] ?? (fields['isSidechain'] === true ? 'sidechain' : 'main'));
    const key = `${String(fields['sessionId'])}/${agent}`;
    if (fields['type'] === 'user') askedAt.set(key, at);
    if (fields['type'] !== 'assistant') continue;
    const message = (fields['message'] ?? {}) as Fields;
    const usage = (message['usage'] ?? null) as Fields | null;
    if (usage === null) continue;
    const id = String(message['id'] ?? fields['uuid']);
    const promptTokens = count(usage, 'input_tokens') + cached(usage);
    if (promptTokens === 0) continue;
    byMessage.set(id, {
      session: String(fields['sessionId']),
      agent,
      sentMs: byMessage.get(id)?.sentMs ?? askedAt.get(key) ?? at,
      endMs: at,
      promptTokens,
      outputTokens: Math.max(1, count(usage, 'output_tokens')),
      readTokens: byMessage.get(id)?.readTokens ?? count(usage, 'cache_read_input_tokens'),
      family: `${String(message['model'])}/${String(fields['version'])}`,
    });
  }
  return [...byMessage.values()];
}

const cached = (usage: Fields): number =>
  count(usage, 'cache_read_input_tokens') + count(usage, 'cache_creation_input_tokens');

function count(usage: Fields, name: string): number {
  const value = usage[name];
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 10_000_000 ? value : 0;
}
