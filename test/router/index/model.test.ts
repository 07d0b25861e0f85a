/**
 * Goal: an index answers exactly as maps of sets do, whatever happens to it. Method: random operations with a
 * seed, each answer compared; fast-check varies seed and shape and prints them when one fails.
 * `DYNAMO_INDEX_OPERATIONS=1000000` runs the long form.
 */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { createBlockIndex } from '../../../src/router/index/create-index.js';
import { randomRun } from './random-run.js';

const OPERATIONS = Number(process.env['DYNAMO_INDEX_OPERATIONS'] ?? 15_000);
const RUNS = 40;

const shapes = fc.record({
  seed: fc.integer(),
  lanes: fc.constantFrom(1, 2, 5, 33, 64),
  spread: fc.constantFrom(3, 20, 90, 200),
  alphabet: fc.constantFrom(2, 5, 1000),
  operations: fc.constant(Math.ceil(OPERATIONS / RUNS)),
});

describe.each(['wasm', 'wasm-scalar', 'js'] as const)('%s index', (implementation) => {
  it('equals maps of sets after any operations', { timeout: 3_600_000 }, () => {
    fc.assert(
      fc.property(shapes, (options) => {
        randomRun(createBlockIndex({ implementation }), options);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });
});
