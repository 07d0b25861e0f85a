/** Log probabilities of one position, from the raw logits. Pure. */
import type { TokenLogprobs } from '../types.js';

/** logprob(i) = logit(i) − max − ln Σ exp(logit − max); `top` holds the `count` most likely tokens, best first. */
export function logprobsOf(logits: Float32Array, token: number, count: number): TokenLogprobs {
  const norm = logNorm(logits);
  const logprob = (id: number): number => (logits[id] ?? Number.NEGATIVE_INFINITY) - norm;
  const top = mostLikely(logits, count).map((id) => ({ token: id, logprob: logprob(id) }));
  return { token, logprob: logprob(token), top };
}

function logNorm(logits: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > max) max = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  return max + Math.log(sum);
}

/** Ids of the largest logits; equal ones by id. `count` is small, so one pass with insertion is enough. */
function mostLikely(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && logits[id]! <= logits[best[count - 1] ?? 0]!) continue;
    let at = best.length;
    while (at > 0 && logits[best[at - 1]!]! < logits[id]!) at--;
    best.splice(at, 0, id);
    if (best.length > count) best.pop();
  }
  return best.slice(0, count);
}
