import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import {
  formatProblems,
  type ParsedRecipe,
  parseRecipe,
  type RecipeProblem,
} from '../../src/recipes/parse.js';
import { GOOD, spoiled } from './recipe-text.js';

const problemsOf = (parsed: ParsedRecipe): RecipeProblem[] => (parsed.ok ? [] : parsed.problems);

test('a good recipe is read with its defaults filled in', () => {
  const parsed = parseRecipe(GOOD);
  expect(problemsOf(parsed)).toEqual([]);
  if (!parsed.ok) return;
  expect(parsed.recipe.variants[0]).toMatchObject({
    revision: 'main',
    block_tokens: 64,
    parallel: { tp: 1, ep: false, dp: 1 },
    env: {},
  });
});

describe('each problem carries its path and its place', () => {
  test.each([
    ['an unknown key', spoiled('licence: MIT', 'license: MIT'), 'license', 5, 'is not a known key'],
    ['a missing key', spoiled('  context: 4096\n', ''), 'model.context', 6, 'is missing'],
    ['a wrong type', spoiled('context: 4096', 'context: big'), 'model.context', 9, 'expected number'],
    ['a fraction of a token', spoiled('context: 4096', 'context: 4096.5'), 'model.context', 9, 'int'],
    [
      'an unknown engine',
      spoiled('engine: vllm', 'engine: vlm'),
      'variants[0].engine',
      13,
      'must be one of vllm, embedded',
    ],
    [
      'an argument dynamo owns',
      spoiled('trust-remote-code: true', 'port: 1'),
      'variants[0].args.port',
      21,
      'is set by dynamo',
    ],
    [
      'a flag with dashes',
      spoiled('trust-remote-code', '--trust'),
      'variants[0].args.--trust',
      21,
      'without its dashes',
    ],
    [
      'no variants',
      GOOD.slice(0, GOOD.indexOf('variants')) + 'variants: []\n',
      'variants',
      11,
      'at least one variant',
    ],
    ['a version that is none', spoiled('0.16.0', 'newest'), 'variants[0].min_engine_version', 17, '0.19.1'],
    [
      'replicas inside a worker',
      spoiled('    args:', '    parallel: { dp: 2 }\n    args:'),
      'variants[0].parallel.dp',
      20,
      '--workers',
    ],
    [
      'a vllm variant without KV facts',
      spoiled('  kv: { bytes_per_token: 1024, derivation: made up }\n', ''),
      'model.kv',
      6,
      'needed by vllm',
    ],
    [
      'a longer context than the model',
      spoiled('    why', '    context: 9999\n    why'),
      'variants[0].context',
      22,
      '4096',
    ],
  ])('%s', (_name, text, path, line, message) => {
    const found = problemsOf(parseRecipe(text)).find((problem) => problem.path === path);
    expect(found, JSON.stringify(problemsOf(parseRecipe(text)))).toMatchObject({ line });
    expect(found!.message).toContain(message);
    expect(formatProblems([found!])).toContain(`${line}:`);
  });

  test('all problems are told at once', () => {
    const text = spoiled('licence: MIT', 'license: MIT')
      .replace('context: 4096', 'context: -1')
      .replace('fp8', '"!"');
    const paths = problemsOf(parseRecipe(text)).map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(['license', 'licence', 'model.context', 'variants[0].precision']),
    );
  });

  test('two variants of one name', () => {
    const variant = GOOD.slice(GOOD.indexOf('  - name: one'));
    const problems = problemsOf(parseRecipe(GOOD + variant));
    expect(problems).toEqual([
      { path: 'variants[1].name', message: '`one` is used twice', line: 23, column: 5 },
    ]);
  });
});

describe('files that are not recipes are refused, never loaded', () => {
  test('YAML that cannot be read names the place', () => {
    const [problem] = problemsOf(parseRecipe('name: [a\nb: {'));
    expect(problem).toMatchObject({ path: '' });
    expect(problem!.line).toBeGreaterThan(0);
  });

  test('one slip gives few complaints', () => {
    const text = spoiled('source: test }', 'source: [a] b, c }');
    expect(problemsOf(parseRecipe(text)).length).toBeLessThanOrEqual(3);
  });

  test('aliases that expand without end ("billion laughs")', () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const before = level === 0 ? '"x"' : `*a${level - 1}`;
      return `a${level}: &a${level} [${Array(10).fill(before).join(', ')}]`;
    });
    const startedAt = performance.now();
    const problems = problemsOf(parseRecipe(levels.join('\n')));
    expect(problems[0]!.message).toMatch(/alias/i);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test('nesting deeper than the stack', () => {
    expect(problemsOf(parseRecipe('['.repeat(100_000))).length).toBeGreaterThan(0);
  });

  test('a text beyond the size bound', () => {
    const [problem] = problemsOf(parseRecipe(`# ${'x'.repeat(LIMITS.recipeBytes)}\n${GOOD}`));
    expect(problem!.message).toContain('larger than');
  });

  test('an empty file and a list', () => {
    expect(parseRecipe('').ok).toBe(false);
    expect(parseRecipe('- a\n- b\n').ok).toBe(false);
  });
});

test('a recipe may reuse its own pieces with anchors and merge keys', () => {
  const text = `${GOOD.replace('  - name: one', '  - &one\n    name: one')}  - <<: *one\n    name: two\n`;
  const parsed = parseRecipe(text);
  expect(problemsOf(parsed)).toEqual([]);
  if (parsed.ok) expect(parsed.recipe.variants.map(({ name }) => name)).toEqual(['one', 'two']);
});

test('no text makes the reader throw, and every refusal says something', () => {
  const lines = GOOD.split('\n');
  const mutated = fc
    .array(fc.tuple(fc.nat(lines.length - 1), fc.string({ maxLength: 20 })), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const copy = [...lines];
      for (const [index, text] of changes) copy[index] = text;
      return copy.join('\n');
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string()), (text) => {
      const parsed = parseRecipe(text);
      if (parsed.ok) return;
      expect(parsed.problems.length).toBeGreaterThan(0);
      for (const { message, path } of parsed.problems)
        expect(message.length + path.length).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
});
