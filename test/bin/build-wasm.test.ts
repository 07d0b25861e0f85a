import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { generate, TARGETS } from '../../bin/build-wasm.js';

const root = path.resolve(import.meta.dirname, '../..');

it.each(TARGETS)('$output is what its source compiles to', async (target) => {
  expect(await generate(target)).toBe(readFileSync(path.join(root, target.output), 'utf8'));
});
