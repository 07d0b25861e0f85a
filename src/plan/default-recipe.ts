/** Which recipe a user gets who names none. */
import type { Recipe } from '../recipes/schema.js';
import { refusalsOf } from './plan.js';
import type { EngineName, HostSnapshot } from './types.js';

/** Runs everywhere, needs nothing but dynamo itself. */
const FALLBACK = 'smollm2';

/**
 * The largest model (total parameters) that fits this host among the recipes whose engines are installed; without
 * one of those, the embedded default. A GPU alone is not enough: nobody gets hundreds of gigabytes and an engine
 * installed without having asked.
 */
export function defaultRecipeFor(
  host: HostSnapshot,
  recipes: Recipe[] = [],
  installed: ReadonlySet<EngineName> = new Set(),
): string {
  const size = ({ model }: Recipe): number => model.parameters?.total_b ?? 0;
  const fitting = recipes
    .map((recipe) => ({ ...recipe, variants: recipe.variants.filter(({ engine }) => installed.has(engine)) }))
    .filter((recipe) => recipe.variants.length > 0 && refusalsOf(recipe, host).length === 0)
    .sort((a, b) => size(b) - size(a));
  return fitting[0]?.name ?? FALLBACK;
}
