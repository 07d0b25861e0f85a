/** From what the user asked for to a plan for this host: recipe, probe, placement. */
import path from 'node:path';
import { modelsDir, type Paths } from '../cli/paths.js';
import { DynamoError } from '../errors.js';
import { findModel, modelPath } from '../model/catalog.js';
import { defaultRecipeFor } from '../plan/default-recipe.js';
import { describedHost } from '../plan/hardware.js';
import { makePlan, planOrThrow } from '../plan/plan.js';
import { probeHost } from '../plan/probe.js';
import { readSettings } from '../plan/settings.js';
import { parseTiers } from '../plan/tier-spec.js';
import type { EngineName, HostSnapshot, Plan } from '../plan/types.js';
import { listRecipes, loadRecipe } from '../recipes/load.js';
import type { Recipe } from '../recipes/schema.js';
import { commandOf } from './adapters.js';
import { readStackSettings, type StackSettings } from './stack-settings.js';

export interface PlanWish {
  recipe?: string | undefined;
  /** Another box to plan for, e.g. `8xh200`. */
  hardware?: string | undefined;
  variant?: string | undefined;
  engine?: EngineName | undefined;
  workers?: number | undefined;
  /** `--tiers`, instead of the recipe's. */
  tiers?: string | undefined;
  /** `--set key=value` pairs. */
  set: Record<string, string>;
}

export interface ResolvedPlan {
  recipe: Recipe;
  host: HostSnapshot;
  plan: Plan;
  /** The `--set` pairs that are not the plan's. */
  settings: StackSettings;
}

/** Rejects with `unknown_recipe`, `invalid_recipe`, `usage` or `host_refused`. */
export async function resolvePlan(wish: PlanWish, paths: Paths): Promise<ResolvedPlan> {
  const here = await probeHost({ dataDir: paths.data });
  const host = wish.hardware === undefined ? here : describedHost(wish.hardware, here);
  const sources = { userDir: path.join(paths.config, 'recipes') };
  const recipe = await loadRecipe(wish.recipe ?? defaultRecipeFor(host), sources);
  const { settings, rest } = readSettings(wish.set);
  const others = (await listRecipes(sources)).flatMap((entry) => entry.recipe ?? []);
  const result = makePlan(recipe, host, {
    variant: wish.variant,
    engine: wish.engine,
    workers: wish.workers,
    settings,
    ...(wish.tiers === undefined ? {} : { tiers: parseTiers(wish.tiers) }),
    modelFile: (name) => {
      const model = findModel(name);
      return { path: modelPath(modelsDir(paths), model), sha256: model.sha256 };
    },
    commandOf,
    alternatives: others,
  });
  return { recipe, host, plan: planOrThrow(result), settings: readStackSettings(rest) };
}

/** `--set` words as pairs; throws `usage` for one without `=`. */
export function parsePairs(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at > 0) return [word.slice(0, at), word.slice(at + 1)];
      throw new DynamoError('usage', {
        detail: `\`--set ${word}\` is not a key=value pair.`,
        remedy: 'Write --set key=value.',
      });
    }),
  );
}
