import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Paths } from '../../src/cli/paths.js';
import type { Plan, TierPlan } from '../../src/plan/types.js';
import { memoryFolder, placeTiers, removeMemoryTier } from '../../src/stack/tier-places.js';

const root = mkdtempSync(path.join(os.tmpdir(), 'dynamo-places-'));
const paths: Paths = { config: root, data: root, state: root, runtime: root };
const place = (tiers: TierPlan[]) => placeTiers({ engine: 'embedded', tiers } as Plan, paths, 'test');

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
  rmSync(memoryFolder(paths, 'test'), { recursive: true, force: true });
});

describe('the place of a tier', () => {
  it('is as large as there is room for, and says so where that is less than asked', () => {
    const wanted = 2 ** 60;
    const { tiers, warnings } = place([{ name: 'cpu', bytesMax: wanted, at: null }]);
    const { bavail, bsize } = statfsSync(tiers[0]!.at!);
    expect(tiers[0]!.bytesMax).toBeLessThanOrEqual(bavail * bsize);
    expect(warnings).toEqual([expect.stringContaining('instead of')]);
  });

  it('of an engine with tiers of its own is a folder apart, and its memory is left to it', () => {
    const plan = {
      engine: 'vllm',
      tiers: [
        { name: 'cpu', bytesMax: 2 ** 60, at: null },
        { name: 'disk', bytesMax: 2_000, at: null },
      ],
    } as unknown as Plan;
    const { tiers, warnings } = placeTiers(plan, paths, 'test');
    expect(tiers).toEqual([
      { name: 'cpu', bytesMax: 2 ** 60, at: null },
      { name: 'disk', bytesMax: 2_000, at: path.join(root, 'kv-vllm') },
    ]);
    expect(warnings).toEqual([]);
  });

  it('is what was asked where there is room', () => {
    const { tiers, warnings } = place([
      { name: 'cpu', bytesMax: 1_000, at: null },
      { name: 'disk', bytesMax: 2_000, at: path.join(root, 'disk') },
      { name: 'remote', bytesMax: null, at: 's3://bucket' },
    ]);
    expect(tiers.map(({ bytesMax }) => bytesMax)).toEqual([1_000, 2_000, null]);
    expect(warnings).toEqual([]);
    removeMemoryTier(tiers, paths, 'test');
    expect(() => statfsSync(tiers[0]!.at!)).toThrow();
    expect(() => statfsSync(tiers[1]!.at!)).not.toThrow();
  });
});
