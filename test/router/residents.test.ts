import { describe, expect, it } from 'vitest';
import { mockTiming } from '../../src/engines/simulator/timing.js';
import { figuresOf, type ReplayFigures } from '../../src/replay/metrics.js';
import { runReplay } from '../../src/replay/run.js';
import { loadPolicy } from '../../src/router/policies/load-policy.js';
import { Residents } from '../../src/router/residents.js';
import { SessionBook } from '../../src/router/sessions.js';
import { conversations } from '../replay/workloads.js';
import { FakeClock } from './support/fake-clock.js';
import { outcomeOf, rig, tokens } from './support/rig.js';

const kv = { kvBlocks: 1_000, pauseMs: 60_000 };

describe('resident conversations', () => {
  const made = () => {
    const clock = new FakeClock();
    const sessions = new SessionBook(clock, 300);
    const residents = new Residents(clock, sessions);
    const asks = (sessionId: string, blocks: number, waitedMs = 0): boolean =>
      residents.admits({ sessionId, blocks, waitedMs }, kv);
    const runs = (id: string) =>
      sessions.started(undefined, id, new BigUint64Array(0), {
        worker: 'w0',
        contextBlocks: 400,
        seenBlocks: 0,
        isTagged: false,
      });
    return { clock, sessions, residents, asks, runs };
  };

  it('are as many as fit with room to grow; the next turn of one that grew is never held back', () => {
    const { asks } = made();
    expect([asks('a', 400), asks('b', 400), asks('c', 100)]).toEqual([true, true, false]);
    expect(asks('a', 700)).toBe(true);
    expect(asks('c', 1)).toBe(false);
  });

  it('make room for one that waited its pause out: the longest resident of those that run nothing', () => {
    const { asks, runs, residents } = made();
    asks('busy', 300);
    runs('busy');
    asks('idle', 300);
    asks('late', 250);
    expect(asks('new', 200, 59_999)).toBe(false);
    expect(asks('new', 200, 60_000)).toBe(true);
    expect([asks('busy', 300), asks('late', 250), residents.size]).toEqual([true, true, 3]);
    expect(asks('idle', 300)).toBe(false);
  });

  it('that are silent give their place up, those that run or wait do not', () => {
    const { asks, runs, clock } = made();
    asks('runs', 300);
    runs('runs');
    asks('waits', 300);
    asks('silent', 250);
    clock.advance(20_000);
    asks('waits', 300);
    clock.advance(11_001);
    expect([asks('new', 250), asks('another', 300)]).toEqual([true, false]);
  });
});

describe('a router told to hold conversations back', () => {
  const settings = { pauseMs: 60_000 };
  const worker = { kvBlocks: 20 };

  it('keeps the next turn of another until its pause is over, but nothing urgent and nothing without a conversation', async () => {
    const { route, clock } = rig({ workers: [worker, worker], settings });
    const first = await route(tokens(1, 240), { sessionId: 'a', osl: 16 });
    await route(tokens(2, 240), { sessionId: 'b', osl: 16 });
    first.finish(outcomeOf(first));
    let isSent = false;
    const held = route(tokens(3, 160), { sessionId: 'c', osl: 1 }).then((placement) => {
      isSent = true;
      return placement;
    });
    await route(tokens(4, 32), { osl: 1 });
    await route(tokens(5, 16), { sessionId: 'd', priority: 1, osl: 1 });
    expect(isSent).toBe(false);
    clock.advance(60_000);
    expect(await held).toBeDefined();
  });

  it('holds nothing back while nothing runs', async () => {
    const { route, serve } = rig({ workers: [worker], settings });
    await serve(tokens(1, 240), [], { sessionId: 'a', osl: 1 });
    expect(await route(tokens(2, 240), { sessionId: 'b', osl: 1 })).toBeDefined();
  });

  it('answers more from the cache where contexts do not fit, all are served, none waits much past its pause', async () => {
    const workload = conversations(24, 12, 8);
    const figures = async (pauseMs: number): Promise<ReplayFigures> => {
      const config = {
        workers: 2,
        blocks: 260,
        policy: loadPolicy('kv'),
        retention: 'selective' as const,
        seed: 1,
        timing: mockTiming(),
        settings: { pauseMs },
      };
      const run = await runReplay(workload, config);
      return figuresOf(workload, run);
    };
    const [held, free] = [await figures(20_000), await figures(0)];
    expect(held.requests).toBe(free.requests);
    expect(held.hitRate).toBeGreaterThan(free.hitRate);
    expect(held.longestWaitS).toBeLessThan(25);
  });
});
