/** Finding a recipe by name, alias or path, and listing all there are. */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { loadModelFacts } from '../model/facts.js';
import { nearestNames } from '../nearest.js';
import { recipeForGguf } from './gguf-recipe.js';
import { formatProblems, parseRecipe, type RecipeProblem } from './parse.js';
import type { Recipe } from './schema.js';

export interface RecipeSources {
  /** Folder of the user's own recipes; need not exist. Its recipes win over built-in ones of the same name. */
  userDir: string;
  /** Folder of the recipes that come with dynamo; found by itself. */
  builtInDir?: string;
}

export interface RecipeEntry {
  name: string;
  source: 'built-in' | 'user';
  file: string;
  /** Null when the file has problems. */
  recipe: Recipe | null;
  problems: RecipeProblem[];
}

/**
 * Loads by name or alias (user folder first), by path to a `.yaml`, or by path to a `.gguf` (the user's own model).
 * Rejects with `unknown_recipe` (nearest names suggested), `invalid_recipe` (every problem), `model_missing` or `model_invalid`.
 */
export async function loadRecipe(nameOrPath: string, sources: RecipeSources): Promise<Recipe> {
  if (isGguf(nameOrPath)) return await loadGguf(nameOrPath);
  if (isPath(nameOrPath)) return await loadFile(nameOrPath);
  const found = await findEntry(nameOrPath, sources);
  if (found.recipe === null) throw invalidRecipe(found.file, found.problems);
  return found.recipe;
}

/** The file's own text, comments included; null for a GGUF file, which has no recipe file. */
export async function recipeSource(nameOrPath: string, sources: RecipeSources): Promise<string | null> {
  if (isGguf(nameOrPath)) return null;
  return await readBounded(isPath(nameOrPath) ? nameOrPath : (await findEntry(nameOrPath, sources)).file);
}

/** Every recipe by name (with `word` those whose name or text has it), user ones first; a broken file is listed with its problems and breaks nothing else. */
export async function listRecipes({
  userDir,
  builtInDir = builtInRecipes(),
  word,
}: RecipeSources & { word?: string }): Promise<RecipeEntry[]> {
  const own = await readFolder(userDir, 'user', word);
  const names = new Set(own.map(({ name }) => name));
  const shipped = await readFolder(builtInDir, 'built-in', word);
  return [...own, ...shipped.filter(({ name }) => !names.has(name))];
}

/** Every problem of one file; empty when it is a good recipe. Rejects with `unknown_recipe` when it cannot be read. */
export async function checkRecipe(
  file: string,
): Promise<{ recipe: Recipe | null; problems: RecipeProblem[] }> {
  const parsed = parseRecipe(await readBounded(file));
  return parsed.ok ? { recipe: parsed.recipe, problems: [] } : { recipe: null, problems: parsed.problems };
}

/** `recipes/` beside package.json, from src/recipes as well as from dist/src/recipes. */
export function builtInRecipes(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (path.dirname(folder) !== folder) {
    const candidate = path.join(folder, 'recipes');
    if (existsSync(path.join(folder, 'package.json')) && existsSync(candidate)) return candidate;
    folder = path.dirname(folder);
  }
  throw new DynamoError('internal', { detail: 'the built-in recipes are missing from this installation' });
}

export function invalidRecipe(file: string, problems: RecipeProblem[]): DynamoError {
  return new DynamoError('invalid_recipe', {
    file,
    count: problems.length,
    problems: formatProblems(problems),
  });
}

const isGguf = (text: string): boolean => /\.gguf$/i.test(text);

const isPath = (text: string): boolean =>
  text.includes('/') || text.includes(path.sep) || /\.ya?ml$/i.test(text);

/** By name, else by alias; `unknown_recipe` with the nearest names. */
async function findEntry(name: string, sources: RecipeSources): Promise<RecipeEntry> {
  const wanted = name.toLowerCase();
  // Parsing every file takes longer than all the rest of a plan: those first that hold the word at all.
  const found =
    entryOf(wanted, await listRecipes({ ...sources, word: wanted })) ??
    entryOf(wanted, await listRecipes(sources));
  if (found !== undefined) return found;
  throw unknownRecipe(name, await listRecipes(sources));
}

const entryOf = (wanted: string, entries: readonly RecipeEntry[]): RecipeEntry | undefined =>
  entries.find((entry) => entry.name === wanted) ??
  entries.find(({ recipe }) => recipe?.aliases.includes(wanted) === true);

async function loadFile(file: string): Promise<Recipe> {
  const { recipe, problems } = await checkRecipe(file);
  if (recipe === null) throw invalidRecipe(file, problems);
  return recipe;
}

/** The file's own facts (context, KV size) become the recipe; `model_missing` and `model_invalid` pass through. */
async function loadGguf(file: string): Promise<Recipe> {
  return recipeForGguf(await loadModelFacts(path.resolve(file)));
}

async function readFolder(
  folder: string,
  source: RecipeEntry['source'],
  word?: string,
): Promise<RecipeEntry[]> {
  const files = (await readdir(folder).catch(() => [])).filter((file) => /\.ya?ml$/i.test(file)).sort();
  const paths = files.map((file) => path.join(folder, file));
  const has = await Promise.all(paths.map((file) => word === undefined || hasWord(file, word)));
  return await Promise.all(paths.filter((_, at) => has[at]).map((file) => readEntry(file, source)));
}

async function hasWord(file: string, word: string): Promise<boolean> {
  if (path.parse(file).name.toLowerCase() === word) return true;
  const text = await readBounded(file).catch(() => '');
  return text.toLowerCase().includes(word);
}

async function readEntry(file: string, source: RecipeEntry['source']): Promise<RecipeEntry> {
  const base = { name: path.parse(file).name.toLowerCase(), source, file };
  try {
    const { recipe, problems } = await checkRecipe(file);
    return { ...base, name: recipe?.name ?? base.name, recipe, problems };
  } catch (error) {
    const problem = { path: '', message: (error as Error).message, line: null, column: null };
    return { ...base, recipe: null, problems: [problem] };
  }
}

/** Reads a recipe file; a larger one than any recipe is not read at all. */
async function readBounded(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > LIMITS.recipeBytes) {
      const message = `is ${size} bytes long, a recipe may have ${LIMITS.recipeBytes}`;
      throw invalidRecipe(file, [{ path: '', message, line: null, column: null }]);
    }
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof DynamoError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new DynamoError(
      'unknown_recipe',
      { name: file, suggestion: `The file cannot be read (${code}).` },
      { cause: error },
    );
  }
}

function unknownRecipe(wanted: string, entries: RecipeEntry[]): DynamoError {
  const names = entries.flatMap(({ name, recipe }) => [name, ...(recipe?.aliases ?? [])]);
  const near = nearestNames(wanted, [...new Set(names)]);
  const listed = [...new Set(entries.map(({ name }) => name))].join(', ');
  const suggestion =
    near.length > 0
      ? `Did you mean ${near.map((name) => `\`${name}\``).join(' or ')}?`
      : `There are: ${listed}.`;
  return new DynamoError('unknown_recipe', { name: wanted, suggestion });
}
