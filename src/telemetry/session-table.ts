/** Conversations seen lately, least recently used dropped. */
import { LIMITS } from '../limits.js';
import type { RequestRow } from './request-table.js';
import type { SessionSnapshot, StampedEvent } from './types.js';

interface Session extends SessionSnapshot {
  promptTokens: number;
  cachedTokens: number;
}

/** Sessions shown in a snapshot. */
const SHOWN = 50;
/** Turns whose hit rates are kept. */
const TURNS = 32;

export class SessionTable {
  /** By id and role: a title or a sub-agent under its parent's id is another conversation. */
  readonly #sessions = new Map<string, Session>();

  finished(row: RequestRow, at: number): void {
    if (row.session === null) return;
    const key = keyOf(row);
    const session = this.#sessions.get(key) ?? emptySession(row.session, row.role);
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    session.requests += 1;
    session.promptTokens += row.promptTokens;
    session.cachedTokens += row.cachedTokens;
    session.hitRate = session.promptTokens === 0 ? null : session.cachedTokens / session.promptTokens;
    const turn = row.promptTokens === 0 ? null : row.cachedTokens / row.promptTokens;
    session.turns = [...session.turns.slice(1 - TURNS), turn];
    session.lastSeenAt = at;
    session.worker = row.worker ?? session.worker;
    session.harness = row.harness;
    if (this.#sessions.size > LIMITS.sessionsKept) {
      const oldest = this.#sessions.keys().next().value;
      if (oldest !== undefined) this.#sessions.delete(oldest);
    }
  }

  /** What is told of a request after its end. */
  explained(
    row: RequestRow,
    { parent, divergence }: Extract<StampedEvent, { type: 'request.explained' }>,
  ): void {
    const session = this.#sessions.get(keyOf(row));
    if (session === undefined) return;
    session.parent = parent ?? session.parent;
    if (divergence !== undefined) session.divergence = { turn: session.requests, ...divergence };
  }

  /** Newest first. */
  snapshot(): SessionSnapshot[] {
    return [...this.#sessions.values()]
      .slice(-SHOWN)
      .reverse()
      .map(({ promptTokens: _prompt, cachedTokens: _cached, ...session }) => ({ ...session }));
  }
}

const keyOf = ({ session, role }: RequestRow): string => `${session}\0${role}`;

function emptySession(id: string, role: string): Session {
  return {
    id,
    harness: 'unknown',
    role,
    parent: null,
    requests: 0,
    hitRate: null,
    turns: [],
    divergence: null,
    lastSeenAt: 0,
    worker: '',
    promptTokens: 0,
    cachedTokens: 0,
  };
}
