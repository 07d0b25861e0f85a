/** The default policy: lowest cost in milliseconds (`cost.ts` has the formula). */
import { costTerms } from '../cost.js';
import { pickLowest } from '../pick.js';
import type { Policy } from '../types.js';

export const kvPolicy: Policy = {
  name: 'kv',
  select: (request, candidates, { random }) => pickLowest(candidates, costTerms(request, candidates), random),
};
