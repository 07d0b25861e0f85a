/** Choosing among candidates whose costs are known. */
import type { Candidate, Choice, CostTerms } from './types.js';

/** Costs closer than this, relative to the lowest, are a tie. */
const TIE = 1e-9;

/** The lowest `total` wins; equals share by the drawn number, so that no worker is always the first. */
export function pickLowest(
  candidates: readonly Candidate[],
  terms: CostTerms[],
  random: number,
  reason = 'lowest cost',
): Choice {
  const totals = terms.map((term) => term['total'] ?? 0);
  const lowest = Math.min(...totals);
  const margin = Math.abs(lowest) * TIE;
  const best = totals.flatMap((total, at) => (total <= lowest + margin ? [at] : []));
  const at = best[Math.min(best.length - 1, Math.floor(random * best.length))] as number;
  const { worker } = candidates[at] as Candidate;
  const words = candidates.length === 1 ? 'only worker' : best.length > 1 ? 'tie spread' : reason;
  return { worker, terms, reason: words };
}
