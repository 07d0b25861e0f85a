import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costTerms } from '../../src/router/cost.js';
import { dynamoPolicy } from '../../src/router/policies/dynamo.js';
import { loadPolicy, POLICY_NAMES } from '../../src/router/policies/load-policy.js';
import type { Candidate, RoutingRequest } from '../../src/router/types.js';

type Change = Omit<Partial<Candidate>, 'overlap' | 'load'> & {
  overlap?: Partial<Candidate['overlap']>;
  load?: Partial<Candidate['load']>;
};

function candidate(worker: string, change: Change = {}): Candidate {
  const { overlap, load, ...rest } = change;
  return {
    worker,
    kvBlocks: 0,
    liveBlocks: 0,
    isHome: false,
    prefillMsPerToken: 0.1,
    ...rest,
    overlap: { gpu: 0, cpu: 0, disk: 0, remote: 0, ...overlap },
    load: { activeRequests: 0, prefillTokens: 0, decodeBlocks: 0, waiting: 0, ...load },
  };
}

function request(change: Partial<RoutingRequest> = {}): RoutingRequest {
  const promptTokens = change.promptTokens ?? 1_600;
  return {
    id: 'r',
    promptTokens,
    blockTokens: 16,
    promptBlocks: Math.ceil(promptTokens / 16),
    expectedOutputTokens: 160,
    priority: 0,
    ...change,
  };
}

const draw = { random: 0, turn: 0 };

describe('every policy', () => {
  const some = fc.record({
    gpu: fc.nat(120),
    activeRequests: fc.nat(40),
    prefillTokens: fc.nat(50_000),
    decodeBlocks: fc.nat(4_000),
    kvBlocks: fc.constantFrom(0, 512, 4_478),
    liveBlocks: fc.nat(6_000),
    isHome: fc.boolean(),
  });

  it.each(POLICY_NAMES)('%s names a candidate with finite terms and changes nothing', (name) => {
    fc.assert(
      fc.property(
        fc.array(some, { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        fc.nat(),
        (facts, random, turn) => {
          const candidates = facts.map(({ gpu, kvBlocks, liveBlocks, isHome, ...load }, n) =>
            candidate(`w${n}`, { overlap: { gpu }, load, kvBlocks, liveBlocks, isHome }),
          );
          const before = structuredClone(candidates);
          const choice = loadPolicy(name).select(request(), candidates, { random, turn });
          expect(candidates.map(({ worker }) => worker)).toContain(choice.worker);
          expect(choice.terms).toHaveLength(candidates.length);
          expect(choice.terms.flatMap((terms) => Object.values(terms)).every(Number.isFinite)).toBe(true);
          expect(candidates).toEqual(before);
        },
      ),
    );
  });

  it('an unknown name is a usage error that lists the others', () => {
    expect(() => loadPolicy('fastest')).toThrowError(
      expect.objectContaining({ code: 'usage', remedy: expect.stringContaining('round-robin') }),
    );
    expect(() => loadPolicy('constructor')).toThrowError(expect.objectContaining({ code: 'usage' }));
  });
});

describe('kv', () => {
  const kv = loadPolicy('kv');
  const pick = (candidates: Candidate[], change: Partial<RoutingRequest> = {}): string =>
    kv.select(request(change), candidates, draw).worker;

  it('goes where the prefix is, and to the less loaded worker when both have it', () => {
    expect(pick([candidate('a'), candidate('b', { overlap: { gpu: 90 } })])).toBe('b');
    const both = { overlap: { gpu: 90 } };
    expect(pick([candidate('a', { ...both, load: { prefillTokens: 4_000 } }), candidate('b', both)])).toBe(
      'b',
    );
  });

  it('leaves the prefix behind once its queue costs more than computing it again', () => {
    const held = { overlap: { gpu: 90 } };
    const queued = (prefillTokens: number): string =>
      pick([candidate('a', { ...held, load: { prefillTokens, activeRequests: 1 } }), candidate('b')]);
    expect(queued(1_300)).toBe('a');
    expect(queued(1_600)).toBe('b');
  });

  it('reads a lower tier rather than compute, and the gpu rather than a lower tier', () => {
    expect(pick([candidate('a'), candidate('b', { overlap: { remote: 90 } })])).toBe('b');
    expect(pick([candidate('a', { overlap: { cpu: 90 } }), candidate('b', { overlap: { gpu: 90 } })])).toBe(
      'b',
    );
  });

  it('spreads new sessions by the context that lives on a worker', () => {
    expect(pick([candidate('a', { liveBlocks: 300 }), candidate('b', { liveBlocks: 200 })])).toBe('b');
  });

  it('does not move a session for balance, but does for memory', () => {
    const home = { isHome: true, overlap: { gpu: 20 }, kvBlocks: 1_000 };
    expect(
      pick([candidate('a', { ...home, liveBlocks: 800 }), candidate('b', { kvBlocks: 1_000 })], {
        promptTokens: 336,
      }),
    ).toBe('a');
    expect(
      pick([candidate('a', { ...home, liveBlocks: 1_500 }), candidate('b', { kvBlocks: 1_000 })], {
        promptTokens: 336,
      }),
    ).toBe('b');
  });

  it('follows a prefix that is being computed rather than compute it twice', () => {
    const computing = {
      overlap: { gpu: 90 },
      pendingBlocks: 90,
      load: { prefillTokens: 1_440, activeRequests: 1 },
      liveBlocks: 90,
    };
    expect(pick([candidate('a', computing), candidate('b')])).toBe('a');
  });

  it('charges eviction of live blocks as prefill: an idle cache is better than a full one', () => {
    const full = candidate('a', { kvBlocks: 1_000, liveBlocks: 980 });
    const [terms] = costTerms(request(), [full]);
    // 110 blocks needed, 20 to spare, 1.6 ms each, twice.
    expect(terms?.['evict']).toBeCloseTo(2 * 1.6 * 90);
    expect(terms?.['overcommit']).toBeCloseTo(0.5 * 1.6 * 90);
  });

  it('shares ties by the drawn number', () => {
    const same = ['a', 'b', 'c'].map((worker) => candidate(worker));
    const picks = [0, 0.4, 0.9].map((random) => kv.select(request(), same, { random, turn: 0 }).worker);
    expect(picks).toEqual(['a', 'b', 'c']);
  });
});

describe('dynamo', () => {
  it('is NVIDIA Dynamo’s formula with its defaults', () => {
    const one = candidate('a', {
      overlap: { gpu: 10, cpu: 4, disk: 2, remote: 6 },
      load: { prefillTokens: 320, decodeBlocks: 50, activeRequests: 3 },
    });
    const { terms } = dynamoPolicy().select(request(), [one], draw);
    // (320 + 1600) / 16 − 10 − 0.75·4 − 0.25·2 − 0.5·6 = 103.5, and 50 + 100 decode blocks.
    expect(terms[0]).toEqual({ prefill: 103.5, decode: 150, active: 0, total: 253.5 });
  });

  it('the documented example: costs 18, 10 and 11 pick the second worker', () => {
    const at = (worker: string, decodeBlocks: number, gpu: number): Candidate =>
      candidate(worker, { overlap: { gpu }, load: { decodeBlocks } });
    const short = request({ promptTokens: 160 });
    const { worker, terms } = dynamoPolicy().select(
      short,
      [at('a', 0, 2), at('b', 0, 10), at('c', 1, 10)],
      draw,
    );
    expect(terms.map((term) => term['total'])).toEqual([18, 10, 11]);
    expect(worker).toBe('b');
  });

  it('decay takes credit from a worker with more queued prefill', () => {
    const busy = candidate('a', { overlap: { gpu: 100 }, load: { prefillTokens: 1_600 } });
    const { terms } = dynamoPolicy({ creditDecay: 1 }).select(request(), [busy, candidate('b')], draw);
    expect(terms[0]?.['prefill']).toBe(150);
  });

  it('a temperature draws by cost: cheap workers more often, none never', () => {
    const candidates = [0, 50, 100].map((decodeBlocks, n) => candidate(`w${n}`, { load: { decodeBlocks } }));
    const policy = dynamoPolicy({ temperature: 1 });
    const picks = Array.from(
      { length: 1_000 },
      (_, n) => policy.select(request(), candidates, { random: n / 1_000, turn: n }).worker,
    );
    const counts = ['w0', 'w1', 'w2'].map((worker) => picks.filter((pick) => pick === worker).length);
    // Softmax of 0, −½ and −1.
    expect(counts.map((count) => count / 1_000)).toEqual([
      expect.closeTo(0.506, 2),
      expect.closeTo(0.307, 2),
      expect.closeTo(0.186, 2),
    ]);
  });
});

describe('plain policies', () => {
  const three = ['a', 'b', 'c'].map((worker) => candidate(worker));

  it('round-robin takes turns', () => {
    const picks = [0, 1, 2, 3].map(
      (turn) => loadPolicy('round-robin').select(request(), three, { random: 0.5, turn }).worker,
    );
    expect(picks).toEqual(['a', 'b', 'c', 'a']);
  });

  it('least-loaded counts requests first, then work', () => {
    const candidates = [
      candidate('a', { load: { activeRequests: 2 } }),
      candidate('b', { load: { activeRequests: 1, prefillTokens: 9_000 } }),
      candidate('c', { load: { activeRequests: 1, prefillTokens: 100 } }),
    ];
    expect(loadPolicy('least-loaded').select(request(), candidates, draw).worker).toBe('c');
  });

  it('power-of-two draws every pair and never takes the busier of the two', () => {
    const candidates = ['a', 'b', 'c'].map((worker, n) => candidate(worker, { load: { activeRequests: n } }));
    const picks = new Map<string, number>();
    for (let n = 0; n < 600; n++) {
      const { worker } = loadPolicy('power-of-two').select(request(), candidates, {
        random: n / 600,
        turn: n,
      });
      picks.set(worker, (picks.get(worker) ?? 0) + 1);
    }
    expect(picks.get('c')).toBeUndefined();
    expect(picks.get('a')).toBe(400);
    expect(picks.get('b')).toBe(200);
  });
});
