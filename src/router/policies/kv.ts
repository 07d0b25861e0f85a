/** The default policy: lowest cost in milliseconds (`cost.ts` has the formula), bound when a worker can start. */
import { costTerms, freeBlocks, neededBlocks } from '../cost.js';
import { pickLowest } from '../pick.js';
import type { Policy } from '../types.js';

/**
 * Prompt tokens that may wait in a worker. While priorities are about, one pass of an engine: what waits inside it cannot be
 * overtaken. Else enough for the engine never to idle and for requests to find the caches they come for.
 */
const QUEUED_TOKENS_MAX = 65_536;
const QUEUED_TOKENS_BESIDE_PRIORITIES = 8_192;

export const kvPolicy: Policy = {
  name: 'kv',
  select: (request, candidates, { random }) => pickLowest(candidates, costTerms(request, candidates), random),
  canStart: (request, worker) => {
    const queuedMax = worker.hasPriorities ? QUEUED_TOKENS_BESIDE_PRIORITIES : QUEUED_TOKENS_MAX;
    return worker.load.prefillTokens <= queuedMax && freeBlocks(request, worker) >= neededBlocks(request);
  },
};
