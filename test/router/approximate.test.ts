import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { input, outcomeOf, rig, tokens } from './support/rig.js';

const prompt = tokens(1, 161);
const predicted = (made: ReturnType<typeof rig>, asked: readonly number[] = prompt): number =>
  made.router.score(input(asked))[0]?.overlap.gpu ?? -1;

describe('a worker without events', () => {
  const one = (kvBlocks = 0): ReturnType<typeof rig> => rig({ workers: [{ feed: 'approximate', kvBlocks }] });

  it('is believed to hold what was sent to it, for a while after its last use', async () => {
    const made = one();
    const placement = await made.route(prompt);
    placement.firstToken();
    placement.finish(outcomeOf(placement));
    made.clock.advance(LIMITS.approximateMs - 1);
    expect(predicted(made)).toBe(10);
    const again = await made.route(prompt);
    expect(again.decision.predictedTokens).toBe(160);
    again.finish(outcomeOf(again));
    made.clock.advance(LIMITS.approximateMs - 1);
    expect(predicted(made)).toBe(10);
    made.clock.advance(1);
    expect(predicted(made)).toBe(0);
  });

  it('does not hold what never ran, and keeps what was there before', async () => {
    const made = one();
    const first = await made.route(prompt.slice(0, 80));
    first.firstToken();
    first.finish(outcomeOf(first));
    made.clock.advance(LIMITS.predictedMs);
    const second = await made.route(prompt);
    expect(predicted(made)).toBe(10);
    second.abandon();
    expect(predicted(made)).toBe(5);
  });

  it('does not hold what one of the same name computed before it was replaced', async () => {
    const made = one();
    const placement = await made.route(prompt);
    made.router.addWorker({ id: 'w0', blockTokens: 16, kvBlocks: 0, feed: 'approximate' });
    made.router.setEligible('w0', true);
    placement.firstToken();
    placement.finish(outcomeOf(placement));
    expect(predicted(made)).toBe(0);
  });

  it('holds no more blocks than it has, the tail of the oldest prompt gone first', async () => {
    const made = one(15);
    for (const topic of [1, 2]) {
      const placement = await made.route(tokens(topic, 161));
      placement.firstToken();
      placement.finish(outcomeOf(placement));
      made.clock.advance(LIMITS.predictedMs);
    }
    expect(predicted(made, tokens(2, 161))).toBe(10);
    expect(predicted(made, tokens(1, 161))).toBe(5);
  });

  it('is believed for less time when the engine reports less than believed, and for more when it agrees', async () => {
    const made = one();
    const run = async (cachedTokens: number): Promise<void> => {
      const placement = await made.route(prompt);
      placement.firstToken();
      placement.finish(outcomeOf(placement, { cachedTokens }));
      made.clock.advance(LIMITS.predictedMs);
    };
    const lifetime = (): number => {
      for (let ms = 0; ; ms += 1_000) {
        if (predicted(made) === 0) return ms;
        made.clock.advance(1_000);
      }
    };
    await run(0);
    await run(160);
    await run(0);
    await run(0);
    await run(0);
    // Entered with a quarter of the lifetime; the third report came after that.
    expect(lifetime()).toBeLessThanOrEqual(LIMITS.approximateMs / 4);
    for (let n = 0; n < 20; n++) await run(0);
    await run(160);
    expect(lifetime()).toBeLessThanOrEqual(LIMITS.approximateMinMs * 2);
    for (let n = 0; n < 20; n++) await run(160);
    expect(lifetime()).toBeGreaterThan(LIMITS.approximateMs / 2);
  });

  it('an engine that never reports cached tokens does not prove us wrong', async () => {
    const made = one();
    for (let n = 0; n < 5; n++) {
      const placement = await made.route(prompt);
      placement.firstToken();
      placement.finish(outcomeOf(placement, { cachedTokens: 0 }));
    }
    made.clock.advance(LIMITS.approximateMs - 1);
    expect(predicted(made)).toBe(10);
  });
});
