/** Eviction orders of a simulated cache: what vLLM does, and what retention by next use does. */
import { type EvictionOrder, SHARED } from './types.js';

/** Least recently released first, whoever it belongs to. */
export function lruOrder(): EvictionOrder {
  const only = [0];
  return { listOf: () => 0, victims: () => only };
}

/** When a conversation's blocks will be read again, as the router's retention estimates it. */
export interface NextUse {
  /** Expected milliseconds until a conversation comes back to this worker; tagged ones are kept longest. */
  remaining(session: number, now: number): { ms: number; isTagged: boolean };
}

const GARBAGE = 0;
const COMMON = 1;
const FIRST_SESSION = 2;

/** Blocks no conversation shows any more. */
export const GARBAGE_LIST = GARBAGE;

/**
 * Answers and abandoned branches first, then the conversations that will come back last, what several conversations
 * share at the end (routing lab, section 4). The ranking is made once per instant.
 */
export function nextUseOrder(nextUse: NextUse): EvictionOrder {
  const sessions = new Set<number>();
  let ranked: number[] = [GARBAGE, COMMON];
  let rankedAt = Number.NaN;
  return {
    listOf: (block, owner) => {
      if (block < 0) return GARBAGE;
      if (owner === SHARED || owner < 0) return COMMON;
      if (!sessions.has(owner)) {
        sessions.add(owner);
        rankedAt = Number.NaN;
      }
      return FIRST_SESSION + owner;
    },
    victims: (now) => {
      if (now !== rankedAt) {
        rankedAt = now;
        const uses = [...sessions].map((session) => ({ session, ...nextUse.remaining(session, now) }));
        uses.sort((a, b) => Number(a.isTagged) - Number(b.isTagged) || b.ms - a.ms || a.session - b.session);
        ranked = [GARBAGE, ...uses.map(({ session }) => FIRST_SESSION + session), COMMON];
      }
      return ranked;
    },
  };
}
