/** Conversations the router has seen: where each lives, how much context it has there, how much it answers. */
import { LIMITS } from '../limits.js';
import type { Clock } from './clock.js';
import type { WorkerId } from './types.js';

export interface Session {
  /** The client's id, or the sequence hash of the last prompt's last full block. */
  key: string | bigint;
  home: WorkerId;
  /** Blocks of its last prompt and expected answer. */
  contextBlocks: number;
  /** Of those, what others had computed before it began: a system prompt that many have is there once. */
  commonBlocks: number;
  /** Requests running. */
  running: number;
  lastSeen: number;
  /** Mean output in tokens; null before the first answer. */
  meanOutput: number | null;
  /** Its context counts as live on its home. */
  isLive: boolean;
  /** Requests in a row with a prompt under half of its context. */
  shrunk: number;
  /** Its last request had a priority: its context is kept for it while it is idle. */
  isTagged: boolean;
}

/** Context of live sessions of a worker, in blocks; see `Candidate`. */
export interface LiveContext {
  liveBlocks: number;
  contextBlocks: number;
}

const NOTHING: LiveContext = { liveBlocks: 0, contextBlocks: 0 };
/** Prompt blocks searched backwards for the turn before: an answer and tool results rarely add more. */
const LOOK_BACK = 512;
const NEWEST_WEIGHT = 0.3;
/** Of a worker's blocks, for idle sessions with a priority. */
const PINNED_SHARE = 0.3;

/**
 * Bounded, least recently used dropped. A request without a session id belongs to the session whose last
 * prompt it continues: prompts only grow, so the last full block of the turn before is a block of this one.
 */
export class SessionBook {
  readonly #clock: Clock;
  readonly #outputDefault: number;
  /** Least recently used first. */
  readonly #sessions = new Map<string | bigint, Session>();
  /** Live ones, longest untouched first. */
  readonly #live = new Set<Session>();
  /** Live ones whose last request had a priority. */
  readonly #tagged = new Set<Session>();
  readonly #liveOn = new Map<WorkerId, LiveContext>();
  #meanOutput: number | null = null;

  constructor(clock: Clock, outputDefault: number) {
    this.#clock = clock;
    this.#outputDefault = outputDefault;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The session a prompt continues. `seenBlocks` = how many of its blocks anybody has seen before. */
  find(sessionId: string | undefined, sequence: BigUint64Array, seenBlocks: number): Session | undefined {
    if (sessionId !== undefined) return this.#sessions.get(sessionId);
    const start = Math.min(seenBlocks, sequence.length) - 1;
    for (let at = start; at >= Math.max(0, start - LOOK_BACK); at--) {
      const found = this.#sessions.get(sequence[at] as bigint);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The session of that id. */
  named(sessionId: string | undefined): Session | undefined {
    return sessionId === undefined ? undefined : this.#sessions.get(sessionId);
  }

  /** Tokens the answer will probably have. */
  expectedOutput(session: Session | undefined, asked: { osl?: number; maxTokens?: number }): number {
    const expected = asked.osl ?? session?.meanOutput ?? this.#meanOutput ?? this.#outputDefault;
    return Math.min(Math.ceil(expected), asked.maxTokens ?? Number.POSITIVE_INFINITY);
  }

  /** A request was sent. Prompts under one block without a session id belong to no session. */
  started(
    known: Session | undefined,
    sessionId: string | undefined,
    sequence: BigUint64Array,
    placed: { worker: WorkerId; contextBlocks: number; seenBlocks: number; isTagged: boolean },
  ): Session | undefined {
    const key = sessionId ?? sequence.at(-1);
    if (key === undefined) return undefined;
    const session = known ?? this.#create(key, placed);
    this.#sessions.delete(session.key);
    this.#retire(session);
    session.key = key;
    this.#sessions.set(key, session);
    this.#move(session, placed);
    session.running += 1;
    // A single request without an id will probably not be continued: nothing is kept for it.
    session.isTagged = placed.isTagged && (known !== undefined || sessionId !== undefined);
    session.lastSeen = this.#clock.now();
    this.#enliven(session);
    this.#trim();
    return session;
  }

  /** It ended; `answered` is null when it failed. */
  ended(
    session: Session,
    answered: { worker: WorkerId; outputTokens: number; contextBlocks: number } | null,
  ): void {
    session.running = Math.max(0, session.running - 1);
    session.lastSeen = this.#clock.now();
    if (this.#live.delete(session)) this.#live.add(session);
    if (answered === null) return;
    session.meanOutput = mean(session.meanOutput, answered.outputTokens);
    this.#meanOutput = mean(this.#meanOutput, answered.outputTokens);
    if (session.home !== answered.worker || session.shrunk > 0) return;
    // What was expected gives way to what came.
    if (session.isLive) this.#count(session, -1);
    session.contextBlocks = answered.contextBlocks;
    if (session.isLive) this.#count(session, 1);
  }

  /** Its client said that it is over: its context is nobody's any more, unless a request of it still runs. */
  forget(session: Session): void {
    if (session.running > 0) return;
    this.#retire(session);
    this.#sessions.delete(session.key);
  }

  /** What lives on a worker, `except` left out. */
  live(worker: WorkerId, except: Session | undefined): LiveContext {
    this.#expire();
    const { liveBlocks, contextBlocks } = this.#liveOn.get(worker) ?? NOTHING;
    if (except?.isLive !== true || except.home !== worker) return { liveBlocks, contextBlocks };
    return {
      liveBlocks: liveBlocks - ownBlocks(except),
      contextBlocks: contextBlocks - except.contextBlocks,
    };
  }

  /** Context blocks of idle sessions with a priority, at most their share of the worker's. */
  pinnedBlocks(worker: WorkerId, kvBlocks: number): number {
    this.#expire();
    let blocks = 0;
    for (const session of this.#tagged) {
      if (session.home === worker && session.running === 0) blocks += ownBlocks(session);
    }
    return Math.min(blocks, PINNED_SHARE * kvBlocks);
  }

  /** The worker's cache is gone: nobody lives there. */
  forgetWorker(worker: WorkerId): void {
    for (const session of this.#live) if (session.home === worker) this.#retire(session);
  }

  #create(
    key: string | bigint,
    { worker: home, seenBlocks }: { worker: WorkerId; seenBlocks: number },
  ): Session {
    const now = this.#clock.now();
    return {
      key,
      home,
      contextBlocks: 0,
      commonBlocks: seenBlocks,
      running: 0,
      lastSeen: now,
      meanOutput: null,
      isLive: false,
      shrunk: 0,
      isTagged: false,
    };
  }

  /** A title or side question in a long conversation does not move it; two short prompts in a row are a new start. */
  #move(session: Session, placed: { worker: WorkerId; contextBlocks: number }): void {
    const isSide = placed.contextBlocks * 2 < session.contextBlocks;
    session.shrunk = isSide ? session.shrunk + 1 : 0;
    if (session.shrunk === 1) return;
    session.home = placed.worker;
    session.contextBlocks = placed.contextBlocks;
  }

  #enliven(session: Session): void {
    session.isLive = true;
    this.#live.add(session);
    if (session.isTagged) this.#tagged.add(session);
    this.#count(session, 1);
  }

  #retire(session: Session): void {
    if (!session.isLive) return;
    session.isLive = false;
    this.#live.delete(session);
    this.#tagged.delete(session);
    this.#count(session, -1);
  }

  #count(session: Session, times: 1 | -1): void {
    const { home, contextBlocks } = session;
    const before = this.#liveOn.get(home) ?? NOTHING;
    this.#liveOn.set(home, {
      liveBlocks: before.liveBlocks + times * ownBlocks(session),
      contextBlocks: before.contextBlocks + times * contextBlocks,
    });
  }

  #expire(): void {
    const limit = this.#clock.now() - LIMITS.sessionLiveMs;
    for (const session of this.#live) {
      if (session.running > 0) continue;
      if (session.lastSeen > limit) return;
      this.#retire(session);
    }
  }

  #trim(): void {
    for (const [key, session] of this.#sessions) {
      if (this.#sessions.size <= LIMITS.sessionsKept) return;
      this.#retire(session);
      this.#sessions.delete(key);
    }
  }
}

function ownBlocks({ contextBlocks, commonBlocks }: Session): number {
  return Math.max(0, contextBlocks - commonBlocks);
}

function mean(before: number | null, sample: number): number {
  return before === null ? sample : before + NEWEST_WEIGHT * (sample - before);
}
