/** The default policy: lowest cost in milliseconds (`cost.ts` has the formula), bound when a worker can start. */
import { addedBlocks, costTerms, freeBlocks, heldBlocks } from '../cost.js';
import { pickLowest } from '../pick.js';
import type { Candidate, Choice, CostTerms, Policy, RoutingRequest } from '../types.js';

/**
 * Prompt tokens that may wait in a worker. While priorities are about, one pass of an engine: what waits inside it cannot be
 * overtaken. Else enough for the engine never to idle and for requests to find the caches they come for.
 */
const QUEUED_TOKENS_MAX = 65_536;
const QUEUED_TOKENS_BESIDE_PRIORITIES = 8_192;
/** What trying a worker nobody has measured may cost a session's first request; paid once per worker. */
const TRIAL_MS = 2_000;
/** Uncached tokens under which a request measures nothing. */
const TRIAL_TOKENS = 64;

export const kvPolicy: Policy = {
  name: 'kv',
  select: (request, candidates, { random }) => {
    const terms = costTerms(request, candidates);
    return trial(request, candidates, terms, random) ?? pickLowest(candidates, terms, random);
  },
  canStart: (request, worker) => {
    const queuedMax = worker.hasPriorities ? QUEUED_TOKENS_BESIDE_PRIORITIES : QUEUED_TOKENS_MAX;
    return (
      worker.load.prefillTokens <= queuedMax && freeBlocks(request, worker) >= addedBlocks(request, worker)
    );
  },
};

/**
 * A new session goes to an idle worker whose speed nobody knows. Otherwise the first worker to compute a shared system
 * prompt would draw every session that has it, were it the slowest of all, and the others would never be measured.
 */
function trial(
  request: RoutingRequest,
  candidates: readonly Candidate[],
  terms: readonly CostTerms[],
  random: number,
): Choice | null {
  if (request.sessionId === undefined || candidates.some(({ isHome }) => isHome)) return null;
  // Where nothing else runs there is nothing to get away from.
  if (candidates.every(({ load }) => load.activeRequests === 0)) return null;
  const lowest = Math.min(...terms.map((term) => term['total'] ?? 0));
  const open = candidates.flatMap((candidate, at) => {
    const { isUntried, load } = candidate;
    if (isUntried !== true || load.activeRequests > 0) return [];
    const uncached = request.promptTokens - heldBlocks(candidate) * request.blockTokens;
    const extraMs = (terms[at]?.['total'] ?? 0) - lowest;
    return uncached >= TRIAL_TOKENS && extraMs <= TRIAL_MS ? [candidate.worker] : [];
  });
  const worker = open[Math.floor(random * open.length)];
  return worker === undefined ? null : { worker, terms: [...terms], reason: 'not measured yet' };
}
