/**
 * NVIDIA Dynamo's cost with its defaults, so that its users can compare (router-configuration, release 1.5):
 *
 *   credit  = overlap_score_credit · 1 / (1 + credit_decay · excess)
 *   prefill = max(0, (active prefill tokens + prompt tokens) / block − credit · gpu − 0.75 · cpu − 0.25 · disk − 0.5 · remote)
 *   cost    = prefill_load_scale · prefill + potential decode blocks + decode_active_request_weight · active requests
 *
 * Everything is in blocks. excess = (active prefill tokens − the least of all) / block / request blocks.
 */
import { pickLowest } from '../pick.js';
import type { Candidate, CostTerms, Policy, RoutingRequest } from '../types.js';

export interface DynamoKnobs {
  overlapScoreCredit: number;
  creditDecay: number;
  prefillLoadScale: number;
  hostCacheHitWeight: number;
  diskCacheHitWeight: number;
  sharedCacheMultiplier: number;
  decodeActiveRequestWeight: number;
}

export const DYNAMO_DEFAULTS: DynamoKnobs = {
  overlapScoreCredit: 1,
  creditDecay: 0,
  prefillLoadScale: 1,
  hostCacheHitWeight: 0.75,
  diskCacheHitWeight: 0.25,
  sharedCacheMultiplier: 0.5,
  decodeActiveRequestWeight: 0,
};

export function dynamoPolicy(knobs: Partial<DynamoKnobs> = {}): Policy {
  const all = { ...DYNAMO_DEFAULTS, ...knobs };
  return {
    name: 'dynamo',
    select: (request, candidates, { random }) => {
      const least = Math.min(...candidates.map((candidate) => candidate.load.prefillTokens));
      const terms = candidates.map((candidate) => termsOf(request, candidate, all, least));
      return pickLowest(candidates, terms, random);
    },
  };
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
  const decode = load.decodeBlocks + request.promptBlocks;
  const active = knobs.decodeActiveRequestWeight * load.activeRequests;
  return { prefill, decode, active, total: prefill + decode + active };
}
