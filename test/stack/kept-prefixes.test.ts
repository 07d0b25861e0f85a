import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/plan/types.js';
import { PREFIXES_KEPT, readPrefixes, writePrefixes } from '../../src/stack/kept-prefixes.js';

const dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-prefixes-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = path.join(dir, 'prefixes.json');

const plan = (over: Partial<Plan> = {}): Plan =>
  ({
    recipe: 'smollm2',
    variant: 'q8',
    model: { kind: 'gguf', name: 'm', path: '/m', sha256: 'a' },
    blockTokens: 64,
    ...over,
  }) as Plan;
const prefixes = [
  { tokens: Uint32Array.of(1, 70_000, 2 ** 32 - 1), uses: 3, salt: 'tenant' },
  { tokens: Uint32Array.of(5), uses: 1 },
];

describe('prefixes of the run before', () => {
  it('come back as they were, from a file nobody else can read', () => {
    writePrefixes(dir, plan(), prefixes);
    expect(readPrefixes(dir, plan())).toEqual(prefixes);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('are none for another model, block size, or a file that is no such list', () => {
    expect(readPrefixes(dir, plan({ blockTokens: 16 }))).toEqual([]);
    expect(readPrefixes(dir, plan({ variant: 'other' }))).toEqual([]);
    const whole = readFileSync(file, 'utf8');
    for (const text of ['', 'null', whole.slice(0, 40), whole.replace('"version":1', '"version":2')]) {
      writeFileSync(file, text);
      expect(readPrefixes(dir, plan())).toEqual([]);
    }
  });

  it('of a run without requests are those of the run before it, and never too many', () => {
    const many = Array.from({ length: 20 }, (_, uses) => ({ tokens: Uint32Array.of(uses), uses: uses + 1 }));
    writePrefixes(dir, plan(), many);
    writePrefixes(dir, plan(), []);
    expect(readPrefixes(dir, plan())).toHaveLength(PREFIXES_KEPT);
    expect(() => writePrefixes(path.join(dir, 'missing'), plan(), many)).not.toThrow();
  });
});
