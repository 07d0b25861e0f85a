/** Which recipes a host can run, and why not. Pure. */
import type { RecipeEntry } from '../recipes/load.js';
import { verdictOf } from './plan.js';
import type { HostSnapshot, Plan, PlanResult, Refusal } from './types.js';

export interface RecipeVerdict {
  name: string;
  aliases: string[];
  title: string;
  source: RecipeEntry['source'];
  file: string;
  runsHere: boolean;
  /** Command that installs the engine it would run on; null when that is here or comes with dynamo. */
  needs: string | null;
  /** Why not, per variant; empty when it runs or is broken. */
  refusals: Refusal[];
  /** Number of problems in the file. */
  problems: number;
}

/** Builds of vLLM that are not here, each with the command that installs it. */
export type MissingEngines = Partial<Record<'cuda' | 'cpu', string>>;

export function judgeRecipes(
  entries: RecipeEntry[],
  host: HostSnapshot,
  missing: MissingEngines = {},
): RecipeVerdict[] {
  return entries.map(({ name, source, file, recipe, problems }) => {
    const result = recipe === null ? null : verdictOf(recipe, host);
    const refusals = result === null || result.ok ? [] : result.refusals;
    return {
      name,
      aliases: recipe?.aliases ?? [],
      title: recipe?.title ?? '',
      source,
      file,
      runsHere: recipe !== null && refusals.length === 0,
      needs: result === null ? null : needsOf(result, missing),
      refusals,
      problems: problems.length,
    };
  });
}

/** One line per recipe, one more for each variant that does not fit. */
export function recipeListText(verdicts: RecipeVerdict[]): string {
  const width = Math.max(0, ...verdicts.map(({ name }) => name.length)) + 2;
  const lines = verdicts.flatMap((verdict) => {
    const aliases = verdict.aliases.length === 0 ? '' : ` (also ${verdict.aliases.join(', ')})`;
    const own = verdict.source === 'user' ? ' [yours]' : '';
    const head = `${verdict.name.padEnd(width)}${statusOf(verdict).padEnd(12)}${verdict.title}${aliases}${own}`;
    return [
      head,
      ...(verdict.needs === null ? [] : [`${' '.repeat(width)}needs: ${verdict.needs}`]),
      ...verdict.refusals.map(({ variant, reason }) => `${' '.repeat(width)}${variant}: ${reason}`),
    ];
  });
  return lines.join('\n');
}

function needsOf(result: PlanResult, missing: MissingEngines): string | null {
  if (!result.ok || result.plan.engine !== 'vllm') return null;
  return missing[isOnProcessors(result.plan) ? 'cpu' : 'cuda'] ?? null;
}

const isOnProcessors = ({ workers }: Plan): boolean => workers.some(({ cpus }) => cpus !== undefined);

function statusOf({ runsHere, needs, problems }: RecipeVerdict): string {
  if (problems > 0) return 'broken';
  if (needs !== null) return 'no engine';
  return runsHere ? 'runs here' : 'no';
}
