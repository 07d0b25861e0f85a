import { describe, expect, it } from 'vitest';
import type { CoreKvEvent } from '../../../src/engines/embedded/types.js';
import { rooflineTiming } from '../../../src/engines/simulator/timing.js';
import { BLOCK, promptOf, simulated } from './support.js';

const hashes = (events: readonly CoreKvEvent[], type: 'stored' | 'removed'): bigint[] =>
  events.flatMap((event) => (event.type === type ? event.hashes : []));

describe('an answer another worker began', () => {
  it('goes on as it would have, and what was said is read in one go', () => {
    const whole = simulated();
    const asked = whole.ask('a', { tokens: promptOf(100), maxTokens: 12 });
    whole.clock.settle();
    const other = simulated();
    const continued = Uint32Array.from(asked.tokens.slice(0, 5));
    const rest = other.ask('a', { tokens: promptOf(100), maxTokens: 12, continued });
    other.clock.settle();
    expect([...continued, ...rest.tokens]).toEqual(asked.tokens);
    expect(rest).toMatchObject({ finish: asked.finish, firstAt: 105, endAt: 111 });
  });

  it('that was all said only ends', () => {
    const whole = simulated();
    const asked = whole.ask('a', { tokens: promptOf(20), maxTokens: 6 });
    whole.clock.settle();
    const rest = whole.ask('b', {
      tokens: promptOf(20),
      maxTokens: 6,
      continued: Uint32Array.from(asked.tokens),
    });
    whole.clock.settle();
    expect(rest).toMatchObject({ tokens: [], finish: 'length' });
  });
});

describe('time', () => {
  it('is what the passes take: a prompt, then a token at a time', () => {
    const { clock, ask } = simulated();
    const asked = ask('a', { tokens: promptOf(100), maxTokens: 4 });
    clock.settle();
    expect(asked).toMatchObject({ finish: 'length', cached: 0, firstAt: 100, endAt: 103 });
    expect(asked.tokens).toHaveLength(4);
  });

  it('is shared by those that run together', () => {
    const { clock, ask } = simulated();
    const both = [ask('a', { tokens: promptOf(50) }), ask('b', { tokens: promptOf(60, 5_000) })];
    clock.settle();
    expect(both.map(({ firstAt }) => firstAt)).toEqual([110, 110]);
  });

  it('goes faster by the speed asked for', () => {
    const { clock, ask, core } = simulated({ speed: 10 });
    const asked = ask('a', { tokens: promptOf(100), maxTokens: 11 });
    clock.settle();
    expect(asked.firstAt).toBeCloseTo(10);
    expect(asked.endAt).toBeCloseTo(11);
    expect(core.simulatedMs).toBeCloseTo(110);
  });

  it('of a cold 20,000-token prompt is the roofline of its chunks', () => {
    const facts = {
      ...{ activeParameters: 40e9, weightBytes: 756e9, activeWeightBytes: 40.6e9, kvBytesPerToken: 801_216 },
      ...{ bytesPerSecond: 38.4e12, flopsPerSecond: 15.832e15 },
    };
    const timing = rooflineTiming(facts);
    const { clock, ask } = simulated({ timing, blocks: 2_000, contextTokens: 32_000 });
    const asked = ask('a', { tokens: promptOf(20_000), maxTokens: 1 });
    clock.settle();
    const chunks = [8_192, 8_192, 3_616].map((tokens) => timing.passMs(tokens, 0, 0, 0));
    expect(asked.firstAt).toBeCloseTo(chunks[0]! + chunks[1]! + chunks[2]!);
    // 2 · 40e9 · 20,000 / (15.832e15 · 0.45) s and three launches.
    expect(asked.firstAt).toBeCloseTo(224.6 + 9, 0);
  });

  it('that a sleeping machine lost is not made up for by answering all at once', () => {
    const lags: number[] = [];
    const { clock, ask } = simulated({ onLag: (ms) => lags.push(ms) });
    const asked = ask('a', { tokens: promptOf(10), maxTokens: 500 });
    clock.advance(20);
    clock.jump(60_000);
    clock.settle();
    expect(asked.endAt).toBeGreaterThan(60_480);
    expect(asked.endAt).toBeLessThan(60_530);
    expect(lags).toEqual([expect.closeTo(60_000, -2)]);
  });
});

describe('what is held', () => {
  it('is read again by the next turn, answer included', () => {
    const { clock, ask } = simulated();
    const first = ask('a', { tokens: promptOf(100), maxTokens: 30 });
    clock.settle();
    const history = Uint32Array.from([...promptOf(100), ...first.tokens, 7, 8, 9]);
    const second = ask('b', { tokens: history });
    clock.settle();
    // 130 tokens were known, the last one was never computed: 8 whole blocks.
    expect(second.cached).toBe(8 * BLOCK);
  });

  it('is told as it comes and goes: who follows the events knows what is held', () => {
    const { clock, ask, events, core } = simulated({ blocks: 20 });
    const held = new Map<bigint, bigint | null>();
    for (let round = 0; round < 12; round++) {
      ask(`r${round}`, { tokens: promptOf(90, 1_000 * (round % 4)), maxTokens: 20 });
      clock.settle();
      for (const event of events.splice(0)) {
        if (event.type === 'removed') for (const hash of event.hashes) expect(held.delete(hash)).toBe(true);
        if (event.type !== 'stored') continue;
        expect(event.tokens).toHaveLength(event.hashes.length * BLOCK);
        let parent = event.parent;
        for (const hash of event.hashes) {
          expect(parent === null || held.has(parent)).toBe(true);
          held.set(hash, parent);
          parent = hash;
        }
      }
      expect(held.size).toBeLessThanOrEqual(20);
    }
    expect(held.size).toBeGreaterThan(10);
    expect(core.stats()).toMatchObject({ blocksUsed: 0, running: 0, waiting: 0 });
  });

  it('goes in the order it was used last', () => {
    const { clock, ask, events } = simulated({ blocks: 12 });
    for (const from of [0, 10_000, 0, 20_000]) {
      ask('x', { tokens: promptOf(5 * BLOCK + 1, from), maxTokens: 1 });
      clock.settle();
    }
    const gone = new Set(hashes(events, 'removed'));
    const firstOf = (index: number) =>
      (events.filter(({ type }) => type === 'stored')[index] as { hashes: bigint[] }).hashes;
    expect(firstOf(0).some((hash) => gone.has(hash))).toBe(false);
    expect(firstOf(1).some((hash) => gone.has(hash))).toBe(true);
  });

  it('is not shared between unlike salts', () => {
    const { clock, ask } = simulated();
    ask('a', { tokens: promptOf(100), cacheSalt: 'x' });
    clock.settle();
    const [same, other] = [
      ask('b', { tokens: promptOf(100), cacheSalt: 'x' }),
      ask('c', { tokens: promptOf(100), cacheSalt: 'y' }),
    ];
    clock.settle();
    expect([same.cached, other.cached]).toEqual([96, 0]);
  });

  it('is dropped on request, and said so', () => {
    const { clock, ask, core, events } = simulated();
    ask('a', { tokens: promptOf(100) });
    clock.settle();
    events.length = 0;
    core.clearCache();
    expect(events).toEqual([{ type: 'cleared' }]);
    const again = ask('b', { tokens: promptOf(100) });
    clock.settle();
    expect(again.cached).toBe(0);
  });
});

describe('order', () => {
  it('is by priority among those that wait, higher first, and by arrival among equals', () => {
    const { clock, ask, ended } = simulated({ maxRunning: 1 });
    ask('running', { tokens: promptOf(20) });
    clock.advance(5);
    ask('low', { tokens: promptOf(20, 2_000), priority: -1 });
    ask('first', { tokens: promptOf(20, 3_000) });
    ask('second', { tokens: promptOf(20, 4_000) });
    ask('high', { tokens: promptOf(20, 5_000), priority: 5 });
    clock.settle();
    expect(ended).toEqual(['running', 'high', 'first', 'second', 'low']);
  });

  it('sends the youngest back when memory runs out, and nothing of its answer is lost or told twice', () => {
    const { clock, ask, core } = simulated({ blocks: 10, contextTokens: 160 });
    const all = [0, 1, 2].map((n) => ask(`r${n}`, { tokens: promptOf(40, n * 1_000), maxTokens: 40 }));
    clock.settle();
    expect(core.stats().preemptions).toBeGreaterThan(0);
    expect(all.map(({ tokens, finish }) => [tokens.length, finish])).toEqual(all.map(() => [40, 'length']));
  });
});

describe('want of memory', () => {
  it('sends back the least important, not the youngest', () => {
    const { clock, ask, ended, core } = simulated({ blocks: 10, contextTokens: 160 });
    // Together they want 15 blocks of the 10.
    for (const [name, priority] of [
      ['low', -1],
      ['high', 2],
      ['middle', 0],
    ] as const) {
      ask(name, { tokens: promptOf(40, 1_000 * (priority + 5)), maxTokens: 40, priority });
    }
    clock.settle();
    expect(core.stats().preemptions).toBeGreaterThan(0);
    expect(ended).toEqual(['high', 'middle', 'low']);
  });
});

describe('an end', () => {
  it('of its client frees its memory at once', () => {
    const { clock, ask, core, ended } = simulated({ blocks: 10, contextTokens: 160 });
    const gone = ask('gone', { tokens: promptOf(100), maxTokens: 50 });
    const waits = ask('waits', { tokens: promptOf(100, 9_000), maxTokens: 4 });
    clock.advance(120);
    expect(core.stats()).toMatchObject({ running: 1, waiting: 1 });
    gone.handle.cancel();
    gone.handle.cancel();
    expect(gone.finish).toBe('cancelled');
    expect(core.stats()).toMatchObject({ running: 0, blocksUsed: 0 });
    clock.settle();
    expect(waits.finish).toBe('length');
    expect(ended).toEqual(['gone', 'waits']);
  });

  it('comes by itself, the same for the same prompt', () => {
    const { clock, ask } = simulated();
    const texts = [1, 2].map(() => {
      const asked = ask('a', { tokens: promptOf(40), maxTokens: 500, ignoreEos: false });
      clock.settle();
      expect(asked.finish).toBe('stop');
      return asked.tokens;
    });
    expect(texts[0]).toEqual(texts[1]);
  });

  it('is an error for what could never fit', () => {
    const { clock, ask, core } = simulated({ blocks: 4 });
    const asked = ask('a', { tokens: promptOf(200) });
    clock.settle();
    expect(asked.finish).toBe('error');
    expect(asked.error?.message).toContain('4 KV blocks');
    expect(core.stats()).toMatchObject({ running: 0, waiting: 0 });
  });

  it('forgets the names of blocks nobody holds', () => {
    const { clock, ask, events } = simulated({ blocks: 8 });
    for (let n = 0; n < 50; n++) {
      ask('x', { tokens: promptOf(100, n * 200), maxTokens: 10 });
      clock.settle();
    }
    const stored = hashes(events, 'stored').length;
    expect(stored - hashes(events, 'removed').length).toBeLessThanOrEqual(8);
  });
});
