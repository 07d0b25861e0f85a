/**
 * The router as a whole over the real index: workers store what they compute and publish it, as engines do.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sequenceHashes } from '../../src/prompt/hash/block-hash.js';
import { DEFAULT_SETTINGS } from '../../src/router/settings.js';
import type { Placement, Policy } from '../../src/router/types.js';
import { BLOCK, input, localsOf, outcomeOf, rig, seeded, tokens } from './support/rig.js';

const signal = new AbortController().signal;

describe('conversations', () => {
  it.each([['with a session id'], ['without one']])('turn 2 goes where turn 1 is, %s', async (how) => {
    for (let seed = 0; seed < 20; seed++) {
      const made = rig({ workers: [{}, {}, {}], random: seeded(seed) });
      const more = how === 'without one' ? {} : { sessionId: 's' };
      const first = tokens(1, 100);
      const one = await made.serve(first, tokens(2, 30), more);
      made.clock.advance(30_000);
      for (let n = 0; n < 4; n++) await made.serve(tokens(50 + n, 150), tokens(60 + n, 10));
      const two = await made.serve([...first, ...tokens(2, 30), ...tokens(3, 20)], [], more);
      expect(two.worker).toBe(one.worker);
      expect(two.decision.predictedTokens).toBe(128);
      expect(two.decision.reachableTokens).toBe(128);
      expect(two.decision.predictedByTier).toEqual({ gpu: 8, cpu: 0, disk: 0, remote: 0 });
    }
  });

  it('unlike sessions spread over the workers and each stays', async () => {
    const made = rig({ workers: [{}, {}] });
    const homes = new Map<number, string>();
    const history = new Map<number, number[]>();
    for (let turn = 0; turn < 5; turn++) {
      for (let session = 0; session < 10; session++) {
        const prompt = [...(history.get(session) ?? []), ...tokens(session * 10 + turn + 1, 40)];
        const answer = tokens(500 + session * 10 + turn, 25);
        const placement = await made.serve(prompt, answer, { sessionId: `s${session}` });
        history.set(session, [...prompt, ...answer]);
        expect(placement.worker).toBe(homes.get(session) ?? placement.worker);
        homes.set(session, placement.worker);
        made.clock.advance(1_000);
      }
    }
    const onFirst = [...homes.values()].filter((worker) => worker === 'w0').length;
    expect(onFirst).toBeGreaterThanOrEqual(4);
    expect(onFirst).toBeLessThanOrEqual(6);
  });

  it('eleven sessions at once reach 95 % of what is reachable; round-robin clearly less', async () => {
    const rateOf = async (policyName: string): Promise<number> => {
      const made = rig({ workers: [{}, {}], policyName });
      const history = new Map<number, number[]>();
      let cached = 0;
      let reachable = 0;
      for (let turn = 0; turn < 5; turn++) {
        const running: { placement: Placement; all: number[] }[] = [];
        // An odd number, so that taking turns does not keep a session in its place.
        for (let session = 0; session < 11; session++) {
          const prompt = [
            ...(history.get(session) ?? tokens(999, 48)),
            ...tokens(session * 10 + turn + 1, 200),
          ];
          const placement = await made.route(prompt, { sessionId: `s${session}` });
          cached += placement.decision.predictedTokens;
          reachable += placement.decision.reachableTokens;
          const all = [...prompt, ...tokens(500 + session * 10 + turn, 60)];
          history.set(session, all);
          running.push({ placement, all });
        }
        // They end in another order than they came.
        for (const { placement, all } of running.reverse()) made.complete(placement, all);
        made.clock.advance(5_000);
      }
      return cached / reachable;
    };
    expect(await rateOf('kv')).toBeGreaterThan(0.95);
    expect(await rateOf('round-robin')).toBeLessThan(0.8);
  });

  const feeds = [{ feed: 'events' }, { feed: 'approximate' }] as const;
  it.each(
    feeds,
  )('a burst of one prefix follows its first request while it is computed: $feed', async (worker) => {
    const made = rig({ workers: [worker, worker, worker, worker] });
    const shared = tokens(1, 3_200);
    const burst: Placement[] = [];
    for (let n = 0; n < 4; n++) burst.push(await made.route([...shared, ...tokens(10 + n, 40)]));
    expect(new Set(burst.map(({ worker }) => worker)).size).toBe(1);
    expect(burst.slice(1).every(({ decision }) => decision.predictedTokens === 3_200)).toBe(true);
    // Nobody computed it after all: the belief ends with the requests.
    for (const placement of burst) placement.abandon();
    expect(made.router.score(input(shared)).map(({ overlap }) => overlap.gpu)).toEqual([0, 0, 0, 0]);
  });

  it('the belief in a computed prompt ends when the events had time to come and did not', async () => {
    const made = rig({ workers: [{}] });
    const placement = await made.route(tokens(1, 160));
    made.clock.advance(100_000);
    const seen = (): number => made.router.score(input(tokens(1, 160)))[0]?.overlap.gpu ?? -1;
    expect(seen()).toBe(10);
    placement.firstToken();
    placement.finish(outcomeOf(placement));
    made.clock.advance(DEFAULT_SETTINGS.predictedMs - 1);
    expect(seen()).toBe(10);
    made.clock.advance(1);
    expect(seen()).toBe(0);
  });
});

describe('decisions', () => {
  it('equal workers share unlike requests', async () => {
    const made = rig({ workers: [{}, {}, {}, {}], random: seeded(7) });
    const counts = new Map<string, number>();
    for (let n = 0; n < 400; n++) {
      const placement = await made.route([1, 2, 3]);
      counts.set(placement.worker, (counts.get(placement.worker) ?? 0) + 1);
      placement.abandon();
    }
    expect(counts.size).toBe(4);
    expect(Math.min(...counts.values())).toBeGreaterThan(60);
  });

  it('a wholly cached prompt still computes its last block', async () => {
    const made = rig({ workers: [{}] });
    const prompt = tokens(1, 160);
    await made.serve(prompt, []);
    const again = await made.serve(prompt, []);
    expect(again.decision).toMatchObject({
      predictedTokens: 144,
      reachableTokens: 144,
      predictedByTier: { gpu: 9 },
    });
    expect((await made.serve([...prompt, 1], [])).decision.predictedTokens).toBe(160);
  });

  it('tiers continue each other; removals and clears are seen', async () => {
    const made = rig({ workers: [{}] });
    const locals = localsOf(tokens(1, 160));
    const hashes = sequenceHashes(locals);
    const { router } = made;
    router.applyStored('w0', 'gpu', null, hashes, locals);
    router.applyStored('w0', 'cpu', null, hashes, locals);
    router.applyRemoved('w0', 'gpu', hashes.slice(4));
    const seen = (): unknown => router.score(input(tokens(1, 200)))[0]?.overlap;
    expect(seen()).toEqual({ gpu: 4, cpu: 6, disk: 0, remote: 0 });
    // The engine's own memory: what lies in a tier below stays readable.
    router.applyCleared('w0');
    expect(seen()).toEqual({ gpu: 0, cpu: 10, disk: 0, remote: 0 });
    expect(router.eventsApplied()).toEqual({ stored: 2, removed: 1, cleared: 1, evictedBlocks: 6 });
  });

  it('reachable counts what was evicted everywhere, predicted does not', async () => {
    const made = rig({ workers: [{}] });
    await made.serve(tokens(1, 160), tokens(2, 32));
    made.clock.advance(DEFAULT_SETTINGS.predictedMs);
    made.router.applyCleared('w0');
    const { decision } = await made.route([...tokens(1, 160), ...tokens(2, 32), 1]);
    expect([decision.predictedTokens, decision.reachableTokens]).toEqual([0, 192]);
  });

  it('a worker with another block size has no overlap', async () => {
    const made = rig({ workers: [{ blockTokens: 32 }] });
    await made.serve(tokens(1, 160), []);
    expect(made.router.score(input(tokens(1, 160)))[0]?.overlap.gpu).toBe(0);
  });

  it('can be explained later, with their inputs', async () => {
    const made = rig();
    const placement = await made.route(tokens(1, 160), { requestId: 'why' });
    const decision = made.router.explain('why');
    expect(decision).toBe(placement.decision);
    expect(decision).toMatchObject({ policy: 'kv', promptTokens: 160, queueMs: 0, worker: placement.worker });
    expect(decision?.candidates.map(({ worker }) => worker)).toEqual(['w0', 'w1']);
    expect(decision?.candidates[0]?.terms).toHaveProperty('total');
    expect(made.router.explain('never')).toBeUndefined();
  });

  it('scoring changes nothing', async () => {
    const draws: number[] = [];
    const random = (): number => {
      draws.push(1);
      return 0.5;
    };
    const made = rig({ policyName: 'round-robin', random });
    for (let n = 0; n < 5; n++) {
      expect(made.router.score(input(tokens(1, 160), { requestId: 'asked', sessionId: 's' }))).toHaveLength(
        2,
      );
    }
    expect(made.router.explain('asked')).toBeUndefined();
    expect(made.router.bookedLoad('w0').requests + made.router.bookedLoad('w1').requests).toBe(0);
    expect(draws).toEqual([]);
    const { worker, decision } = await made.route(tokens(1, 160));
    expect([worker, decision.reachableTokens]).toEqual(['w0', 0]);
  });

  it('outcomes reach the policy, failed ones too', async () => {
    const outcomes: boolean[] = [];
    const policy: Policy = {
      name: 'learning',
      select: (_request, candidates) => ({ worker: candidates[0]?.worker ?? '', terms: [], reason: 'first' }),
      onOutcome: ({ failed }) => outcomes.push(failed),
    };
    const made = rig({ policy });
    for (const failed of [false, true]) {
      const placement = await made.route(tokens(1, 160));
      placement.finish(outcomeOf(placement, { failed }));
      placement.finish(outcomeOf(placement, { failed }));
      placement.abandon();
    }
    expect(outcomes).toEqual([false, true]);
  });
});

describe('load', () => {
  it('is booked, measured, told, and released however requests end', async () => {
    const action = fc.record({
      at: fc.nat(20),
      what: fc.constantFrom('route', 'first', 'grow', 'finish', 'fail', 'abandon'),
      size: fc.integer({ min: 1, max: 300 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const told = new Map<string, number>();
        const made = rig({
          observer: {
            onLoad: (worker, load) =>
              told.set(worker, load.requests + load.prefillTokens + load.decodeBlocks),
          },
        });
        const placements: Placement[] = [];
        for (const { at, what, size } of actions) {
          made.clock.advance(size);
          const placement = placements[at % Math.max(1, placements.length)];
          if (what === 'route') placements.push(await made.route(tokens(at, size)));
          else if (placement === undefined) continue;
          else if (what === 'first') placement.firstToken();
          else if (what === 'grow') placement.grew(size);
          else if (what === 'abandon') placement.abandon();
          else placement.finish(outcomeOf(placement, { failed: what === 'fail' }));
        }
        for (const placement of placements) placement.finish(outcomeOf(placement));
        for (const worker of ['w0', 'w1']) {
          expect(made.router.bookedLoad(worker)).toEqual({ requests: 0, prefillTokens: 0, decodeBlocks: 0 });
          expect(told.get(worker) ?? 0).toBe(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('measures prefill and service time of requests that ran alone', async () => {
    const made = rig({ workers: [{}] });
    const placement = await made.route(tokens(1, 1_000));
    made.clock.advance(500);
    placement.firstToken();
    made.clock.advance(1_500);
    placement.finish(outcomeOf(placement, { cachedTokens: 0 }));
    const terms = made.router.score(input(tokens(2, 1_000)))[0]?.terms;
    expect(terms?.['prefill']).toBeCloseTo(500);
  });

  it('measures nothing of a request that waited for what another worker was computing', async () => {
    const made = rig({ workers: [{}] });
    const measured = await made.route(tokens(1, 1_000));
    made.clock.advance(500);
    measured.firstToken();
    measured.finish(outcomeOf(measured, { cachedTokens: 0 }));
    const waited = await made.route(tokens(2, 1_000));
    made.clock.advance(10_000);
    waited.firstToken();
    waited.finish(outcomeOf(waited, { cachedTokens: 900 }));
    const terms = made.router.score(input(tokens(3, 1_000)))[0]?.terms;
    expect(terms?.['prefill']).toBeCloseTo(500);
  });

  it('what the engine reports as waiting is seen by policies', async () => {
    const made = rig({ workers: [{}] });
    made.router.reportLoad('w0', { running: 3, waiting: 5, kvUsage: 0.5 });
    expect(made.router.score(input([1]))[0]?.load.waiting).toBe(5);
    made.router.reportLoad('w9', { running: 3, waiting: 5, kvUsage: 0.5 });
  });
});

describe('workers come and go', () => {
  it('requests wait for a worker that is starting', async () => {
    const made = rig({ workers: [] });
    made.router.addWorker({ id: 'w0', blockTokens: BLOCK, kvBlocks: 0, feed: 'events' });
    const waiting = made.route(tokens(1, 20));
    expect(made.router.queued()).toBe(1);
    made.clock.advance(1_234);
    made.router.setEligible('w0', true);
    expect((await waiting).decision.queueMs).toBe(1_234);
    expect(made.router.queued()).toBe(0);
  });

  it('but not for ever', async () => {
    const made = rig({ workers: [] });
    const waiting = made.route(tokens(1, 20));
    made.clock.advance(DEFAULT_SETTINGS.readyWaitMs);
    await expect(waiting).rejects.toMatchObject({ code: 'not_ready', status: 503 });
  });

  it('over the bound of running requests they wait by priority', async () => {
    const made = rig({ workers: [{}], settings: { maxActivePerWorker: 1 } });
    const running = await made.route(tokens(1, 20));
    const low = made.route(tokens(2, 20), { priority: -1 });
    const high = made.route(tokens(3, 20), { priority: 5 });
    expect(made.router.queued()).toBe(2);
    running.finish(outcomeOf(running));
    const second = await high;
    expect(made.router.queued()).toBe(1);
    second.abandon();
    await low;
  });

  it('a client that hangs up while waiting frees its place', async () => {
    const made = rig({ workers: [] });
    const abort = new AbortController();
    const waiting = made.router.route(input([1]), abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'client_closed' });
    expect([made.router.queued(), made.clock.timers]).toEqual([0, 0]);
  });

  it('a pin is obeyed, waited for, and an unknown one refused', async () => {
    const made = rig();
    for (let n = 0; n < 5; n++)
      expect((await made.route(tokens(n, 20), { workerPin: 'w1' })).worker).toBe('w1');
    made.router.setEligible('w1', false);
    const waiting = made.route(tokens(1, 20), { workerPin: 'w1' });
    expect(made.router.queued()).toBe(1);
    made.router.setEligible('w1', true);
    expect((await waiting).worker).toBe('w1');
    await expect(made.route([1], { workerPin: 'w7' })).rejects.toMatchObject({
      code: 'invalid_request',
      status: 400,
    });
  });

  it('a request is not sent again to a worker that failed it, until that one has restarted', async () => {
    const made = rig();
    expect((await made.route(tokens(1, 20), { exclude: ['w0'] })).worker).toBe('w1');
    const hopeless = made.route(tokens(1, 20), { exclude: ['w0', 'w1'] });
    made.clock.advance(DEFAULT_SETTINGS.failedWaitMs);
    await expect(hopeless).rejects.toMatchObject({ code: 'not_ready' });
    const patient = made.route(tokens(1, 20), { exclude: ['w0', 'w1'] });
    made.clock.advance(1_000);
    made.router.setEligible('w0', false);
    made.clock.advance(DEFAULT_SETTINGS.failedWaitMs);
    made.router.setEligible('w0', true);
    expect((await patient).worker).toBe('w0');
  });

  it('a retry keeps the reachable tokens of the first attempt', async () => {
    const made = rig();
    const first = await made.route(tokens(1, 161), { requestId: 'again' });
    first.abandon();
    const second = await made.route(tokens(1, 161), { requestId: 'again', exclude: [first.worker] });
    expect(second.decision.reachableTokens).toBe(0);
  });

  it('a dropped worker holds nothing; a removed one can come back clean while old requests end', async () => {
    const made = rig({ workers: [{}] });
    await made.serve(tokens(1, 160), []);
    made.router.dropWorkerBlocks('w0');
    expect(made.router.score(input(tokens(1, 160)))[0]?.overlap.gpu).toBe(0);
    const old = await made.route(tokens(1, 160));
    made.router.removeWorker('w0');
    expect([made.router.laneOf('w0'), made.router.score(input([1]))]).toEqual([undefined, []]);
    made.router.addWorker({ id: 'w0', blockTokens: BLOCK, kvBlocks: 0, feed: 'events' });
    made.router.setEligible('w0', true);
    old.finish(outcomeOf(old));
    expect(made.router.bookedLoad('w0')).toEqual({ requests: 0, prefillTokens: 0, decodeBlocks: 0 });
    expect((await made.router.route(input([1]), signal)).worker).toBe('w0');
  });

  it('events of unknown workers are ignored', () => {
    const { router } = rig();
    const locals = localsOf(tokens(1, 160));
    router.applyStored('w9', 'gpu', null, locals, locals);
    router.feedSink('w9').removed('gpu', locals);
    router.feedSink('w9').cleared();
    router.feedSink('w9').dropAll();
    router.setEligible('w9', true);
    router.removeWorker('w9');
  });
});
