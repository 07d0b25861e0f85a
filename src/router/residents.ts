/**
 * Whole conversations held back (`router.pause_ms`). Where the contexts of all that are at work do not fit, each turn evicts what
 * another will read, and nobody hits. So as many are resident as fit; the next turn of any other waits until there is room,
 * at most for the pause. It trades time to first token for less computing: worth it where computing a prompt is dear.
 */
import { namedRequest } from './admission.js';
import type { Clock } from './clock.js';
import { neededBlocks } from './cost.js';
import type { RouterState } from './decide.js';
import { isTagged } from './queue-order.js';
import type { SessionBook } from './sessions.js';
import type { RouterSettings } from './settings.js';
import type { RouteInput } from './types.js';

/**
 * Whether a request has to wait for memory of other conversations. Requests with a priority and those of no conversation
 * never do, nor does anybody while nothing runs.
 */
export function isHeldBack(
  state: RouterState,
  { pauseMs }: RouterSettings,
  { input, since }: { input: RouteInput; since: number },
): boolean {
  const { sessionId } = input;
  if (pauseMs === 0 || sessionId === undefined || state.policy.canStart === undefined) return false;
  const workers = [...state.workers.values()].filter(({ isEligible }) => isEligible);
  const kvBlocks = workers.reduce((sum, { worker }) => sum + worker.kvBlocks, 0);
  if (kvBlocks === 0) return false;
  const isUrgent = isTagged({ input }) || workers.every(({ book }) => book.activeRequests === 0);
  const commonBlocks = state.sessions.named(sessionId)?.commonBlocks ?? 0;
  const blocks = Math.max(0, neededBlocks(namedRequest(state, input)) - commonBlocks);
  const waitedMs = isUrgent ? pauseMs : state.clock.now() - since;
  return !state.residents.admits({ sessionId, blocks, waitedMs }, { kvBlocks, pauseMs });
}

export interface ResidentRequest {
  sessionId: string;
  /** Blocks of its prompt and answer that are its own. */
  blocks: number;
  waitedMs: number;
}

interface Resident {
  since: number;
  /** When one of its requests last asked. */
  askedAt: number;
  blocks: number;
}

/** Of all KV; the rest is room for contexts to grow. */
const SHARE = 0.85;
/** A conversation silent for longer than this gives its place up: just above the pause that nine of ten stay under. */
const IDLE_MS = 31_000;
/** Every waiting request asks at each look at the queue; going through all residents for each would be their product. */
const EXPIRE_EVERY_MS = 250;

export class Residents {
  readonly #clock: Clock;
  readonly #sessions: SessionBook;
  /** The longest resident first. */
  readonly #residents = new Map<string, Resident>();
  #blocks = 0;
  #expiredAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, sessions: SessionBook) {
    this.#clock = clock;
    this.#sessions = sessions;
  }

  get size(): number {
    return this.#residents.size;
  }

  /** Whether a turn may start now; its conversation is resident from then on. `kvBlocks` = of all workers together. */
  admits(
    { sessionId, blocks, waitedMs }: ResidentRequest,
    { kvBlocks, pauseMs }: { kvBlocks: number; pauseMs: number },
  ): boolean {
    this.#expire();
    const resident = this.#residents.get(sessionId);
    if (resident === undefined && this.#blocks + blocks > SHARE * kvBlocks) {
      if (waitedMs < pauseMs) return false;
      this.#makeRoom();
    }
    const now = this.#clock.now();
    this.#blocks += blocks - (resident?.blocks ?? 0);
    this.#residents.set(sessionId, { since: resident?.since ?? now, askedAt: now, blocks });
    return true;
  }

  /** The longest resident that runs nothing goes. */
  #makeRoom(): void {
    for (const sessionId of this.#residents.keys()) {
      if (this.#idleSince(sessionId) === null) continue;
      this.#leave(sessionId);
      return;
    }
  }

  #expire(): void {
    const now = this.#clock.now();
    if (now - this.#expiredAt < EXPIRE_EVERY_MS) return;
    this.#expiredAt = now;
    const limit = now - IDLE_MS;
    for (const sessionId of this.#residents.keys()) {
      const idleSince = this.#idleSince(sessionId);
      if (idleSince !== null && idleSince < limit) this.#leave(sessionId);
    }
  }

  /** Null while a request of it runs. */
  #idleSince(sessionId: string): number | null {
    const session = this.#sessions.named(sessionId);
    if (session !== undefined && session.running > 0) return null;
    const askedAt = this.#residents.get(sessionId)?.askedAt ?? 0;
    return Math.max(session?.lastSeen ?? 0, askedAt);
  }

  #leave(sessionId: string): void {
    this.#blocks -= this.#residents.get(sessionId)?.blocks ?? 0;
    this.#residents.delete(sessionId);
  }
}
