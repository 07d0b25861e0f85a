/** From what the user asked for to a plan for this host: recipe, probe, placement. */
import path from 'node:path';
import { modelsDir, type Paths } from '../cli/paths.js';
import {
  largestRecipe,
  requireSimulatable,
  simulatedPlan,
  verifiedHardware,
} from '../engines/simulator/simulated-plan.js';
import { DynamoError } from '../errors.js';
import { findModel, modelPath } from '../model/catalog.js';
import { defaultRecipeFor } from '../plan/default-recipe.js';
import { describedHost } from '../plan/hardware.js';
import { makePlan, type PlanOptions, planOrThrow, refusalsOf } from '../plan/plan.js';
import { probeHost } from '../plan/probe.js';
import { readSettings } from '../plan/settings.js';
import { parseTiers } from '../plan/tier-spec.js';
import type { EngineName, HostSnapshot, Plan } from '../plan/types.js';
import { listRecipes, loadRecipe } from '../recipes/load.js';
import type { Recipe } from '../recipes/schema.js';
import { commandOf } from './adapters.js';
import { readStackSettings, type StackSettings } from './stack-settings.js';

/** `--simulate` without a value. */
export const VERIFIED_HARDWARE = 'verified';

export interface PlanWish {
  recipe?: string | undefined;
  /** Pretend to run on this box; `VERIFIED_HARDWARE` = the one the recipe was verified on. */
  simulate?: string | undefined;
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
  const sources = { userDir: path.join(paths.config, 'recipes') };
  const { settings, rest } = readSettings(wish.set);
  // All recipes are read only where one has to be chosen or suggested.
  const others = async () => (await listRecipes(sources)).flatMap((entry) => entry.recipe ?? []);
  const isSimulated = wish.simulate !== undefined;
  requireSimulatable(isSimulated, { settings: settings.simulator, tiers: wish.tiers });
  const recipe = await loadRecipe(wish.recipe ?? (await defaultName(wish, here, others)), sources);
  const host = hostOf(wish, here, recipe);
  const options: PlanOptions = {
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
  };
  const result = makePlan(recipe, host, options);
  const planned = planOrThrow(
    result.ok ? result : makePlan(recipe, host, { ...options, alternatives: await others() }),
  );
  const plan = isSimulated ? simulatedPlan({ recipe, plan: planned, host }, settings.simulator) : planned;
  return { recipe, host, plan, settings: readStackSettings(rest) };
}

/** The machine that is planned for: this one, one that is described, or one the recipe is known to run on. */
function hostOf(
  { simulate, hardware, variant, workers }: PlanWish,
  here: HostSnapshot,
  recipe: Recipe,
): HostSnapshot {
  const described = simulate === VERIFIED_HARDWARE ? verifiedHardware(recipe, variant, workers) : simulate;
  const spec = described ?? hardware;
  return spec === undefined ? here : describedHost(spec, here);
}

/** A simulated stack may be of any size; a real one of what this host can carry. */
async function defaultName(
  wish: PlanWish,
  here: HostSnapshot,
  recipes: () => Promise<readonly Recipe[]>,
): Promise<string> {
  if (wish.simulate === undefined) {
    return defaultRecipeFor(wish.hardware === undefined ? here : describedHost(wish.hardware, here));
  }
  const fits = (recipe: Recipe): boolean => refusalsOf(recipe, hostOf(wish, here, recipe)).length === 0;
  return largestRecipe(await recipes(), fits)?.name ?? defaultRecipeFor(here);
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
