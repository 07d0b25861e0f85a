/** What the holder of one API key may ask for. The key itself is nowhere: only its hash. */
import { createHash } from 'node:crypto';
import type { CommonRequest, Hints } from '../request/types.js';

export interface KeyPolicy {
  /** Shown in `explain` and in errors. */
  name: string;
  /** SHA-256 of the key, in hex. */
  sha256: string;
  /** Priorities the client gives count as not given. */
  ignorePriority: boolean;
  /** Highest priority, whoever gave it. */
  priorityMax: number | null;
  /** Highest queue tier: 0 wherever priorities are held down at all, unless it is given. */
  strictPriorityMax: number | null;
  /** Its prompts share no cached blocks with those of other keys. */
  ownCache: boolean;
  /** Requests in work at once. */
  requestsMax: number | null;
  /** Of what can be promised to be kept, 0..1; null = half as soon as there is another key. */
  cacheShare: number | null;
  /** What is kept unlike others' by kind of region. */
  retention: Hints['retention'] | null;
}

/** A key that may do everything. */
export function plainKey(name: string, key: string): KeyPolicy {
  return {
    name,
    sha256: sha256(key).toString('hex'),
    ignorePriority: false,
    priorityMax: null,
    strictPriorityMax: null,
    ownCache: false,
    requestsMax: null,
    cacheShare: null,
    retention: null,
  };
}

/** Before the agent's lineage decides: what the key may not give is not given. */
export function withoutForbidden(request: CommonRequest, policy: KeyPolicy): CommonRequest {
  if (!policy.ignorePriority) return request;
  const hints: Hints = { ...request.hints, priority: 0, isPriorityGiven: false, strictPriority: 0 };
  return { ...request, hints };
}

/** Afterwards: what is above the key's bounds comes down to them, and its salt is in every hash. */
export function withinBounds(request: CommonRequest, policy: KeyPolicy): CommonRequest {
  const { priorityMax, strictPriorityMax, ownCache, retention } = policy;
  const { hints } = request;
  const cacheSalt = ownCache ? saltOf(policy, hints.cacheSalt) : hints.cacheSalt;
  return {
    ...request,
    hints: {
      ...hints,
      priority: Math.min(hints.priority, priorityMax ?? hints.priority),
      strictPriority: Math.min(hints.strictPriority, strictPriorityMax ?? hints.strictPriority),
      ...(cacheSalt === undefined ? {} : { cacheSalt }),
      ...(retention ? { retention } : {}),
    },
  };
}

/** The same for the same key, not to be guessed from its name, and nothing the key could be found from. */
function saltOf({ sha256: digest }: KeyPolicy, given: string | undefined): string {
  return sha256(JSON.stringify(['cache', digest, given ?? null]))
    .toString('hex')
    .slice(0, 32);
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
