import { describe, expect, it } from 'vitest';
import { blocksFor, shaped, TAG_PRIORITY } from '../../src/replay/shape.js';
import { conversations } from './workloads.js';

describe('a recorded workload', () => {
  const workload = conversations(6, 2);

  it('has a priority in every nth conversation and none elsewhere, whatever was recorded', () => {
    const recorded = { ...workload, turns: workload.turns.map((turn) => ({ ...turn, priority: 7 })) };
    const { turns, notes } = shaped(recorded, { every: 3 });
    for (const { session, priority } of turns) expect(priority).toBe(session % 3 === 0 ? TAG_PRIORITY : 0);
    expect(notes).toHaveLength(1);
  });

  it('comes faster at its fixed times; pauses after answers stay', () => {
    const { turns } = shaped(workload, { speed: 4 });
    turns.forEach(({ atMs, delayMs, priority }, at) => {
      expect(atMs).toBe((workload.turns[at]?.atMs ?? 0) / 4);
      expect([delayMs, priority]).toEqual([workload.turns[at]?.delayMs, 0]);
    });
  });

  it('stays as it is where nothing is asked for', () => {
    expect(shaped(workload, {})).toBe(workload);
  });

  it('gives each worker its part of a share of the distinct blocks, and never none', () => {
    expect(blocksFor({ uniqueBlocks: 71_647 }, { capacity: 0.25, workers: 4 })).toBe(4_478);
    expect(blocksFor({ uniqueBlocks: 3 }, { capacity: 0.1, workers: 4 })).toBe(1);
  });
});
