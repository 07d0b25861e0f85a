/** Whether the recipe that would be started can run on this host. */
import { existsSync } from 'node:fs';
import type { Paths } from '../cli/paths.js';
import { DynamoError, toDynamoError } from '../errors.js';
import type { Plan } from '../plan/types.js';
import { adapterOf } from '../stack/adapters.js';
import { type PlanWish, resolvePlan } from '../stack/resolve-plan.js';
import { type Check, fail, ok, warn } from './types.js';

export interface RecipeVerdict {
  checks: Check[];
  canRun: boolean;
}

/** Rejects with `unknown_recipe`, `invalid_recipe` or `usage`: those are mistakes in the question. */
export async function recipeChecks(wish: PlanWish, paths: Paths): Promise<RecipeVerdict> {
  try {
    const { plan } = await resolvePlan(wish, paths);
    const engine = await engineCheck(plan, paths.data);
    return { checks: [planCheck(plan), ...engine, ...modelCheck(plan)], canRun: engine.length === 0 };
  } catch (error) {
    if (!(error instanceof DynamoError) || error.code !== 'host_refused') throw error;
    return { checks: [fail('recipe', error.message, error.remedy)], canRun: false };
  }
}

function planCheck({ recipe, variant, workers }: Plan): Check {
  const count = workers.length === 1 ? '1 worker' : `${workers.length} workers`;
  return ok('recipe', `${recipe} runs here: variant ${variant}, ${count}`);
}

/** Empty when the engine can be started. */
async function engineCheck(plan: Plan, dataDir: string): Promise<Check[]> {
  try {
    await adapterOf(plan.engine).locate?.(plan, dataDir);
    return [];
  } catch (error) {
    const { message, remedy } = toDynamoError(error);
    return [fail('recipe-engine', message, remedy)];
  }
}

function modelCheck({ model }: Plan): Check[] {
  if (model.kind === 'hub') return [];
  if (existsSync(model.path)) return [ok('model', model.path)];
  return [
    warn('model', `${model.name} is not here yet`, '`dynamo up` fetches it; or now: `dynamo model pull`.'),
  ];
}
