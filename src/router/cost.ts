/**
 * The cost of a worker for a request in milliseconds, after the simulated study of agent traces (section
 * "Recommended default", part R): eviction of blocks somebody still needs is charged in the unit of prefill,
 * and new sessions are spread by the context that lives on a worker rather than by running requests.
 *
 * With MB = ms to compute one block, N = KV blocks of the worker, tot = blocks of prompt and expected output,
 * hit = blocks of the prefix it holds, new = tot less what its running requests hold of the prompt anyway, live = context
 * blocks of other sessions that live there, context = the same with what they have in common counted for each:
 *
 *   queue      = prompt tokens waiting there · ms per token
 *   prefill    = uncached prompt tokens · ms per token
 *   load       = blocks read from lower tiers · MB · {cpu 0.1, disk 0.3, remote 0.6}
 *   wait       = max(0, new − free) / N · service ms         free = N − committed − pinned blocks (∞ when idle)
 *   evict      = 2 · MB · max(0, tot − hit − spare)          spare = N − max(live, running) − growth of running
 *   overcommit = 0.5 · MB · max(0, live + new − N)
 *   spread     = 0.1 · MB · (max(context, committed) − tot + new), for a session with a home at most half of what home saves;
 *                half for a request without a session id
 *   home       = 0.05 · MB · prompt blocks, on workers that are not the session's home when there is one
 *   copy       = 0.25 · MB · blocks another worker is computing right now and this one lacks
 *
 * Terms with N are left out where N is unknown.
 */
import type { Candidate, CostTerms, RoutingRequest } from './types.js';

const LOAD = { cpu: 0.1, disk: 0.3, remote: 0.6 };
const EVICT = 2;
const OVERCOMMIT = 0.5;
const SPREAD = 0.1;
const SPREAD_CAP = 0.5;
const UNNAMED_SPREAD = 0.5;
const HOME = 0.05;
const COPY = 0.25;
/** A request's time on a worker until it is measured: the study's mean. */
const SERVICE_MS = 10_000;

/** Terms of all candidates, in their order. */
export function costTerms(request: RoutingRequest, candidates: readonly Candidate[]): CostTerms[] {
  const home = candidates.find((candidate) => candidate.isHome);
  const shared = {
    hasHome: home !== undefined,
    homeBlocks: home === undefined ? 0 : heldBlocks(home),
    pendingBlocks: Math.max(
      0,
      ...candidates.map((candidate) => (candidate.pendingBlocks ? heldBlocks(candidate) : 0)),
    ),
  };
  return candidates.map((candidate) => termsOf(request, candidate, shared));
}

/** Prefix blocks a worker can read, all tiers. */
export function heldBlocks({ overlap }: Candidate): number {
  return overlap.gpu + overlap.cpu + overlap.disk + overlap.remote;
}

/** Blocks of the prompt and the answer it will probably get. */
export function neededBlocks({ promptTokens, expectedOutputTokens, blockTokens }: RoutingRequest): number {
  return Math.ceil((promptTokens + expectedOutputTokens) / blockTokens);
}

/** The same without those that running requests hold anyway. */
export function addedBlocks(
  request: RoutingRequest,
  { sharedBlocks = 0 }: Pick<Candidate, 'sharedBlocks'>,
): number {
  return neededBlocks(request) - sharedBlocks;
}

/** Blocks a worker can give a request beside what its running ones will need; ∞ when it runs nothing or N is unknown. */
export function freeBlocks(
  { priority }: RoutingRequest,
  {
    load,
    kvBlocks,
    committedBlocks = 0,
    pinnedBlocks = 0,
  }: Pick<Candidate, 'load' | 'kvBlocks' | 'committedBlocks' | 'pinnedBlocks'>,
): number {
  if (kvBlocks === 0 || load.activeRequests === 0) return Number.POSITIVE_INFINITY;
  const pinned = priority > 0 ? 0 : pinnedBlocks;
  return kvBlocks - Math.max(committedBlocks, load.decodeBlocks) - pinned;
}

interface Shared {
  hasHome: boolean;
  homeBlocks: number;
  pendingBlocks: number;
}

function termsOf(request: RoutingRequest, candidate: Candidate, shared: Shared): CostTerms {
  const { overlap, prefillMsPerToken } = candidate;
  const blockMs = request.blockTokens * prefillMsPerToken;
  const held = heldBlocks(candidate);
  const uncached = Math.max(1, request.promptTokens - held * request.blockTokens);
  const memory = memoryTerms(request, candidate, blockMs);
  const terms = {
    queue: candidate.load.prefillTokens * prefillMsPerToken,
    prefill: uncached * prefillMsPerToken,
    load: blockMs * (LOAD.cpu * overlap.cpu + LOAD.disk * overlap.disk + LOAD.remote * overlap.remote),
    wait: memory.wait,
    evict: memory.evict,
    overcommit: memory.overcommit,
    // A request without a session id may be a single one, which leaves nothing behind that would have to be spread.
    spread: (request.sessionId === undefined ? UNNAMED_SPREAD : 1) * spreadTerm(candidate, shared, blockMs),
    home: shared.hasHome && !candidate.isHome ? HOME * blockMs * request.promptBlocks : 0,
    copy: COPY * blockMs * Math.max(0, shared.pendingBlocks - held),
  };
  const { queue, prefill, load, wait, evict, overcommit, spread, home, copy } = terms;
  const total = queue + prefill + load + wait + evict + overcommit + spread + home + copy;
  return { ...terms, total };
}

function memoryTerms(
  request: RoutingRequest,
  candidate: Candidate,
  blockMs: number,
): { wait: number; evict: number; overcommit: number } {
  const { kvBlocks, liveBlocks, load } = candidate;
  if (kvBlocks === 0) return { wait: 0, evict: 0, overcommit: 0 };
  const needed = neededBlocks(request);
  const added = addedBlocks(request, candidate);
  const committed = Math.max(candidate.committedBlocks ?? 0, load.decodeBlocks);
  const missing = Math.max(0, added - freeBlocks(request, candidate));
  const cheap = Math.max(0, kvBlocks - Math.max(liveBlocks, load.decodeBlocks));
  const spare = Math.max(0, cheap - (committed - load.decodeBlocks));
  return {
    wait: (missing / kvBlocks) * (candidate.serviceMs ?? SERVICE_MS),
    evict: EVICT * blockMs * Math.max(0, needed - candidate.overlap.gpu - spare),
    overcommit: OVERCOMMIT * blockMs * Math.max(0, liveBlocks + added - kvBlocks),
  };
}

/** Moving a session gains little balance and loses its cache, so spreading may not outweigh what home saves. */
function spreadTerm(candidate: Candidate, shared: Shared, blockMs: number): number {
  const { liveBlocks, contextBlocks = liveBlocks, committedBlocks = 0, sharedBlocks = 0 } = candidate;
  // A burst of one prefix is not driven apart by its first request.
  const blocks = Math.max(contextBlocks, committedBlocks) - sharedBlocks;
  const spread = SPREAD * blockMs * Math.max(0, blocks);
  return shared.homeBlocks === 0 ? spread : Math.min(spread, SPREAD_CAP * blockMs * shared.homeBlocks);
}
