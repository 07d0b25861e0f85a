/** Which recipes a host can run, and why not. Pure. */
import type { RecipeEntry } from '../recipes/load.js';
import { refusalsOf } from './plan.js';
import type { HostSnapshot, Refusal } from './types.js';

export interface RecipeVerdict {
  name: string;
  aliases: string[];
  title: string;
  source: RecipeEntry['source'];
  file: string;
  runsHere: boolean;
  /** Why not, per variant; empty when it runs or is broken. */
  refusals: Refusal[];
  /** Number of problems in the file. */
  problems: number;
}

export function judgeRecipes(entries: RecipeEntry[], host: HostSnapshot): RecipeVerdict[] {
  return entries.map(({ name, source, file, recipe, problems }) => {
    const refusals = recipe === null ? [] : refusalsOf(recipe, host);
    return {
      name,
      aliases: recipe?.aliases ?? [],
      title: recipe?.title ?? '',
      source,
      file,
      runsHere: recipe !== null && refusals.length === 0,
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
      ...verdict.refusals.map(({ variant, reason }) => `${' '.repeat(width)}${variant}: ${reason}`),
    ];
  });
  return lines.join('\n');
}

function statusOf({ runsHere, problems }: RecipeVerdict): string {
  if (problems > 0) return 'broken';
  return runsHere ? 'runs here' : 'no';
}
