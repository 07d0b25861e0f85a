/** Conversations seen lately, least recently used dropped. */
import { LIMITS } from '../limits.js';
import type { RequestRow } from './request-table.js';
import type { SessionSnapshot } from './types.js';

interface Session extends SessionSnapshot {
  promptTokens: number;
  cachedTokens: number;
}

/** Sessions shown in a snapshot. */
const SHOWN = 50;

export class SessionTable {
  readonly #sessions = new Map<string, Session>();

  finished(row: RequestRow, at: number): void {
    if (row.session === null) return;
    const session = this.#sessions.get(row.session) ?? emptySession(row.session);
    this.#sessions.delete(row.session);
    this.#sessions.set(row.session, session);
    session.requests += 1;
    session.promptTokens += row.promptTokens;
    session.cachedTokens += row.cachedTokens;
    session.hitRate = session.promptTokens === 0 ? null : session.cachedTokens / session.promptTokens;
    session.lastSeenAt = at;
    session.worker = row.worker ?? session.worker;
    session.harness = row.harness;
    session.role = row.role;
    if (this.#sessions.size > LIMITS.sessionsKept) {
      const oldest = this.#sessions.keys().next().value;
      if (oldest !== undefined) this.#sessions.delete(oldest);
    }
  }

  /** Newest first. */
  snapshot(): SessionSnapshot[] {
    return [...this.#sessions.values()]
      .slice(-SHOWN)
      .reverse()
      .map(({ promptTokens: _prompt, cachedTokens: _cached, ...session }) => session);
  }
}

function emptySession(id: string): Session {
  return {
    id,
    harness: 'unknown',
    role: 'main',
    requests: 0,
    hitRate: null,
    lastSeenAt: 0,
    worker: '',
    promptTokens: 0,
    cachedTokens: 0,
  };
}
