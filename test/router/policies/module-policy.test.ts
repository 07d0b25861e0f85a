/** A router of the user's own behind the real router: what it gets, and that nothing it does wrong reaches a request. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/limits.js';
import { modulePolicy } from '../../../src/router/policies/module-policy.js';
import type {
  ModuleCandidate,
  ModuleDraw,
  ModuleFeedback,
  ModuleRequest,
  RouterModule,
} from '../../../src/router/policies/module-types.js';
import type { PolicyFaults } from '../../../src/router/types.js';
import { FakeClock } from '../support/fake-clock.js';
import { BLOCK, outcomeOf, type Rig, rig, seeded, tokens } from '../support/rig.js';

interface Faulty extends Rig {
  faults: { faults: PolicyFaults; message: string }[];
}

function withModule(module: RouterModule, workers = 2): Faulty {
  const faults: Faulty['faults'] = [];
  const observer = {
    onPolicyFault: (all: PolicyFaults, message: string) => faults.push({ faults: all, message }),
  };
  const made = rig({
    policy: modulePolicy(module, 'mine'),
    observer,
    workers: Array.from({ length: workers }, () => ({ kvBlocks: 500 })),
  });
  return { ...made, faults };
}

describe('a router module', () => {
  it('gets tokens per tier, load, cost and the session’s last worker', async () => {
    const seen: [ModuleRequest, readonly ModuleCandidate[]][] = [];
    const made = withModule({
      select: (request, candidates) => {
        seen.push([request, candidates]);
        return 'w1';
      },
    });
    const prompt = tokens(1, 10 * BLOCK);
    await made.serve(prompt, [], { sessionId: 's' });
    await made.route([...prompt, ...tokens(2, 50)], { sessionId: 's', osl: 70, priority: 4 });
    await made.route([...prompt, ...tokens(3, 50)]);
    expect(seen[1]?.[0]).toMatchObject({
      promptTokens: 210,
      expectedOutputTokens: 70,
      priority: 4,
      sessionId: 's',
      lastWorker: 'w1',
    });
    const [first, second] = seen[1]?.[1] as [ModuleCandidate, ModuleCandidate];
    expect(first).toMatchObject({ uncachedTokens: 210, isLastWorker: false, activeRequests: 0 });
    expect(second).toMatchObject({
      cachedTokens: { gpu: 160, cpu: 0, disk: 0, remote: 0 },
      uncachedTokens: 50,
      isLastWorker: true,
      totalBlocks: 500,
    });
    expect(second.cost['total']).toBeLessThan(first.cost['total'] as number);
    expect(seen[2]?.[0]).toMatchObject({ lastWorker: null });
    expect(seen[2]?.[1][1]).toMatchObject({ activeRequests: 1, queuedTokens: 50 });
  });

  it('chooses by worker or by score: the highest wins and equals are shared', async () => {
    const byName = withModule({ select: () => 'w1' });
    const named = await byName.route(tokens(1, 160));
    expect(named.decision).toMatchObject({ worker: 'w1', policy: 'mine', reason: 'chosen' });
    const byScore = withModule({ name: 'scorer', select: () => [1, 3, 2] }, 3);
    const scored = await byScore.route(tokens(1, 160));
    expect(scored.decision).toMatchObject({ worker: 'w1', policy: 'scorer', reason: 'highest score' });
    expect(scored.decision.candidates.map(({ terms }) => terms['score'])).toEqual([1, 3, 2]);
    const equal = withModule({ select: () => [5, 5] });
    const picks = new Set<string>();
    for (let n = 0; n < 40; n++) picks.add((await equal.serve(tokens(n, 64), [])).worker);
    expect([...picks].sort()).toEqual(['w0', 'w1']);
  });

  it('cannot change the router’s records through what it gets', async () => {
    const made = withModule({
      select: (_request, candidates) => {
        for (const candidate of candidates) {
          candidate.worker = 'w9';
          candidate.cachedTokens.gpu = 1e9;
          candidate.activeRequests = -5;
          Object.assign(candidate.cost, { total: Number.NaN });
        }
        return [0, 1];
      },
    });
    const { decision } = await made.route(tokens(1, 160));
    expect(decision).toMatchObject({ worker: 'w1', predictedTokens: 0 });
    expect(decision.candidates[1]).toMatchObject({ worker: 'w1', load: { activeRequests: 0 } });
  });

  it('hears how each request ended, with what it was chosen for', async () => {
    const heard: ModuleFeedback[] = [];
    const made = withModule({ select: () => 'w0', onOutcome: (feedback) => heard.push(feedback) });
    await made.route(tokens(9, 100));
    const placement = await made.route(tokens(1, 160), { sessionId: 's' });
    const measured = { ttftMs: 12, itlMs: 3, cachedTokens: 32, outputTokens: 7 };
    placement.finish(outcomeOf(placement, measured));
    expect(heard).toEqual([
      {
        requestId: placement.decision.requestId,
        worker: 'w0',
        sessionId: 's',
        ttftMs: 12,
        interTokenMs: 3,
        promptTokens: 160,
        uncachedTokens: 160,
        queuedTokens: 100,
        cachedTokens: 32,
        outputTokens: 7,
        failed: false,
      },
    ]);
    const cancelled = await made.route(tokens(2, 160));
    cancelled.abandon();
    expect(heard).toHaveLength(1);
  });

  it('draws the same numbers for the same seed', async () => {
    const drawn = async (): Promise<number[]> => {
      const numbers: number[] = [];
      const select = (_r: ModuleRequest, _c: readonly ModuleCandidate[], { random }: ModuleDraw): string => {
        numbers.push(random(), random());
        return 'w0';
      };
      const made = rig({ policy: modulePolicy({ select }, 'mine'), random: seeded(7) });
      for (let n = 0; n < 3; n++) await made.route(tokens(n, 64));
      return numbers;
    };
    const first = await drawn();
    expect(new Set(first).size).toBe(6);
    expect(await drawn()).toEqual(first);
  });
});

describe('a router module that is wrong', () => {
  const boom = (): never => {
    throw new Error('boom');
  };
  const wrong: [string, () => unknown, RegExp][] = [
    ['throws', boom, /failed: Error: boom/],
    ['names nobody', () => 'w9', /chose `w9`, which is no candidate/],
    ['answers nothing', () => undefined, /neither a worker nor a list/],
    ['answers a promise', () => Promise.resolve('w0'), /returned a promise/],
    ['rejects', () => Promise.reject(new Error('late')), /returned a promise/],
    ['scores too few', () => [1], /1 scores for 2 candidates/],
    ['scores NaN', () => [1, Number.NaN], /no finite number/],
    ['scores Infinity', () => [Number.POSITIVE_INFINITY, 1], /no finite number/],
    ['scores text', () => ['1', '2'], /no finite number/],
    ['answers a candidate', () => ({ worker: 'w0' }), /neither a worker nor a list/],
  ];

  it.each(
    wrong,
  )('that %s costs a decision of the default, not the request', async (_name, select, message) => {
    const made = withModule({ select: select as RouterModule['select'] });
    const { decision } = await made.route(tokens(1, 160));
    expect(['w0', 'w1']).toContain(decision.worker);
    expect(decision).toMatchObject({ policy: 'mine', fault: expect.stringMatching(message) });
    expect(decision.reason).toMatch(/^kv, /);
    expect(decision.candidates[0]?.terms['prefill']).toBeGreaterThan(0);
    expect(made.faults).toMatchObject([{ faults: { count: 1 }, message: expect.stringMatching(message) }]);
    expect(made.router.explain(decision.requestId)?.fault).toMatch(message);
  });

  it('on an outcome is reported, and the booking is released all the same', async () => {
    const made = withModule({ select: () => 'w0', onOutcome: boom });
    const placement = await made.route(tokens(1, 160));
    placement.finish(outcomeOf(placement));
    expect(made.faults[0]?.message).toMatch(/router mine failed on an outcome.*boom/);
    expect(made.router.bookedLoad('w0')).toEqual({ requests: 0, prefillTokens: 0, decodeBlocks: 0 });
  });

  it('by being slow loses that decision; three times running, it is left alone for a minute', async () => {
    const clock = new FakeClock();
    let asked = 0;
    let tookMs = LIMITS.policyMs + 1;
    const select = (): string => {
      asked += 1;
      clock.advance(tookMs);
      return 'w1';
    };
    const messages: string[] = [];
    const made = rig({
      policy: modulePolicy({ select }, 'slow'),
      clock,
      observer: { onPolicyFault: (_faults, message) => messages.push(message) },
    });
    const decide = async () => (await made.route(tokens(asked + 100, 160))).decision;
    expect((await decide()).fault).toMatch(/took 6\.0 ms, 5 are allowed/);
    tookMs = 1;
    expect(await decide()).toMatchObject({ worker: 'w1', reason: 'chosen' });
    tookMs = 50;
    for (let n = 0; n < 3; n++) await decide();
    expect(messages).toHaveLength(4);
    expect(messages.at(-1)).toMatch(/not asked for 60 s/);
    const before = asked;
    tookMs = 1;
    expect((await decide()).fault).toMatch(/set aside/);
    expect(asked).toBe(before);
    clock.advance(LIMITS.policyRestMs);
    expect(await decide()).toMatchObject({ worker: 'w1', reason: 'chosen' });
  });
});
