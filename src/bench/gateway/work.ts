/** The requests of one measurement, made before it: what is sent first and not measured, and what is. */
import { AgentSession, turnBytes } from './agent-session.js';
import type { Mode } from './types.js';
import { UPSTREAM_MODEL } from './upstream-answer.js';

/** Sessions begin and end this far from the named size, so that its mean is the size. */
const SPREAD_OF_SIZE = 0.15;
const REPEATS_BEFORE = 3;

export interface WorkOptions {
  mode: Mode;
  bodyBytes: number;
  isStream: boolean;
  requests: number;
  seed: number;
}

export interface WorkRequest {
  session: string;
  body: Buffer;
}

/** One connection's share. */
export interface Work {
  /** Sent first, not measured. */
  before: WorkRequest[];
  /** The next request to measure; each call is the next turn. */
  next(): WorkRequest;
}

/** Turns a session may add before it is too long for its size. */
export const turnsOfSession = (bodyBytes: number): number =>
  Math.max(1, Math.floor((2 * SPREAD_OF_SIZE * bodyBytes) / turnBytes(bodyBytes)));

export function workOf(options: WorkOptions): Work {
  if (options.mode === 'repeated') return repeated(options);
  return options.mode === 'cold' ? cold(options) : nextTurns(options);
}

function nextTurns({ bodyBytes, isStream, requests, seed }: WorkOptions): Work {
  const turns = turnsOfSession(bodyBytes);
  const bytes = Math.round(bodyBytes * (1 - SPREAD_OF_SIZE));
  const sessions = Array.from({ length: Math.ceil(requests / turns) }, (_, index) =>
    newSession(seed + index, bytes, isStream),
  );
  let sent = 0;
  return {
    before: sessions.map((session) => ({ session: session.id, body: Buffer.from(session.body) })),
    next() {
      const session = sessions[Math.floor(sent / turns)] as AgentSession;
      sent += 1;
      session.addTurn();
      return { session: session.id, body: session.body };
    },
  };
}

function repeated({ bodyBytes, isStream, seed }: WorkOptions): Work {
  const { id: session, body } = newSession(seed, bodyBytes, isStream);
  return {
    before: Array.from({ length: REPEATS_BEFORE }, () => ({ session, body })),
    next: () => ({ session, body }),
  };
}

/** One small conversation first, so that the connection is open. */
function cold({ bodyBytes, isStream, requests, seed }: WorkOptions): Work {
  const first = newSession(seed, Math.min(bodyBytes, 4_096), isStream);
  const fresh = Array.from({ length: requests }, (_, index) => {
    const { id, body } = newSession(seed + 1 + index, bodyBytes, isStream);
    return { session: id, body: Buffer.from(body) };
  });
  return {
    before: [{ session: first.id, body: first.body }],
    next: () => fresh.pop() as WorkRequest,
  };
}

const newSession = (seed: number, bytes: number, isStream: boolean): AgentSession =>
  new AgentSession({ model: UPSTREAM_MODEL, seed, bytes, isStream });
