/** Kinds of tokens are told after a request, never in its way, and never more at once than is left over. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RegionTally, tokensByKind } from '../../src/gateway/region-tally.js';
import { LIMITS } from '../../src/limits.js';
import type { PreparedPrompt, Region } from '../../src/prompt/types.js';
import { createSnapshotStore } from '../../src/telemetry/snapshot.js';
import type { StampedEvent, TelemetryEvent } from '../../src/telemetry/types.js';
import { startGateway } from './support/harness.js';

const REGIONS: Region[] = [
  { kind: 'system', start: 0, end: 10, message: 0 },
  { kind: 'tools', start: 10, end: 30, message: -1 },
  { kind: 'tool_result', start: 30, end: 90, message: 1 },
  { kind: 'output', start: 90, end: 100, message: -1 },
];

function prompt(tokens = 100): { prompt: PreparedPrompt; exact: number; rough: number } {
  const counts = { exact: 0, rough: 0 };
  const made: PreparedPrompt = {
    tokens: new Uint32Array(tokens),
    blockTokens: 16,
    localHashes: new BigUint64Array(),
    source: 'local',
    get regions() {
      counts.exact += 1;
      return REGIONS;
    },
    roughRegions: () => {
      counts.rough += 1;
      return REGIONS;
    },
  };
  return Object.assign(counts, { prompt: made });
}

describe('tokens by kind', () => {
  it('count the cached ones as the prefix they are', () => {
    expect(tokensByKind(REGIONS, 45)).toEqual({
      system: { tokens: 10, cached: 10 },
      tools: { tokens: 20, cached: 20 },
      conversation: { tokens: 0, cached: 0 },
      tool_result: { tokens: 60, cached: 15 },
      reasoning: { tokens: 0, cached: 0 },
      output: { tokens: 10, cached: 0 },
    });
  });

  it('reach the snapshot', () => {
    const store = createSnapshotStore({
      name: 'x',
      pid: 1,
      url: '',
      recipe: '',
      variant: '',
      model: '',
      router: 'kv',
      startedAt: 0,
      isSimulated: false,
    });
    for (const sequence of [1, 2]) {
      const event: StampedEvent = {
        type: 'request.regions',
        id: `r${sequence}`,
        kinds: tokensByKind(REGIONS, 45),
        isExact: true,
        at: 0,
        sequence,
      };
      store.apply(event);
    }
    expect(store.snapshot(0).byKind.tool_result).toEqual({ tokens: 120, cached: 30 });
  });
});

describe('the tally', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('looks at nothing until the event loop is free', () => {
    const told: TelemetryEvent[] = [];
    const one = prompt();
    new RegionTally((event) => told.push(event)).add({ id: 'r', prompt: one.prompt, cachedTokens: 16 });
    expect([one.exact, one.rough, told.length]).toEqual([0, 0, 0]);
    vi.advanceTimersByTime(1);
    expect(one.exact).toBe(1);
    expect(told).toMatchObject([{ type: 'request.regions', id: 'r', isExact: true }]);
  });

  it('takes the share of the text where the prompt is long', () => {
    const told: TelemetryEvent[] = [];
    const long = prompt(LIMITS.regionTallyTokens + 1);
    new RegionTally((event) => told.push(event)).add({ id: 'r', prompt: long.prompt, cachedTokens: 0 });
    vi.advanceTimersByTime(1);
    expect([long.exact, long.rough]).toEqual([0, 1]);
    expect(told).toMatchObject([{ isExact: false }]);
  });

  it('is bounded: the oldest are told roughly, none is lost', () => {
    const told: TelemetryEvent[] = [];
    const tally = new RegionTally((event) => told.push(event));
    const many = Array.from({ length: LIMITS.regionTallies + 5 }, () => prompt());
    for (const [at, one] of many.entries()) tally.add({ id: `r${at}`, prompt: one.prompt, cachedTokens: 0 });
    expect(told.map((event) => 'id' in event && event.id)).toEqual(['r0', 'r1', 'r2', 'r3', 'r4']);
    vi.runAllTimers();
    expect(told).toHaveLength(many.length);
  });
});

it('a request of the gateway has its kinds told after its end', async () => {
  const gateway = await startGateway();
  try {
    const messages = [
      { role: 'system', content: 'Be kind. '.repeat(40) },
      { role: 'user', content: 'hello' },
    ];
    await gateway.post('/v1/chat/completions', { model: 'test-model', messages });
    await gateway.told('request.regions');
    const [event] = gateway.of('request.regions');
    const { kinds } = event!;
    expect(kinds.system.tokens).toBeGreaterThan(50);
    const sum = Object.values(kinds).reduce((total, { tokens }) => total + tokens, 0);
    expect(sum).toBe(gateway.of('request.routed')[0]!.promptTokens);
    expect(gateway.of('request.finished')[0]!.at).toBeLessThanOrEqual(event!.at);
  } finally {
    await gateway.close();
  }
});
