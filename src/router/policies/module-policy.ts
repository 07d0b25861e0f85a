/** A user's router module as a policy. */
import { LIMITS } from '../../limits.js';
import { costTerms, heldBlocks } from '../cost.js';
import { pickLowest } from '../pick.js';
import type { Candidate, Choice, CostTerms, Outcome, Policy, RoutingRequest } from '../types.js';
import { BadChoice, notACandidate } from './guard.js';
import type { ModuleCandidate, ModuleRequest, RouterModule } from './module-types.js';

/** Everything the module gets is a copy: it cannot change the router's own records. */
export function modulePolicy(module: RouterModule, fallbackName: string): Policy {
  return {
    name: module.name ?? fallbackName,
    limitMs: LIMITS.policyMs,
    select: (request, candidates, { random, turn }) => {
      const terms = costTerms(request, candidates);
      const copies = candidates.map((candidate, at) =>
        candidateOf(request, candidate, terms[at] as CostTerms),
      );
      const chance = { random: draws(random), turn };
      return choiceOf(module.select(requestOf(request, candidates), copies, chance), candidates, random);
    },
    ...(module.onOutcome === undefined ? {} : { onOutcome: (outcome) => tell(module, outcome) }),
  };
}

function requestOf(request: RoutingRequest, candidates: readonly Candidate[]): ModuleRequest {
  const { id, promptTokens, expectedOutputTokens, priority, sessionId } = request;
  return {
    id,
    promptTokens,
    expectedOutputTokens,
    priority,
    ...(sessionId === undefined ? {} : { sessionId }),
    lastWorker: candidates.find(({ isHome }) => isHome)?.worker ?? null,
  };
}

function candidateOf(request: RoutingRequest, candidate: Candidate, cost: CostTerms): ModuleCandidate {
  const { worker, overlap, load, kvBlocks, isHome, prefillMsPerToken, serviceMs } = candidate;
  const { blockTokens, promptTokens } = request;
  return {
    worker,
    cachedTokens: {
      gpu: overlap.gpu * blockTokens,
      cpu: overlap.cpu * blockTokens,
      disk: overlap.disk * blockTokens,
      remote: overlap.remote * blockTokens,
    },
    uncachedTokens: Math.max(1, promptTokens - heldBlocks(candidate) * blockTokens),
    activeRequests: load.activeRequests,
    queuedTokens: load.prefillTokens,
    waitingRequests: load.waiting,
    usedBlocks: load.decodeBlocks,
    totalBlocks: kvBlocks,
    prefillMsPerToken,
    isMeasured: candidate.isUntried !== true,
    serviceMs: serviceMs ?? null,
    isLastWorker: isHome,
    cost,
  };
}

/** Throws a sentence's end ("returned …") for what is no choice among the candidates. */
function choiceOf(value: unknown, candidates: readonly Candidate[], random: number): Choice {
  if (typeof value === 'string') {
    if (!candidates.some(({ worker }) => worker === value)) {
      throw new BadChoice(notACandidate(value));
    }
    return { worker: value, terms: candidates.map(() => ({})), reason: 'chosen' };
  }
  if (isThenable(value)) {
    value.then(undefined, () => {});
    throw new BadChoice('returned a promise; a decision is synchronous');
  }
  if (!Array.isArray(value)) throw new BadChoice('returned neither a worker nor a list of scores');
  if (value.length !== candidates.length) {
    throw new BadChoice(`returned ${value.length} scores for ${candidates.length} candidates`);
  }
  const wrong = value.findIndex((score) => typeof score !== 'number' || !Number.isFinite(score));
  if (wrong !== -1) throw new BadChoice(`returned a score that is no finite number (at ${wrong})`);
  const terms = (value as number[]).map((score) => ({ score, total: 0 - score }));
  return pickLowest(candidates, terms, random, 'highest score');
}

function tell({ onOutcome }: RouterModule, outcome: Outcome): void {
  const {
    requestId,
    worker,
    sessionId,
    ttftMs,
    itlMs,
    promptTokens,
    cachedTokens,
    outputTokens,
    failed,
    placed,
  } = outcome;
  const answer: unknown = onOutcome?.({
    requestId,
    worker,
    ...(sessionId === undefined ? {} : { sessionId }),
    ttftMs,
    interTokenMs: itlMs,
    promptTokens,
    uncachedTokens: placed?.uncachedTokens ?? Math.max(1, promptTokens - cachedTokens),
    queuedTokens: placed?.queuedTokens ?? 0,
    cachedTokens,
    outputTokens,
    failed,
  });
  // A rejection nobody handles would end the stack.
  if (isThenable(answer)) answer.then(undefined, () => {});
}

/** Many numbers out of one, so that a decision stays a function of its arguments (mulberry32). */
function draws(seed: number): () => number {
  let state = Math.floor(seed * 2 ** 32) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null)?.then === 'function';
}
