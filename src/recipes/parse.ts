/** YAML text → recipe, or every problem with its path and place in the file. Pure. */
import { type Document, isMap, isNode, isPair, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { LIMITS } from '../limits.js';
import { type Recipe, recipeSchema } from './schema.js';

export interface RecipeProblem {
  /** `variants[0].args.port`; empty for the file as a whole. */
  path: string;
  /** What is wrong, without the path. */
  message: string;
  /** From 1; null when no place can be named. */
  line: number | null;
  column: number | null;
}

export type ParsedRecipe = { ok: true; recipe: Recipe } | { ok: false; problems: RecipeProblem[] };

/** Aliases expand; a few nested ones can name more memory than there is ("billion laughs"). */
const ALIASES_MAX = 64;
/** A file with more problems than this is something else than a recipe. */
const PROBLEMS_MAX = 50;
const SYNTAX_PROBLEMS_MAX = 3;

export function parseRecipe(text: string): ParsedRecipe {
  if (Buffer.byteLength(text) > LIMITS.recipeBytes) {
    return refuse(`is larger than ${LIMITS.recipeBytes} bytes`);
  }
  const lines = new LineCounter();
  let document: Document;
  let value: unknown;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      merge: true,
      logLevel: 'silent',
    });
    if (document.errors.length > 0) return { ok: false, problems: syntaxProblems(document, lines) };
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    // Too many aliases, an alias without anchor, or nesting deeper than the stack.
    return refuse(error instanceof RangeError ? 'is nested too deeply' : (error as Error).message);
  }
  const parsed = recipeSchema.safeParse(value);
  if (parsed.success) return { ok: true, recipe: parsed.data };
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, document, lines));
  return { ok: false, problems: problems.slice(0, PROBLEMS_MAX) };
}

/** One line per problem: `line 4:3  model.context: must be …`. */
export function formatProblems(problems: RecipeProblem[]): string {
  return problems.map((problem) => `  ${formatProblem(problem)}`).join('\n');
}

function formatProblem({ path, message, line, column }: RecipeProblem): string {
  const place = line === null ? '' : `${line}:${column}  `;
  return path === '' ? `${place}${message}` : `${place}${path}: ${message}`;
}

function refuse(message: string): ParsedRecipe {
  return { ok: false, problems: [{ path: '', message, line: null, column: null }] };
}

function syntaxProblems(document: Document, lines: LineCounter): RecipeProblem[] {
  const problems = document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { path: '', message: error.message, line, column: col };
  });
  // One slip makes the parser stumble many times over: the first complaint of each line, and few of them.
  const isFirstOfLine = ({ line }: RecipeProblem, index: number): boolean =>
    problems.findIndex((other) => other.line === line) === index;
  return problems.filter(isFirstOfLine).slice(0, SYNTAX_PROBLEMS_MAX);
}

function problemsOf(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): RecipeProblem[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const at = (where: (string | number)[], message: string): RecipeProblem => ({
    path: formatPath(where),
    message,
    ...placeOf(where, document, lines),
  });
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => at([...path, key], 'is not a known key'));
  if (issue.code === 'invalid_key') return [at(path, issue.issues.map((inner) => inner.message).join('; '))];
  return [at(path, sentenceOf(issue, document.hasIn(path)))];
}

function sentenceOf(issue: z.core.$ZodIssue, isPresent: boolean): string {
  if (!isPresent && (issue.code === 'invalid_type' || issue.code === 'invalid_union')) return 'is missing';
  // A sentence of the schema's own says more than the list of values.
  const isOwn = !issue.message.startsWith('Invalid');
  if (issue.code === 'invalid_value' && !isOwn)
    return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined)
    return 'must be one of vllm, embedded';
  return issue.message;
}

/** `['variants', 0, 'args', 'port']` → `variants[0].args.port`. */
function formatPath(path: (string | number)[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

/** Place of the key, else of its nearest parent that is in the file. */
function placeOf(
  path: (string | number)[],
  document: Document,
  lines: LineCounter,
): Pick<RecipeProblem, 'line' | 'column'> {
  for (let depth = path.length; depth >= 0; depth--) {
    const offset = offsetOf(path.slice(0, depth), document);
    if (offset === null) continue;
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  }
  return { line: null, column: null };
}

function offsetOf(path: (string | number)[], document: Document): number | null {
  if (path.length === 0) return document.contents?.range?.[0] ?? null;
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const pair = parent.items.find(
      ({ key }) => (isNode(key) && 'value' in key ? key.value : key) === path.at(-1),
    );
    const key = isPair(pair) ? pair.key : undefined;
    return isNode(key) ? (key.range?.[0] ?? null) : null;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? (node.range?.[0] ?? null) : null;
}
