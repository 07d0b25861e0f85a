/**
 * Goal: whatever is lost, repeated or restarted, what is applied since the last drop is a gapless run of one
 * engine's batches, and with a whole replay buffer nothing is ever missing.
 * Method: a model engine with a bounded replay buffer, random losses, restarts and reconnects; a plain unit
 * test for each special case.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchOrder } from '../../src/link/kv-order.js';
import type { RawBatch } from '../../src/link/kv-replay.js';

/** Batches carry `run * 1000 + sequence` as timestamp. */
class ModelEngine {
  run = 0;
  published: RawBatch[] = [];
  bufferMax: number;
  isSilent = false;

  constructor(bufferMax: number) {
    this.bufferMax = bufferMax;
  }

  publish(): RawBatch {
    const sequence = this.published.length;
    const batch = { sequence, payload: Buffer.from(String(this.run * 1000 + sequence)) };
    this.published.push(batch);
    return batch;
  }

  restart(): void {
    this.run += 1;
    this.published = [];
  }

  buffered(start: number): RawBatch[] {
    return this.published.slice(-this.bufferMax).filter((batch) => batch.sequence >= start);
  }
}

function follow(engine: ModelEngine): {
  order: BatchOrder;
  applied: () => number[];
  gaps: { expected: number; got: number; isFilled: boolean }[];
  drops: () => number;
  restarts: () => number;
} {
  let applied: number[] = [];
  let drops = 0;
  let restarts = 0;
  const gaps: { expected: number; got: number; isFilled: boolean }[] = [];
  const stamp = (batch: RawBatch): number => Number(batch.payload.toString());
  const order = new BatchOrder({
    apply: (batch) => {
      applied.push(stamp(batch));
      return stamp(batch);
    },
    timestampOf: stamp,
    drop: () => {
      applied = [];
      drops += 1;
    },
    replay: async (start, onBatch) => {
      if (engine.isSilent) return 'silent';
      for (const batch of engine.buffered(start)) onBatch(batch);
      return 'complete';
    },
    onGap: (gap) => gaps.push(gap),
    onRestart: () => {
      restarts += 1;
    },
  });
  return { order, applied: () => applied, gaps, drops: () => drops, restarts: () => restarts };
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.constant('live' as const) },
  { weight: 4, arbitrary: fc.constant('lost' as const) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
  { weight: 1, arbitrary: fc.constant('reconnect' as const) },
);

describe('batch order', () => {
  it('holds a gapless run of the current engine after every delivered batch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(2, 5, 1_000),
        fc.boolean(),
        async (steps, bufferMax, isSilent) => {
          const engine = new ModelEngine(bufferMax);
          engine.isSilent = isSilent;
          const { order, applied } = follow(engine);
          await order.connected();
          for (const what of steps) {
            if (what === 'lost') engine.publish();
            // A real restart closes the connection; the socket connects again before anything is published live.
            if (what === 'restart') {
              engine.restart();
              await order.connected();
            }
            if (what === 'reconnect') await order.connected();
            if (what !== 'live') continue;
            await order.live(engine.publish());
            const seen = applied();
            const last = engine.run * 1000 + engine.published.length - 1;
            expect(seen.at(-1)).toBe(last);
            expect(seen).toEqual(seen.map((_, n) => last - seen.length + 1 + n));
            if (bufferMax === 1_000 && !isSilent) expect(seen).toHaveLength(engine.published.length);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('a late subscriber learns the past first', async () => {
    const engine = new ModelEngine(100);
    for (let n = 0; n < 5; n++) engine.publish();
    const { order, applied, gaps } = follow(engine);
    await order.connected();
    expect(applied()).toEqual([0, 1, 2, 3, 4]);
    expect(gaps).toEqual([]);
  });

  it('a subscriber later than the buffer says what is missing', async () => {
    const engine = new ModelEngine(2);
    for (let n = 0; n < 5; n++) engine.publish();
    const { order, applied, gaps } = follow(engine);
    await order.connected();
    expect(applied()).toEqual([3, 4]);
    expect(gaps).toEqual([{ expected: 0, got: 3, isFilled: false }]);
  });

  it('a gap the buffer covers is filled and told; live batches replayed already are not applied twice', async () => {
    const engine = new ModelEngine(100);
    const { order, applied, gaps, drops } = follow(engine);
    await order.connected();
    await order.live(engine.publish());
    engine.publish();
    const third = engine.publish();
    const fourth = engine.publish();
    await order.live(third);
    await order.live(fourth);
    expect(applied()).toEqual([0, 1, 2, 3]);
    expect(gaps).toEqual([{ expected: 1, got: 2, isFilled: true }]);
    expect(drops()).toBe(0);
  });

  it('a gap nobody can fill drops everything once and goes on', async () => {
    const engine = new ModelEngine(100);
    const { order, applied, gaps, drops } = follow(engine);
    await order.connected();
    await order.live(engine.publish());
    engine.publish();
    engine.isSilent = true;
    await order.live(engine.publish());
    await order.live(engine.publish());
    expect(applied()).toEqual([2, 3]);
    expect(gaps).toEqual([{ expected: 1, got: 2, isFilled: false }]);
    expect(drops()).toBe(1);
  });

  it('numbers that start again are a new run, even unseen by the socket', async () => {
    const engine = new ModelEngine(100);
    const { order, applied, restarts, drops } = follow(engine);
    await order.connected();
    for (let n = 0; n < 4; n++) await order.live(engine.publish());
    engine.restart();
    await order.live(engine.publish());
    expect(applied()).toEqual([1000]);
    expect([restarts(), drops()]).toEqual([1, 1]);
  });

  it('a reconnect to the same run keeps everything and fetches what was missed', async () => {
    const engine = new ModelEngine(100);
    const { order, applied, drops } = follow(engine);
    await order.connected();
    await order.live(engine.publish());
    engine.publish();
    await order.connected();
    expect(applied()).toEqual([0, 1]);
    expect(drops()).toBe(0);
  });

  it('a reconnect to a new run with the very same numbers is seen by its timestamps', async () => {
    const engine = new ModelEngine(100);
    const { order, applied, restarts } = follow(engine);
    await order.connected();
    for (let n = 0; n < 3; n++) await order.live(engine.publish());
    engine.restart();
    for (let n = 0; n < 3; n++) engine.publish();
    await order.connected();
    expect(applied()).toEqual([1000, 1001, 1002]);
    expect(restarts()).toBe(1);
  });
});
