// Thompson sampling over measured time to first token: learns how fast each worker is, without being told.
//
// For each worker it keeps what it believes of the logarithm of its milliseconds per token ahead of an answer (tokens still
// to compute here, of this prompt and of those before it): a mean, and how sure it is of it. For each request it draws a
// speed from every belief and takes the worker whose drawn time is least. Where it knows little the draws scatter, so that
// worker is tried; where it knows much they agree, so the fast one with the prompt in its cache wins. Beliefs fade, so that
// a worker that becomes faster or slower is noticed.
//
//   dynamo up --router ./examples/routers/thompson.mjs
//   dynamo replay traces/ --worker-speed 1,1,0.25,0.1 --compare round-robin,kv,./examples/routers/thompson.mjs

/** An answer costs about as much as this many prompt tokens even when the whole prompt is cached. */
const FIXED_TOKENS = 256;
/** Part of what was learnt that one more measurement keeps. */
const KEPT = 0.97;
/** Spread of one measurement, as a factor of e; the belief before any is worth this many of them. */
const NOISE = 0.6;
const PRIOR_WEIGHT = 0.5;

/** @returns {import('../../src/router/policies/module-types.ts').RouterModule} */
export default function thompson() {
  /** @type {Map<string, { weight: number, sum: number }>} Measurements of log(ms per token) by worker. */
  const beliefs = new Map();

  /** What all workers have shown together: the first guess for one that has shown nothing. */
  const commonMean = () => {
    let weight = 0;
    let sum = 0;
    for (const belief of beliefs.values()) {
      weight += belief.weight;
      sum += belief.sum;
    }
    return weight === 0 ? null : sum / weight;
  };

  return {
    name: 'thompson',

    select(_request, candidates, { random }) {
      const common = commonMean();
      return candidates.map(({ worker, uncachedTokens, queuedTokens, prefillMsPerToken }) => {
        const { weight, sum } = beliefs.get(worker) ?? { weight: 0, sum: 0 };
        const prior = common ?? Math.log(prefillMsPerToken);
        const mean = (sum + PRIOR_WEIGHT * prior) / (weight + PRIOR_WEIGHT);
        const spread = NOISE / Math.sqrt(weight + PRIOR_WEIGHT);
        return -(mean + spread * normal(random) + Math.log(FIXED_TOKENS + uncachedTokens + queuedTokens));
      });
    },

    onOutcome({ worker, ttftMs, uncachedTokens, queuedTokens, failed }) {
      if (failed || ttftMs === null) return;
      const { weight, sum } = beliefs.get(worker) ?? { weight: 0, sum: 0 };
      const measured = Math.log(Math.max(0.01, ttftMs) / (FIXED_TOKENS + uncachedTokens + queuedTokens));
      beliefs.set(worker, { weight: weight * KEPT + 1, sum: sum * KEPT + measured });
    },
  };
}

/** One draw from the standard normal distribution (Box and Muller). @param {() => number} random */
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
