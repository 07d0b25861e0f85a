import { describe, expect, it } from 'vitest';
import { sequenceHashes } from '../../src/prompt/hash/block-hash.js';
import { LossLog } from '../../src/router/losses.js';
import { ReachableSet } from '../../src/router/reachable.js';
import { FakeClock } from './support/fake-clock.js';
import { localsOf, tokens } from './support/rig.js';

/** Sixteen blocks of a topic, stored by lane 0 and 1 under their own engine hashes. */
function log(capacity?: number) {
  const clock = new FakeClock();
  const reachable = new ReachableSet();
  const losses = new LossLog(clock, reachable, capacity);
  const store = (lane: number, topic: number, blocks = 16) => {
    const locals = localsOf(tokens(topic, blocks * 16));
    const engine = BigUint64Array.from(locals, (_, n) => BigInt(1_000 * (lane + 1) + topic * 100_000 + n));
    reachable.addStored(lane, null, engine, locals);
    return { engine, sequence: sequenceHashes(locals) };
  };
  return { clock, losses, store };
}

describe('the loss log', () => {
  it('tells by sequence hash when and from which tier a block went, per worker', () => {
    const { clock, losses, store } = log();
    const { engine, sequence } = store(0, 1);
    store(1, 1);
    clock.advance(500);
    losses.removed(0, 'cpu', engine.subarray(3, 4));
    clock.advance(2_000);
    expect(losses.evictionOf(0, sequence[3] as bigint)).toEqual({ tier: 'cpu', ageMs: 2_000 });
    expect(losses.evictionOf(0, sequence[2] as bigint)).toBeNull();
    expect(losses.evictionOf(1, sequence[3] as bigint)).toBeNull();
  });

  it('tells the last time a block went', () => {
    const { clock, losses, store } = log();
    const { engine, sequence } = store(0, 1);
    losses.removed(0, 'gpu', engine);
    clock.advance(9_000);
    losses.removed(0, 'disk', engine);
    expect(losses.evictionOf(0, sequence[0] as bigint)).toEqual({ tier: 'disk', ageMs: 0 });
  });

  it('knows nothing of blocks nobody stored, and says so', () => {
    const { losses } = log();
    losses.removed(0, 'gpu', BigUint64Array.of(77n));
    expect(losses.evictionOf(0, 77n)).toBeNull();
  });

  it('keeps its bound and forgets the oldest', () => {
    const { losses, store } = log(64);
    const all = Array.from({ length: 20 }, (_, topic) => store(0, topic + 1));
    for (const { engine } of all) losses.removed(0, 'gpu', engine);
    expect(losses.evictionOf(0, all.at(-1)?.sequence[0] as bigint)).not.toBeNull();
    expect(losses.evictionOf(0, all[0]?.sequence[0] as bigint)).toBeNull();
  });

  it('remembers a whole cache that went', () => {
    const { clock, losses } = log();
    expect(losses.lossOf('w0')).toBeNull();
    losses.lost('w0', 'cleared');
    clock.advance(70);
    expect(losses.lossOf('w0')).toEqual({ why: 'cleared', ageMs: 70 });
  });
});
