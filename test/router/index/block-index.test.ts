import { describe, expect, it } from 'vitest';
import { createBlockIndex } from '../../../src/router/index/create-index.js';
import { tierBlocks } from '../../../src/router/index/matches.js';
import type { BlockIndex } from '../../../src/router/index/types.js';
import { WasmBlockIndex } from '../../../src/router/index/wasm-index.js';

/** `count` distinct hashes that belong to `name`. */
function hashes(name: number, count: number, from = 0): BigUint64Array {
  return BigUint64Array.from({ length: count }, (_, i) =>
    BigInt.asUintN(64, BigInt(name * 1_000_003 + from + i + 1) * 0x9e3779b97f4a7c15n),
  );
}

function matched(index: BlockIndex, query: BigUint64Array, lane: number): number {
  index.match(query);
  return held(index, lane);
}

/** Blocks over all tiers that the last lookup found. */
function held({ answer }: BlockIndex, lane: number): number {
  const { gpu, cpu, disk, remote } = tierBlocks(answer, lane);
  return gpu + cpu + disk + remote;
}

describe.each(['wasm', 'wasm-scalar', 'js'] as const)('%s block index', (implementation) => {
  const create = (maxBytes?: number) =>
    createBlockIndex({ implementation, ...(maxBytes === undefined ? {} : { maxBytes }) });

  it('finds a prompt longer than its buffers, whole and in part', () => {
    const index = create();
    const lane = index.addLane(0);
    const local = hashes(1, 5_000);
    expect(index.store(lane, 'gpu', 0n, hashes(2, 5_000), local)).toBe(true);
    for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 1024, 4095, 4096, 4097, 4111, 4112, 4113, 5000]) {
      expect(matched(index, local.subarray(0, length), lane)).toBe(length);
    }
    const other = local.slice();
    for (const at of [4_500, 4_112, 4_111, 2_100, 16, 15, 0]) {
      other[at] = 7n;
      expect(matched(index, other, lane)).toBe(at);
    }
  });

  it('ends a prefix at a hole until the hole is filled again', () => {
    const index = create();
    const lane = index.addLane(0);
    const local = hashes(1, 200);
    const engine = hashes(2, 200);
    index.store(lane, 'gpu', 0n, engine, local);
    expect(index.remove(lane, 'gpu', engine.slice(70, 75))).toBe(5);
    expect(matched(index, local, lane)).toBe(70);
    index.store(lane, 'gpu', engine[69]!, engine.slice(70, 75), local.slice(70, 75));
    expect(matched(index, local, lane)).toBe(200);
  });

  it('continues a gpu prefix on the lower tiers, in their order', () => {
    const index = create();
    const lane = index.addLane(0);
    const local = hashes(1, 300);
    const engine = hashes(2, 300);
    const store = (tier: 'gpu' | 'cpu' | 'disk' | 'remote', from: number, to: number) =>
      index.store(
        lane,
        tier,
        from === 0 ? 0n : engine[from - 1]!,
        engine.slice(from, to),
        local.slice(from, to),
      );
    expect([store('gpu', 0, 100), store('cpu', 90, 150), store('disk', 150, 151)]).toEqual([
      true,
      true,
      true,
    ]);
    // The remote tier holds the rest, but for one block.
    expect([store('remote', 151, 300), index.remove(lane, 'remote', engine.slice(290, 291))]).toEqual([
      true,
      1,
    ]);
    expect(index.match(local)).toBe(290);
    expect(tierBlocks(index.answer, lane)).toEqual({ gpu: 100, cpu: 50, disk: 1, remote: 139 });
  });

  it('keeps lanes apart that name their blocks differently', () => {
    const index = create();
    const lanes = [index.addLane(10), index.addLane(10), index.addLane(10)];
    const local = hashes(1, 100);
    for (const lane of lanes) index.store(lane, 'gpu', 0n, hashes(10 + lane, 100), local);
    expect(index.remove(lanes[1]!, 'gpu', hashes(10 + lanes[0]!, 100))).toBe(0);
    expect(index.remove(lanes[1]!, 'gpu', hashes(10 + lanes[1]!, 100).slice(40))).toBe(60);
    index.match(local);
    expect(lanes.map((lane) => held(index, lane))).toEqual([100, 40, 100]);
  });

  it('counts stores with an unknown parent and drops them', () => {
    const index = create();
    const lane = index.addLane(0);
    expect(index.store(lane, 'gpu', 99n, hashes(2, 5), hashes(1, 5))).toBe(false);
    expect(index.stats()).toMatchObject({ blocks: 0, orphans: 1, refused: 0 });
  });

  it('gives a dropped lane out again, empty, and no more than 64 of them', () => {
    const index = create();
    const lanes = Array.from({ length: 64 }, () => index.addLane(0));
    expect(() => index.addLane(0)).toThrow(RangeError);
    index.store(lanes[7]!, 'cpu', 0n, hashes(2, 70), hashes(1, 70));
    index.dropLane(lanes[7]!);
    expect(index.store(lanes[7]!, 'gpu', 0n, hashes(2, 5), hashes(1, 5))).toBe(false);
    expect(index.addLane(0)).toBe(lanes[7]);
    expect(matched(index, hashes(1, 70), lanes[7]!)).toBe(0);
    expect(index.stats().blocks).toBe(0);
  });

  it('takes arrays that are parts of others, empty ones and hashes of zero', () => {
    const index = create();
    const lane = index.addLane(0);
    const room = new ArrayBuffer(8 * 12);
    const local = new BigUint64Array(room, 8, 3);
    local.set([0n, 5n, 0n]);
    expect(index.store(lane, 'gpu', 0n, BigUint64Array.of(0n, 8n, 9n), local)).toBe(true);
    expect(matched(index, local, lane)).toBe(3);
    expect(index.store(lane, 'gpu', 9n, new BigUint64Array(0), new BigUint64Array(0))).toBe(true);
    expect(index.remove(lane, 'gpu', new BigUint64Array(0))).toBe(0);
    expect(index.remove(lane, 'gpu', BigUint64Array.of(0n, 0n))).toBe(1);
    expect(matched(index, local, lane)).toBe(0);
  });

  it('stays within its bound, counts what it refused, and takes blocks again when others left', () => {
    const maxBytes = 2 * 1024 * 1024;
    const index = create(maxBytes);
    const lane = index.addLane(0);
    let stored = 0;
    while (index.store(lane, 'gpu', 0n, hashes(10_000 + stored, 100), hashes(stored, 100))) stored += 1;
    expect(stored).toBeGreaterThan(50);
    expect(index.stats().bytes).toBeLessThanOrEqual(maxBytes);
    expect(index.stats().refused).toBe(1);
    expect(matched(index, hashes(0, 100), lane)).toBe(100);
    for (let i = 0; i < 40; i++)
      expect(index.remove(lane, 'gpu', hashes(10_000 + i, 100).reverse())).toBe(100);
    expect(index.store(lane, 'gpu', 0n, hashes(10_000, 100), hashes(0, 100))).toBe(true);
    expect(matched(index, hashes(0, 100), lane)).toBe(100);
    index.clear(lane);
    expect(index.stats().blocks).toBe(0);
  });

  it('does not grow when the same number of blocks comes and goes for ever', () => {
    const index = create();
    const lane = index.addLane(0);
    const turn = (i: number) => {
      index.store(lane, 'gpu', 0n, hashes(10_000 + i, 90), hashes(i, 90));
      if (i >= 50) index.remove(lane, 'gpu', hashes(10_000 + i - 50, 90).reverse());
    };
    for (let i = 0; i < 500; i++) turn(i);
    const { bytes } = index.stats();
    for (let i = 500; i < 3_000; i++) turn(i);
    expect(index.stats().blocks).toBe(4_500);
    expect(index.stats().bytes).toBeLessThanOrEqual(bytes * 1.1);
  });

  it('survives an engine that names all its blocks alike', () => {
    const index = create();
    const lane = index.addLane(0);
    const alike = new BigUint64Array(3_000).fill(5n);
    index.store(lane, 'gpu', 0n, alike, hashes(1, 3_000));
    index.store(lane, 'gpu', 0n, alike, hashes(2, 3_000));
    expect(index.remove(lane, 'gpu', alike.subarray(0, 500))).toBeLessThanOrEqual(500);
    index.clear(lane);
    expect(index.stats().blocks).toBe(0);
    index.store(lane, 'gpu', 0n, hashes(3, 100), hashes(4, 100));
    expect(matched(index, hashes(4, 100), lane)).toBe(100);
  });

  it('lists what a lane holds, up to a limit', () => {
    const index = create();
    const lane = index.addLane(0);
    index.store(lane, 'disk', 0n, BigUint64Array.of(0xabcn, 0xdefn), BigUint64Array.of(1n, 2n));
    const [first, second] = index.dump(lane).sort((a, b) => a.depth - b.depth);
    expect(first).toEqual({
      tier: 'disk',
      localHash: '0000000000000001',
      engineHash: '0000000000000abc',
      depth: 1,
    });
    expect(second?.depth).toBe(2);
    expect(index.dump(lane, 1)).toHaveLength(1);
  });
});

describe('wasm block index', () => {
  it('needs under 24 bytes per block in long chains', () => {
    const index = new WasmBlockIndex(1e9);
    const lane = index.addLane(0);
    for (let i = 0; i < 40; i++) index.store(lane, 'gpu', 0n, hashes(1000 + i, 12_500), hashes(i, 12_500));
    const { blocks, bytes } = index.stats();
    expect(blocks).toBe(500_000);
    expect(bytes / blocks).toBeLessThan(24);
  });

  it('is the default, and plain JS where its memory cannot be had', () => {
    expect(createBlockIndex()).toBeInstanceOf(WasmBlockIndex);
    expect(createBlockIndex({ maxBytes: 10 })).not.toBeInstanceOf(WasmBlockIndex);
  });
});
