import { describe, expect, it } from 'vitest';
import { figuresOf } from '../../src/bench/soak/figures.js';
import { soakSvg } from '../../src/bench/soak/svg.js';
import { graphLine, SERIES, soakText } from '../../src/bench/soak/text.js';
import type { SoakReport, SoakSample } from '../../src/bench/soak/types.js';

const MIB = 1024 * 1024;

/** Sample `at` of a run of one a second, warm after half of it. */
const sampleOf = (at: number, over: Partial<SoakSample> = {}): SoakSample => ({
  seconds: at,
  requests: at * 10,
  // Collected every fifth second; what is kept grows by 6 MiB a minute.
  residentBytes: (100 + at / 10 + (at % 5) * 3) * MIB,
  heapUsedBytes: 50 * MIB,
  descriptors: 40 + (at % 3),
  overheadP50Ms: 1,
  overheadP99Ms: at < 90 ? 3 : 5,
  cpuShare: 0.25,
  ...over,
});

const samples = Array.from({ length: 120 }, (_, at) => sampleOf(at));

const report: SoakReport = {
  definition: 'a run',
  machine: { cpu: 'cpu', cpus: 2, memoryGiB: 8, node: '20' },
  at: '2026-01-01T00:00:00Z',
  minutes: 2,
  sessions: 10,
  capacityPerSecond: 20,
  ratePerSecond: 16,
  requests: 1_920,
  late: 1,
  promptTokens: 1_000,
  cachedTokens: 900,
  failures: ['no'],
  samples,
  figures: figuresOf(samples),
};

describe('figures of a soak run', () => {
  it('tell growth from what waits to be collected, and the first half from the rest', () => {
    const figures = figuresOf(samples);
    expect(figures.residentMiBPerMinute).toBeCloseTo(6, 0);
    expect(figures.heapMiBPerMinute).toBeCloseTo(0);
    expect(figures).toMatchObject({ descriptors: [40, 40], overheadP99Ms: [3, 5], cpuShare: 0.25 });
  });

  it('are left out where nothing is known', () => {
    const blind = samples.map((sample) => ({
      ...sample,
      descriptors: null,
      overheadP99Ms: null,
      cpuShare: null,
    }));
    expect(figuresOf(blind)).toMatchObject({ descriptors: null, overheadP99Ms: null, cpuShare: null });
    expect(figuresOf([])).toMatchObject({ residentMiBPerMinute: null, residentMiBMost: 0 });
  });
});

describe('a soak run', () => {
  it('is told in figures and graphs', () => {
    const text = soakText(report);
    expect(text).toContain('16.0 requests/s (capacity 20.0) for 2 min: 1920 answered, 1 late, 1 failed');
    expect(text).toContain('90.0 % cached');
    expect(text).toContain('overhead p99  3.00 → 5.00 ms');
    for (const { name } of SERIES) expect(text).toMatch(new RegExp(`^${name} +[▁▂▃▄▅▆▇█]+  up to`, 'm'));
  });

  it('has graphs from nothing to the most, gaps as nothing', () => {
    const series = { name: 'x', unit: 'ms', pick: ({ overheadP99Ms }: SoakSample) => overheadP99Ms };
    const values = [0, 4, null, 8].map((overheadP99Ms, at) => sampleOf(at, { overheadP99Ms }));
    expect(graphLine(series, values)).toBe('x              ▄ █  up to 8.00 ms');
  });

  it('is drawn with every sample within the picture', () => {
    const svg = soakSvg(report);
    const points = [...svg.matchAll(/points="([^"]*)"/g)].map((match) => match[1]?.split(' ') ?? []);
    expect(points.map(({ length }) => length)).toEqual(SERIES.map(() => samples.length));
    for (const point of points.flat()) {
      const [x = -1, y = -1] = point.split(',').map(Number);
      expect(x >= 0 && x <= 720 && y >= 0).toBe(true);
    }
    expect(svg).not.toContain('NaN');
  });
});
