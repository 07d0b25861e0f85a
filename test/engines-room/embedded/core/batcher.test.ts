/** The batcher over a device whose answers betray any wrong reuse of KV. No model, no clock. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batcher } from '../../../../src/engines/embedded/core/batcher.js';
import { SlotCache } from '../../../../src/engines/embedded/core/slot-cache.js';
import { LIMITS } from '../../../../src/limits.js';
import { answerTo, FakeDevice, VOCAB } from './fake-device.js';
import { byValue, EventReplay, type Outcome, run, spelledBy, start } from './jobs.js';

const CONTEXT = 1_024;

function open(slots: number) {
  const device = new FakeDevice(slots);
  const facts = { modelSha256: 'm', libraryVersion: 'v', kvType: 'f16', rope: 'r' };
  const cache = new SlotCache({ slots, contextTokens: CONTEXT, facts });
  const batcher = new Batcher({ device, cache, contextTokens: CONTEXT, vocabTokens: VOCAB });
  const replay = new EventReplay();
  batcher.listen((events) => replay.take(events));
  return { device, cache, batcher, replay };
}

/** Tokens that differ by seed. */
const prompt = (length: number, seed = 1): number[] =>
  Array.from({ length }, (_, at) => 1 + ((at * 7 + seed * 131) % (VOCAB - 1)));

/** A prompt whose answer does not end by itself before `atLeast` tokens. */
function talkative(length: number, atLeast: number, from = 1): number[] {
  for (let seed = from; ; seed++) {
    if (answerTo(prompt(length, seed), atLeast).length === atLeast) return prompt(length, seed);
  }
}

describe('calls', () => {
  it('keeps the memory of a marked conversation while others come and go, and of a finished one least', async () => {
    const { batcher } = open(2);
    const span = (priority: number, durationMs: number) => [{ start: 0, end: 400, priority, durationMs }];
    await run(batcher, { prompt: prompt(320, 1), maxTokens: 1, retention: span(80, 300_000) });
    await run(batcher, { prompt: prompt(320, 1), maxTokens: 1, isWarm: true });
    for (let seed = 2; seed < 6; seed++) await run(batcher, { prompt: prompt(320, seed), maxTokens: 1 });
    expect((await run(batcher, { prompt: prompt(320, 1), maxTokens: 1 })).cachedTokens).toBe(256);
    const other = open(2).batcher;
    await run(other, { prompt: prompt(320, 1), maxTokens: 1 });
    await run(other, { prompt: prompt(320, 2), maxTokens: 1, retention: span(10, 0) });
    await run(other, { prompt: prompt(320, 3), maxTokens: 1 });
    expect((await run(other, { prompt: prompt(320, 1), maxTokens: 1 })).cachedTokens).toBe(256);
  });

  it('prefill full blocks from block boundaries, the tail alone, and want a token only from the last row', async () => {
    const { device, batcher } = open(1);
    await run(batcher, { prompt: prompt(600), maxTokens: 1 });
    expect(device.calls.map(({ rows, position, wantsToken }) => [position, rows, wantsToken])).toEqual([
      [0, 256, false],
      [256, 256, false],
      [512, 64, false],
      [576, 24, true],
    ]);
  });

  it('go one row per running job, then one chunk of 64 rows for the prompt that waits', async () => {
    const { device, batcher } = open(2);
    let second: Promise<Outcome> | undefined;
    await run(batcher, {
      prompt: talkative(10, 20),
      maxTokens: 20,
      onToken: () => {
        second ??= run(batcher, { prompt: prompt(320, 3), maxTokens: 1 });
      },
    });
    await second;
    const other = device.calls.flatMap((call, at) => (call.slot === 1 ? [at] : []));
    expect(other.map((at) => device.calls[at]!.rows)).toEqual([64, 64, 64, 64, 64]);
    // Between two chunks the running job gets its row.
    expect(
      other.slice(1).every((at) => device.calls[at - 1]!.slot === 0 && device.calls[at - 1]!.rows === 1),
    ).toBe(true);
  });
});

describe('order', () => {
  it('gives a slot by priority, then arrival', async () => {
    const { batcher } = open(1);
    const ends: string[] = [];
    const job = (name: string, priority: number) =>
      run(batcher, {
        prompt: prompt(70, name.charCodeAt(0)),
        maxTokens: 2,
        priority,
        onEnd: () => ends.push(name),
      });
    await Promise.all([job('a', 0), job('b', 0), job('c', 5), job('d', -1), job('e', 5)]);
    expect(ends).toEqual(['c', 'e', 'a', 'b', 'd']);
  });

  it('lets a more important prompt overtake a long one between chunks', async () => {
    const { batcher } = open(2);
    const ends: string[] = [];
    const long = start(batcher, { prompt: prompt(1_000), maxTokens: 1, onEnd: () => ends.push('long') });
    let urgent: Promise<Outcome> | undefined;
    await new Promise<void>((resolve) => {
      batcher.listen(() => {
        urgent ??= run(batcher, {
          prompt: prompt(100, 9),
          maxTokens: 1,
          priority: 1,
          onEnd: () => ends.push('urgent'),
        });
        resolve();
      });
    });
    await Promise.all([long.done, urgent]);
    expect(ends).toEqual(['urgent', 'long']);
  });

  it('computes a prefix once for prompts that arrive together', async () => {
    const { batcher, device } = open(3);
    const shared = prompt(256);
    const prompts = [5, 6, 7].map((seed) => [...shared, ...prompt(10, seed)]);
    const outcomes = await Promise.all(
      prompts.map((tokens) => run(batcher, { prompt: tokens, maxTokens: 3 })),
    );
    expect(outcomes.map(({ cachedTokens }) => cachedTokens)).toEqual([0, 256, 256]);
    // Every block of the shared prefix was computed in one call.
    expect(device.calls.filter(({ position, rows }) => position < 256 && rows >= 64)).toHaveLength(1);
    expect(outcomes.map(({ tokens }) => tokens)).toEqual(prompts.map((tokens) => answerTo(tokens, 3)));
  });
});

describe('cancel', () => {
  it('ends a waiting, a prefilling and a decoding job, and frees their slots', async () => {
    const { batcher, device, cache } = open(2);
    const decoding = start(batcher, {
      prompt: prompt(20, 14),
      maxTokens: 900,
      onToken: () => decoding.handle.cancel(),
    });
    const waiting = start(batcher, { prompt: prompt(100, 2) });
    waiting.handle.cancel();
    const prefilling = start(batcher, {
      prompt: prompt(900, 3),
      onStart: () => void setImmediate(() => prefilling.handle.cancel()),
    });
    const outcomes = await Promise.all([decoding.done, waiting.done, prefilling.done]);
    expect(outcomes.map(({ reason }) => reason)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(outcomes[1]?.cachedTokens).toBeNull();
    expect(outcomes[2]?.tokens).toEqual([]);
    expect(device.openPickers).toBe(0);
    expect(cache.hasIdleSlot()).toBe(true);
    // What was computed stays: the cancelled prompt is found again, its answer is right.
    const again = await run(batcher, { prompt: prompt(900, 3), maxTokens: 4 });
    expect(again.cachedTokens).toBeGreaterThan(0);
    expect(again.tokens).toEqual(answerTo(prompt(900, 3), 4));
  });

  it('is idempotent and does nothing after the end', async () => {
    const { batcher } = open(1);
    const job = start(batcher, { prompt: prompt(5), maxTokens: 1 });
    await job.done;
    job.handle.cancel();
    job.handle.cancel();
    expect((await run(batcher, { prompt: prompt(5), maxTokens: 1 })).reason).not.toBe('cancelled');
  });

  it('ends everything at close, and refuses what comes later', async () => {
    const { batcher } = open(1);
    const jobs = [1, 2, 3].map((seed) => start(batcher, { prompt: prompt(300, seed), maxTokens: 500 }));
    await batcher.close();
    const outcomes = await Promise.all(jobs.map(({ done }) => done));
    expect(outcomes.map(({ reason }) => reason)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    const late = await run(batcher, { prompt: prompt(5) });
    expect([late.reason, late.error]).toMatchObject(['error', { code: 'draining' }]);
  });
});

describe('failures', () => {
  it('of a call cost one job and its slot, not the others', async () => {
    const { batcher, device, replay, cache } = open(2);
    device.failNextDecode = true;
    const [bad, good] = await Promise.all([
      run(batcher, { prompt: prompt(200, 1) }),
      run(batcher, { prompt: prompt(200, 2), maxTokens: 5 }),
    ]);
    expect([bad.reason, bad.error?.message]).toEqual(['error', 'the device failed']);
    expect(good.tokens).toEqual(answerTo(prompt(200, 2), 5));
    expect(replay.hashes()).toEqual(cache.hashes().sort(byValue));
    const again = await run(batcher, { prompt: prompt(200, 1), maxTokens: 5 });
    expect(again.tokens).toEqual(answerTo(prompt(200, 1), 5));
  });

  it('of a copy cost the prefix, not the answer', async () => {
    const { batcher, device, replay, cache } = open(2);
    device.refuseCopies = true;
    await run(batcher, { prompt: prompt(300), maxTokens: 1 });
    const forked = [...prompt(128), ...prompt(100, 8)];
    const other = await run(batcher, { prompt: forked, maxTokens: 4 });
    expect(device.calls.some(({ op }) => op === 'copy')).toBe(true);
    expect(other.cachedTokens).toBe(0);
    expect(other.tokens).toEqual(answerTo(forked, 4));
    expect(replay.hashes()).toEqual(cache.hashes().sort(byValue));
  });

  it('of a callback end that job alone', async () => {
    const { batcher } = open(1);
    const job = start(batcher, {
      prompt: talkative(30, 2),
      onToken: () => {
        throw new Error('the listener failed');
      },
    });
    expect(await job.done).toMatchObject({ reason: 'error', error: { message: 'the listener failed' } });
    expect((await run(batcher, { prompt: talkative(30, 2), maxTokens: 2 })).reason).not.toBe('error');
  });

  it('in a job itself are told as its end', async () => {
    const { batcher } = open(1);
    const ends = await Promise.all([
      run(batcher, { prompt: [] }),
      run(batcher, { prompt: prompt(CONTEXT) }),
      run(batcher, { prompt: [VOCAB] }),
      run(batcher, { prompt: [1], maxTokens: 0 }),
      run(batcher, { prompt: [1], maxTokens: Number.NaN }),
    ]);
    expect(ends.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      'invalid_request',
      'prompt_too_long',
      'invalid_request',
      'invalid_request',
      'invalid_request',
    ]);
  });

  it('refuse more waiting jobs than the bound', async () => {
    const { batcher } = open(1);
    const jobs = Array.from({ length: LIMITS.coreWaitingMax + 1 }, () =>
      start(batcher, { prompt: [1], maxTokens: 1 }),
    );
    expect((await jobs.at(-1)!.done).error).toMatchObject({ code: 'overloaded' });
    await batcher.close();
    await Promise.all(jobs.map(({ done }) => done));
  });
});

describe('the cache', () => {
  it('is emptied of what no job uses', async () => {
    const { batcher, replay, device, cache } = open(2);
    await run(batcher, { prompt: prompt(200, 1), maxTokens: 1 });
    const running = start(batcher, { prompt: prompt(300, 2), maxTokens: 5, onToken: () => batcher.clear() });
    expect((await running.done).tokens).toEqual(answerTo(prompt(300, 2), 5));
    expect(device.slots.filter((held) => held.length > 0)).toHaveLength(1);
    expect(replay.hashes()).toEqual(cache.hashes().sort(byValue));
    batcher.clear();
    expect([cache.blocksUsed, replay.blocks.size]).toEqual([0, 0]);
    expect((await run(batcher, { prompt: prompt(200, 1), maxTokens: 1 })).cachedTokens).toBe(0);
  });

  it('is emptied after the call in flight, not during it', async () => {
    const { batcher, device, cache, replay } = open(2);
    await run(batcher, { prompt: prompt(200, 1), maxTokens: 1 });
    const before = cache.blocksUsed;
    let duringCall = 0;
    device.duringDecode = () => {
      batcher.clear();
      duringCall = cache.blocksUsed;
      device.duringDecode = () => {};
    };
    await run(batcher, { prompt: prompt(64, 2), maxTokens: 1 });
    expect(duringCall).toBe(before);
    expect(replay.spelled()).toEqual(spelledBy([prompt(64, 2)], 64));
    expect(device.slots.filter((held) => held.length > 0)).toHaveLength(1);
  });

  it('is never shared between salts', async () => {
    const { batcher, replay } = open(2);
    await run(batcher, { prompt: prompt(200), maxTokens: 1, cacheSalt: 'a' });
    const other = await run(batcher, { prompt: prompt(200), maxTokens: 1, cacheSalt: 'b' });
    expect(other.cachedTokens).toBe(0);
    expect(replay.stored).toBe(6);
    expect((await run(batcher, { prompt: prompt(200), maxTokens: 1, cacheSalt: 'a' })).cachedTokens).toBe(
      192,
    );
  });
});

describe('any mix of jobs', () => {
  const trunk = prompt(512);
  const jobArb = fc.record({
    shared: fc.integer({ min: 0, max: 512 }),
    own: fc.integer({ min: 1, max: 200 }),
    seed: fc.integer({ min: 1, max: 3 }),
    maxTokens: fc.integer({ min: 1, max: 150 }),
    priority: fc.integer({ min: 0, max: 2 }),
    cacheSalt: fc.constantFrom('', '', 's'),
    cancelAfter: fc.option(fc.integer({ min: 0, max: 20 }), { freq: 4 }),
    waitsForPrevious: fc.boolean(),
  });

  it('is answered as by a fresh engine, and its events tell exactly what the cache holds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(jobArb, { minLength: 1, maxLength: 12 }),
        async (slots, jobs) => {
          const { batcher, cache, replay, device } = open(slots);
          const pending: Promise<void>[] = [];
          for (const job of jobs) {
            const tokens = [...trunk.slice(0, job.shared), ...prompt(job.own, job.seed)];
            let seen = 0;
            const { handle, done } = start(batcher, {
              ...job,
              prompt: tokens,
              onToken: () => {
                if (seen++ === job.cancelAfter) handle.cancel();
              },
            });
            const expected = answerTo(tokens, job.maxTokens);
            pending.push(
              done.then((outcome) => {
                if (outcome.reason === 'cancelled')
                  expect(outcome.tokens).toEqual(expected.slice(0, outcome.tokens.length));
                else expect(outcome.tokens).toEqual(expected);
              }),
            );
            if (job.waitsForPrevious) await pending.at(-1);
          }
          await Promise.all(pending);
          expect(replay.hashes()).toEqual(cache.hashes().sort(byValue));
          // Not only the books: what the events spell is what the device holds.
          expect(replay.spelled()).toEqual(spelledBy(device.slots, 64));
          expect(device.openPickers).toBe(0);
          expect([batcher.running, batcher.waiting]).toEqual([0, 0]);
          device.slots.forEach((held, slot) => {
            expect(held.length).toBe(cache.length(slot));
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});
