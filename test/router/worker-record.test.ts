import { describe, expect, it } from 'vitest';
import { prefillSpeed, typicalPrefill, WorkerRecord } from '../../src/router/worker-record.js';

const record = (id: string) => new WorkerRecord({ id, blockTokens: 64, kvBlocks: 100, feed: 'events' }, 0);

describe('the speed of a worker nobody has measured', () => {
  it('is the fallback while none is measured', () => {
    expect(typicalPrefill([record('a'), record('b')], 0.5)).toBe(0.5);
  });

  it('is the mean of the measured ones, so that it looks neither faster nor slower than its neighbours', () => {
    const [a, b, c] = [record('a'), record('b'), record('c')];
    a.measurePrefill(200, 100, 0);
    b.measurePrefill(400, 100, 0);
    expect(typicalPrefill([a, b, c], 0.5)).toBe(3);
    expect(c.prefillMsPerToken).toBeNull();
  });

  it('is not learnt from prompts too short to tell', () => {
    const a = record('a');
    a.measurePrefill(500, 10, 0);
    expect(a.prefillMsPerToken).toBeNull();
  });
});

describe('the speed to reckon with', () => {
  it('is common to workers that differ by what else they ran, and its own for one of another kind', () => {
    const [a, b] = [record('a'), record('b')];
    a.measurePrefill(1_200, 1_000, 0);
    b.measurePrefill(5_000, 1_000, 0);
    expect(prefillSpeed(a, 1, 0)).toBe(1);
    expect(prefillSpeed(b, 1, 0)).toBe(5);
  });

  it('is told by long prompts more than by short ones', () => {
    const a = record('a');
    a.measurePrefill(20_000, 10_000, 0);
    for (let n = 0; n < 20; n++) a.measurePrefill(1_000, 100, 0);
    expect(a.prefillMsPerToken).toBeLessThan(4);
  });

  it('fades while it is not seen again: a slow worker gets no request to show that it is not', () => {
    const [once, always] = [record('once'), record('always')];
    once.measurePrefill(1_800, 1_000, 0);
    always.measurePrefill(10_000, 1_000, 0);
    expect(prefillSpeed(once, 1, 10_000)).toBeGreaterThan(1.5);
    expect(prefillSpeed(once, 1, 60_000)).toBe(1);
    expect(prefillSpeed(always, 1, 60_000)).toBeCloseTo(10 ** 0.5);
    expect(prefillSpeed(always, 1, 240_000)).toBe(1);
    always.measurePrefill(10_000, 1_000, 240_000);
    expect(prefillSpeed(always, 1, 240_000)).toBeCloseTo(10);
    // What it was long ago weighs less than what it is now.
    once.measurePrefill(1_000, 1_000, 240_000);
    expect(once.prefillMsPerToken).toBeLessThan(1.1);
  });
});
