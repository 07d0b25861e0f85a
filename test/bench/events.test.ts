import { expect, it } from 'vitest';
import {
  BLOCK_TOKENS,
  BLOCKS_PER_ROUND,
  roundOfBatches,
  STEP_BLOCKS,
  STEPS,
} from '../../src/bench/events/batches.js';
import { BlockMapper } from '../../src/link/kv-blocks.js';
import { decodeBatch } from '../../src/link/kv-events.js';
import { createBlockIndex } from '../../src/router/index/create-index.js';

it('each measured round stores and removes the blocks it is counted for, and ends as it began', () => {
  const index = createBlockIndex();
  const lane = index.addLane(0);
  const mapper = new BlockMapper(BLOCK_TOKENS);
  const batches = roundOfBatches();
  const play = (): { stored: number; removed: number; told: number } => {
    const counts = { stored: 0, removed: 0, told: 0 };
    for (const payload of batches) {
      const { events, told } = decodeBatch(payload);
      counts.told += told;
      for (const event of events) {
        if (event.type === 'removed') counts.removed += index.remove(lane, 'gpu', event.hashes);
        if (event.type !== 'stored') continue;
        const mapped = mapper.stored(event);
        if (!mapped.ok) throw new Error(mapped.message);
        const { parent, engineHashes, localHashes } = mapped.blocks;
        index.store(lane, 'gpu', parent ?? 0n, engineHashes, localHashes);
        counts.stored += engineHashes.length;
      }
    }
    return counts;
  };
  play();
  const held = index.stats().blocks;
  expect(play()).toEqual({
    stored: BLOCKS_PER_ROUND / 2,
    removed: BLOCKS_PER_ROUND / 2,
    told: STEPS * (STEP_BLOCKS + 1),
  });
  expect(index.stats()).toMatchObject({ blocks: held, orphans: 0, refused: 0 });
  expect(held).toBeGreaterThan(STEP_BLOCKS);
});
