/** What is remembered of recent requests beside the router's decision. */
import { LIMITS } from '../limits.js';
import type { CommonRequest, DialectName, Hints, SessionInfo } from '../request/types.js';

export interface RequestNote {
  dialect: DialectName;
  /** Model name the client asked for. */
  model: string;
  session: SessionInfo | null;
  /** After the key's bounds. */
  hints: Hints;
  /** Name of the API key it came with. */
  key: string | null;
  /** Workers that were lost in mid-answer, and who took it up. */
  continued?: Continued[];
}

export interface Continued {
  from: string;
  to: string;
  /** Tokens of the answer that were known by then. */
  tokens: number;
  /** How the worker was lost. */
  reason: string;
}

/** Bounded: the oldest note goes when there are more than the router keeps decisions. */
export class RequestNotes {
  readonly #notes = new Map<string, RequestNote>();

  add(request: CommonRequest, model: string, key: string | null = null): void {
    const { id, dialect, session = null, hints } = request;
    // Whoever knows a salt can look into the cache it sets apart.
    const shown = hints.cacheSalt === undefined ? hints : { ...hints, cacheSalt: '(set)' };
    this.#notes.set(id, { dialect, model, session, hints: shown, key });
    if (this.#notes.size <= LIMITS.decisionsKept) return;
    const [oldest] = this.#notes.keys();
    if (oldest !== undefined) this.#notes.delete(oldest);
  }

  continued(id: string, step: Continued): void {
    const note = this.#notes.get(id);
    if (note !== undefined) note.continued = [...(note.continued ?? []), step];
  }

  get(id: string): RequestNote | undefined {
    return this.#notes.get(id);
  }
}
