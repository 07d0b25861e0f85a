import { describe, expect, it } from 'vitest';
import { typicalPrefill, WorkerRecord } from '../../src/router/worker-record.js';

const record = (id: string) => new WorkerRecord({ id, blockTokens: 64, kvBlocks: 100, feed: 'events' }, 0);

describe('the speed of a worker nobody has measured', () => {
  it('is the fallback while none is measured', () => {
    expect(typicalPrefill([record('a'), record('b')], 0.5)).toBe(0.5);
  });

  it('is the mean of the measured ones, so that it looks neither faster nor slower than its neighbours', () => {
    const [a, b, c] = [record('a'), record('b'), record('c')];
    a.measurePrefill(200, 100);
    b.measurePrefill(400, 100);
    expect(typicalPrefill([a, b, c], 0.5)).toBe(3);
    expect(c.prefillMsPerToken).toBeNull();
  });

  it('is not learnt from prompts too short to tell', () => {
    const a = record('a');
    a.measurePrefill(500, 10);
    expect(a.prefillMsPerToken).toBeNull();
  });
});
