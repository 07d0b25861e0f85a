/**
 * NVIDIA Dynamo's cost with its defaults, so that its users can compare (router-configuration, release 1.5):
 *
 *   credit  = overlap_score_credit · 1 / (1 + credit_decay · excess)
 *   prefill = max(0, (active prefill tokens + prompt tokens) / block − credit · gpu − 0.75 · cpu − 0.25 · disk − 0.5 · remote)
 *   cost    = prefill_load_scale · prefill + potential decode blocks + decode_active_request_weight · active requests
 *
 * Everything is in blocks. excess = (active prefill tokens − the least of all) / block / request blocks. The lowest cost
 * wins; with a temperature T a worker is drawn by softmax of −cost / ((max − min) · T).
 */
import { pickLowest } from '../pick.js';
import type { Candidate, Choice, CostTerms, Policy, RoutingRequest } from '../types.js';

/** `--set router.overlap_score_credit=…` and so on. */
export interface DynamoKnobs {
  overlapScoreCredit: number;
  creditDecay: number;
  prefillLoadScale: number;
  hostCacheHitWeight: number;
  diskCacheHitWeight: number;
  sharedCacheMultiplier: number;
  decodeActiveRequestWeight: number;
  temperature: number;
}

export const DYNAMO_DEFAULTS: DynamoKnobs = {
  overlapScoreCredit: 1,
  creditDecay: 0,
  prefillLoadScale: 1,
  hostCacheHitWeight: 0.75,
  diskCacheHitWeight: 0.25,
  sharedCacheMultiplier: 0.5,
  decodeActiveRequestWeight: 0,
  temperature: 0,
};

export function dynamoPolicy(knobs: Partial<DynamoKnobs> = {}): Policy {
  const all = { ...DYNAMO_DEFAULTS, ...knobs };
  return {
    name: 'dynamo',
    select: (request, candidates, { random }) => {
      const least = Math.min(...candidates.map((candidate) => candidate.load.prefillTokens));
      const terms = candidates.map((candidate) => termsOf(request, candidate, all, least));
      return all.temperature > 0
        ? drawSoftly(candidates, terms, { temperature: all.temperature, random })
        : pickLowest(candidates, terms, random);
    },
  };
}

function drawSoftly(
  candidates: readonly Candidate[],
  terms: CostTerms[],
  { temperature, random }: { temperature: number; random: number },
): Choice {
  const totals = terms.map((term) => term['total'] ?? 0);
  const [least, most] = [Math.min(...totals), Math.max(...totals)];
  if (least === most) return pickLowest(candidates, terms, random);
  const weights = totals.map((total) => Math.exp((least - total) / ((most - least) * temperature)));
  let left = random * weights.reduce((sum, weight) => sum + weight, 0);
  const at = weights.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  const chosen = candidates[at === -1 ? candidates.length - 1 : at] as Candidate;
  return { worker: chosen.worker, terms, reason: 'drawn by cost' };
}

function termsOf(
  request: RoutingRequest,
  candidate: Candidate,
  knobs: DynamoKnobs,
  least: number,
): CostTerms {
  const { load, overlap } = candidate;
  const excess = (load.prefillTokens - least) / request.blockTokens / Math.max(1, request.promptBlocks);
  const credit = knobs.overlapScoreCredit / (1 + knobs.creditDecay * excess);
  const saved =
    credit * overlap.gpu +
    knobs.hostCacheHitWeight * overlap.cpu +
    knobs.diskCacheHitWeight * overlap.disk +
    knobs.sharedCacheMultiplier * overlap.remote;
  const raw = (load.prefillTokens + request.promptTokens) / request.blockTokens;
  const prefill = knobs.prefillLoadScale * Math.max(0, raw - saved);
  const decode = load.decodeBlocks + request.promptBlocks - (candidate.sharedBlocks ?? 0);
  const active = knobs.decodeActiveRequestWeight * load.activeRequests;
  return { prefill, decode, active, total: prefill + decode + active };
}
