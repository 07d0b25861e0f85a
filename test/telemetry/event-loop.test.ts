import { afterEach, describe, expect, it } from 'vitest';
import { EventLoopGauge, worse } from '../../src/telemetry/event-loop.js';

let gauge: EventLoopGauge;
afterEach(() => gauge?.close());

const turn = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const block = (ms: number) => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

describe('delays of the event loop', () => {
  it('show what held it up, and forget it when a measurement begins', async () => {
    gauge = new EventLoopGauge();
    await turn(30);
    block(150);
    await turn(30);
    expect(gauge.summary().max).toBeGreaterThan(100);
    gauge.restart();
    expect(gauge.summary()).toEqual({ p50: null, p99: null, p999: null, max: null });
  });

  it('are the larger of two windows', () => {
    const a = { p50: 1, p99: null, p999: 3, max: 8 };
    const b = { p50: 2, p99: 5, p999: null, max: 7 };
    expect(worse(a, b)).toEqual({ p50: 2, p99: 5, p999: 3, max: 8 });
  });
});
