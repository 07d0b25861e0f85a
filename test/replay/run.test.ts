import { describe, expect, it } from 'vitest';
import { mockTiming } from '../../src/engines/simulator/timing.js';
import type { ReplayConfig } from '../../src/replay/config.js';
import { fairnessOf } from '../../src/replay/fairness.js';
import { figuresOf } from '../../src/replay/metrics.js';
import { runReplay } from '../../src/replay/run.js';
import { loadPolicy, POLICY_NAMES } from '../../src/router/policies/load-policy.js';
import { conversations, nodes, workloadOf } from './workloads.js';

const config = (over: Partial<ReplayConfig> = {}): ReplayConfig => ({
  workers: 2,
  blocks: 10_000,
  policy: loadPolicy('kv'),
  retention: 'lru',
  seed: 1,
  timing: mockTiming(),
  ...over,
});

describe('runReplay', () => {
  it('times a lone request by the sum of its passes', async () => {
    const workload = workloadOf([{ promptTokens: 1_000, outputTokens: 3, blocks: nodes(0, 15) }]);
    const run = await runReplay(workload, config({ workers: 1 }));
    const { ttftMs, e2eMs } = figuresOf(workload, run);
    const prefill = 4.209989e-7 * 1_000 ** 2 + 1.518344e-2 * 1_000 + 16.50142;
    const share = 16 / 10_000;
    const decode = -25.74 * share ** 2 + 54.01 * share + 5.74;
    expect(ttftMs.mean).toBeCloseTo(prefill, 6);
    expect(e2eMs.mean).toBeCloseTo(prefill + 2 * decode, 1);
  });

  it.each(POLICY_NAMES)('gives the same numbers for the same seed under %s', async (name) => {
    const workload = conversations(6, 5);
    const figures = async () =>
      figuresOf(workload, await runReplay(workload, config({ policy: loadPolicy(name), blocks: 120 })));
    expect(await figures()).toEqual(await figures());
  });

  it('reads everything an endless cache would give when memory is ample and conversations stay', async () => {
    const workload = conversations(4, 6);
    const figures = figuresOf(workload, await runReplay(workload, config()));
    expect(figures.hitRate).toBeCloseTo(figures.hitRateReachable, 6);
    expect(figures.moves).toBe(0);
    expect(figures.requests).toBe(24);
  });

  it('sends a turn only when the answers it waits for came and its pause is over', async () => {
    const workload = workloadOf([
      { outputTokens: 50, blocks: nodes(0, 2) },
      { outputTokens: 90, blocks: nodes(10, 2) },
      { after: [0, 1], delayMs: 500, blocks: nodes(0, 3) },
    ]);
    const { samples } = await runReplay(workload, config());
    const last = Math.max(samples.endMs[0] as number, samples.endMs[1] as number);
    expect((samples.sentMs[2] as number) - last).toBeCloseTo(500, 6);
  });

  it('refuses what no worker can hold, and the turns behind it still run', async () => {
    const workload = workloadOf([
      { promptTokens: 64 * 40, blocks: nodes(0, 40) },
      { after: [0], delayMs: 1, promptTokens: 64, blocks: nodes(0, 1) },
    ]);
    const run = await runReplay(workload, config({ blocks: 20 }));
    const figures = figuresOf(workload, run);
    expect(figures).toMatchObject({ refused: 1, requests: 1 });
  });

  it('counts cached tokens by the kind of text they are', async () => {
    const parts = [
      { kind: 'system', tokens: 128 },
      { kind: 'conversation', tokens: 192 },
    ];
    const turn = { promptTokens: 320, parts };
    const workload = workloadOf([
      { ...turn, blocks: nodes(0, 5) },
      { ...turn, after: [0], blocks: Int32Array.of(0, 1, 2, 8, 9) },
    ]);
    const { byKind } = figuresOf(workload, await runReplay(workload, config({ workers: 1 })));
    expect(byKind).toEqual({
      system: { tokens: 256, cached: 128 },
      conversation: { tokens: 384, cached: 64 },
    });
  });

  it('finds no slowdown in a conversation that was alone', async () => {
    const workload = conversations(1, 4);
    const own = config({ workers: 1 });
    const run = await runReplay(workload, own);
    expect(fairnessOf(workload, run.samples, own)).toEqual({
      slowdown: { mean: expect.closeTo(1, 6), worst: expect.closeTo(1, 6) },
      jain: expect.closeTo(1, 9),
    });
  });

  it('keeps conversations that come back over what nobody will read, under selective retention', async () => {
    const workload = conversations(12, 8, 12);
    const hits = async (retention: 'lru' | 'selective') => {
      const run = await runReplay(workload, config({ retention, workers: 1, blocks: 560 }));
      return figuresOf(workload, run).hitRate;
    };
    expect(await hits('selective')).toBeGreaterThanOrEqual(await hits('lru'));
  });
});
