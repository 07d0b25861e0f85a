/** Policies that ignore caches: what to compare with. */
import { pickLowest } from '../pick.js';
import type { Candidate, CostTerms, Policy } from '../types.js';

export const roundRobinPolicy: Policy = {
  name: 'round-robin',
  select: (_request, candidates, { turn }) => ({
    worker: at(candidates, turn % candidates.length),
    terms: candidates.map(() => ({})),
    reason: 'next in turn',
  }),
};

export const randomPolicy: Policy = {
  name: 'random',
  select: (_request, candidates, { random }) => ({
    worker: at(candidates, Math.floor(random * candidates.length)),
    terms: candidates.map(() => ({})),
    reason: 'drawn',
  }),
};

export const leastLoadedPolicy: Policy = {
  name: 'least-loaded',
  select: (request, candidates, { random }) =>
    pickLowest(
      candidates,
      candidates.map((candidate) => loadTerms(candidate, request.blockTokens)),
      random,
      'least loaded',
    ),
};

/** Two workers are drawn, the less loaded one is taken. */
export const powerOfTwoPolicy: Policy = {
  name: 'power-of-two',
  select: (request, candidates, { random }) => {
    const terms = candidates.map((candidate) => loadTerms(candidate, request.blockTokens));
    const [first, second] = drawTwo(candidates.length, random);
    const isFirst = (terms[first]?.['total'] ?? 0) <= (terms[second]?.['total'] ?? 0);
    return { worker: at(candidates, isFirst ? first : second), terms, reason: 'less loaded of two' };
  },
};

/** Two unlike indices out of one number: its digits in base `count` and, of the rest, in base `count - 1`. */
function drawTwo(count: number, random: number): [number, number] {
  const first = Math.floor(random * count);
  if (count === 1) return [0, 0];
  const second = Math.floor((random * count - first) * (count - 1));
  return [first, second >= first ? second + 1 : second];
}

/** Requests first; among equals the work still to be computed, as less than one request. */
function loadTerms({ load }: Candidate, blockTokens: number): CostTerms {
  const blocks = load.prefillTokens / blockTokens + load.decodeBlocks;
  const requests = load.activeRequests;
  return { requests, blocks, total: requests + blocks / (blocks + 1_000) };
}

function at(candidates: readonly Candidate[], index: number): string {
  return (candidates[Math.min(index, candidates.length - 1)] as Candidate).worker;
}
