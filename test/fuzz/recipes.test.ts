/** Recipe files broken at random: a recipe or a list of problems with their places; what passes can be planned or is refused. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DynamoError } from '../../src/errors.js';
import { describedHost } from '../../src/plan/hardware.js';
import { makePlan } from '../../src/plan/plan.js';
import { builtInRecipes } from '../../src/recipes/load.js';
import { formatProblems, parseRecipe } from '../../src/recipes/parse.js';
import { commandOf } from '../../src/stack/adapters.js';
import { CASES, everyCase, woundedLines } from './support/cases.js';

const folder = builtInRecipes();
const BASES = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(path.join(folder, name), 'utf8'));
const WORDS = [
  '',
  '-1',
  '0',
  '1e99',
  '.nan',
  '.inf',
  '0x10',
  'null',
  '~',
  'true',
  '[]',
  '{}',
  '[a, b]',
  '{a: b}',
  '"',
  "'",
  '&a',
  '*a',
  '*nobody',
  '<<: *a',
  '!!binary x',
  '!t x',
  '|',
  '>-',
  '? :',
  '- ',
  '#',
  '%YAML 1.2',
  '---',
  '...',
  '__proto__',
  'constructor',
  '\t',
  '\u0000',
  '\ufeff',
  '\u2028',
  'x'.repeat(500),
  '../../etc/passwd',
  '2026-01-01',
  '1_000',
  '12:30:45',
];
const HOST = describedHost('8xh200', {
  platform: 'linux',
  arch: 'x64',
  cpus: 8,
  cpuModel: 'test',
  memoryBytes: 2 ** 40,
  freeMemoryBytes: 2 ** 40,
  gpus: [],
  driver: null,
  nodeVersion: '20.20.0',
  diskFreeBytes: 2 ** 43,
});

describe('a recipe file', () => {
  it('that is broken at random is a recipe that can be planned, or problems that can be told', async () => {
    const ends = { taken: 0, refused: 0 };
    await everyCase(
      (mutator) => woundedLines(mutator.of(BASES), mutator, WORDS),
      (text) => {
        const parsed = parseRecipe(text);
        ends[parsed.ok ? 'taken' : 'refused'] += 1;
        if (!parsed.ok) {
          expect(parsed.problems.length).toBeGreaterThan(0);
          expect(formatProblems(parsed.problems)).not.toContain('undefined');
          return;
        }
        try {
          const result = makePlan(parsed.recipe, HOST, {
            commandOf,
            modelFile: () => ({ path: '/m', sha256: null }),
          });
          if (result.ok)
            for (const { args } of result.plan.workers)
              for (const arg of args) expect(typeof arg).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(DynamoError);
          expect((error as DynamoError).code).not.toBe('internal');
        }
      },
    );
    expect(ends.taken).toBeGreaterThan(CASES / 40);
    expect(ends.refused).toBeGreaterThan(CASES / 40);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
