/**
 * When prefixes are computed ahead, with a worker that computes only when told to. Goal: never beside a request, never twice, never
 * over the share.
 */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import type { WarmJob, WarmOutcome, WarmResult } from '../../src/retention/types.js';
import { WarmBudget } from '../../src/retention/warm-budget.js';
import { type Outlook, WarmScheduler } from '../../src/retention/warm-scheduler.js';

const TOKENS = 1_000;

function job(over: Partial<WarmJob> = {}): WarmJob {
  return {
    cause: 'next_turn',
    worker: 'w0',
    session: 's0',
    tokens: new Uint32Array(TOKENS),
    blockTokens: 64,
    localHashes: new BigUint64Array(),
    retention: [],
    until: 100,
    ...over,
  };
}

class Bench {
  now = 0;
  outlook: Outlook | null = { isFree: true, computeTokens: TOKENS, missingTokens: TOKENS };
  readonly started: { job: WarmJob; finish: (result?: WarmResult) => void; fail: () => void }[] = [];
  readonly ended: [string | undefined, WarmOutcome][] = [];
  readonly budget: WarmBudget;
  readonly scheduler: WarmScheduler;

  constructor(share = 0.5, headStart = 10_000) {
    this.budget = new WarmBudget({ share, headStart });
    this.scheduler = new WarmScheduler({
      budget: this.budget,
      ports: {
        now: () => this.now,
        outlook: () => this.outlook,
        ended: ({ session }, outcome) => this.ended.push([session, outcome]),
        run: (one, signal) =>
          new Promise((resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
            this.started.push({
              job: one,
              finish: (result = { promptTokens: TOKENS, cachedTokens: 0 }) => resolve(result),
              fail: () => reject(new Error('the worker is gone')),
            });
          }),
      },
    });
  }
}

const settled = () => new Promise(setImmediate);

describe('a prefix to be computed ahead', () => {
  it('waits until its worker is free, and then for nobody', async () => {
    const bench = new Bench();
    bench.outlook = { isFree: false, computeTokens: TOKENS, missingTokens: TOKENS };
    bench.scheduler.add(job());
    expect(bench.started).toHaveLength(0);
    bench.outlook.isFree = true;
    bench.scheduler.pump();
    bench.started[0]?.finish();
    await settled();
    expect(bench.ended).toEqual([['s0', 'done']]);
  });

  it('is one at a time per worker', async () => {
    const bench = new Bench();
    for (const session of ['a', 'b', 'c'])
      bench.scheduler.add(job({ session, worker: session === 'c' ? 'w1' : 'w0' }));
    expect(bench.started.map(({ job: { session } }) => session)).toEqual(['a', 'c']);
    bench.started[0]?.finish();
    await settled();
    expect(bench.started.map(({ job: { session } }) => session)).toEqual(['a', 'c', 'b']);
  });

  it('ends when the request it is for arrives, running or waiting', async () => {
    const bench = new Bench();
    bench.scheduler.add(job({ session: 'a' }));
    bench.scheduler.add(job({ session: 'b' }));
    bench.scheduler.arrived('b');
    bench.scheduler.arrived('a');
    await settled();
    expect(bench.ended).toEqual([
      ['b', 'superseded'],
      ['a', 'superseded'],
    ]);
    expect(bench.scheduler.waiting).toBe(0);
  });

  it('gives way to any request, and goes on afterwards at no further charge', async () => {
    const bench = new Bench(0.5, TOKENS);
    bench.scheduler.add(job());
    bench.outlook = { isFree: false, computeTokens: 400, missingTokens: 400 };
    bench.scheduler.needed('w1');
    bench.scheduler.needed('w0');
    await settled();
    expect(bench.scheduler.waiting).toBe(1);
    bench.outlook.isFree = true;
    bench.scheduler.pump();
    bench.started[1]?.finish({ promptTokens: TOKENS, cachedTokens: 600 });
    await settled();
    expect(bench.ended).toEqual([['s0', 'done']]);
  });

  it('is replaced by what is known later of the same conversation', () => {
    const bench = new Bench();
    bench.outlook = { isFree: false, computeTokens: TOKENS, missingTokens: TOKENS };
    bench.scheduler.add(job());
    bench.scheduler.add(job({ tokens: new Uint32Array(2) }));
    expect(bench.scheduler.waiting).toBe(1);
    expect(bench.ended).toEqual([['s0', 'superseded']]);
  });

  it('is given up when it is too late, when all is there, and when too many wait', () => {
    const bench = new Bench();
    bench.outlook = { isFree: false, computeTokens: TOKENS, missingTokens: TOKENS };
    bench.scheduler.add(job({ until: 50 }));
    bench.now = 60;
    bench.scheduler.pump();
    expect(bench.ended).toEqual([['s0', 'expired']]);
    bench.outlook = { isFree: true, computeTokens: 0, missingTokens: 63 };
    bench.scheduler.add(job({ session: 'held' }));
    expect(bench.ended[1]).toEqual(['held', 'pointless']);
    bench.outlook = null;
    for (let n = 0; n <= LIMITS.warmJobs; n++) bench.scheduler.add(job({ session: `s${n}` }));
    expect(bench.ended[2]).toEqual(['s0', 'crowded_out']);
  });

  it('costs a failure nobody but itself', async () => {
    const bench = new Bench();
    bench.scheduler.add(job({ session: 'a' }));
    bench.scheduler.add(job({ session: 'b' }));
    bench.started[0]?.fail();
    await settled();
    expect(bench.ended).toEqual([['a', 'failed']]);
    expect(bench.started).toHaveLength(2);
  });
});

describe('the share', () => {
  it('is never exceeded, however many are waiting, and grows with what requests computed', async () => {
    const bench = new Bench(0.2, 0);
    for (let n = 0; n < 50; n++) {
      bench.budget.served(TOKENS);
      bench.scheduler.add(job({ session: `s${n}` }));
      bench.started.at(-1)?.finish();
      await settled();
    }
    const done = bench.ended.filter(([, outcome]) => outcome === 'done').length;
    expect(done / (50 + done)).toBeLessThanOrEqual(0.2);
    expect(done).toBe(12);
  });

  it('of nothing computes nothing', () => {
    const bench = new Bench(0, 10_000);
    bench.scheduler.add(job());
    expect(bench.ended).toEqual([['s0', 'over_budget']]);
  });
});

describe('a client that asks', () => {
  it('is served at once beside everything, and told when its request came first', async () => {
    const bench = new Bench(0, 0);
    bench.outlook = null;
    const one = bench.scheduler.ask(job({ cause: 'asked' }), new AbortController().signal);
    const two = bench.scheduler.ask(job({ cause: 'asked', session: 'late' }), new AbortController().signal);
    bench.scheduler.needed('w0');
    bench.scheduler.arrived('late');
    bench.started[0]?.finish();
    expect(await one).toEqual({ promptTokens: TOKENS, cachedTokens: 0 });
    expect(await two).toBeNull();
  });

  it('that leaves ends the work', async () => {
    const bench = new Bench();
    const client = new AbortController();
    const asked = bench.scheduler.ask(job({ cause: 'asked' }), client.signal);
    client.abort(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
    expect(bench.ended).toEqual([['s0', 'superseded']]);
  });
});
