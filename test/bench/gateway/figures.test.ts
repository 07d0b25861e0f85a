import { describe, expect, it } from 'vitest';
import { cellsOf, parseSize, positive, requestsOf, sizeText } from '../../../src/bench/gateway/cells.js';
import { streamedText } from '../../../src/bench/gateway/client.js';
import { addArrivals } from '../../../src/bench/gateway/measure-streams.js';
import { type Candidate, cellResult } from '../../../src/bench/gateway/rows.js';
import { bytesPerThousand, leastOfStretches } from '../../../src/bench/gateway/slope.js';
import type { Cell, Measured } from '../../../src/bench/gateway/types.js';
import {
  ANSWER_TEXT,
  closing,
  OPENING_CHUNK,
  stampedChunk,
  TOKEN_CHUNKS,
  wholeAnswer,
} from '../../../src/bench/gateway/upstream-answer.js';
import { cpuSeconds, residentBytes } from '../../../src/bench/process-usage.js';

const CELL: Cell = { mode: 'next', bodyBytes: 16_384, isStream: true, connections: 1 };

const measured = (latency: number, cpuSecondsUsed: number | null, failures: string[] = []): Measured => ({
  latencyMs: [latency, latency, latency, latency],
  firstByteMs: [latency / 2, latency / 2, latency / 2, latency / 2],
  failures,
  wallSeconds: (4 * latency) / 1_000,
  cpuSeconds: cpuSecondsUsed,
  driverCpuSeconds: 0,
  residentBytes: 3 * 1_048_576,
});

const round = (direct: number, ours: number, again: number): Record<Candidate, Measured> => ({
  direct: measured(direct, 0.001),
  passThrough: measured(2, 0.004),
  ours: measured(ours, 0.008, ['status 500']),
  directAgain: measured(again, 0.001),
});

describe('cells', () => {
  it('are every mode with every size, answer and number of connections', () => {
    const wish = { modes: 'next,cold', sizes: '16KiB, 2MiB', connections: '1,16', answers: 'stream,plain' };
    const cells = cellsOf(wish);
    expect(cells).toHaveLength(16);
    expect(cells[0]).toEqual(CELL);
    expect(cells.at(-1)).toEqual({ mode: 'cold', bodyBytes: 2_097_152, isStream: false, connections: 16 });
  });

  it.each([
    { modes: 'warm' },
    { sizes: '16KB' },
    { sizes: '1GiB' },
    { connections: '0' },
    { answers: '' },
  ])('that cannot be are refused: %o', (wrong) => {
    const wish = { modes: 'next', sizes: '16KiB', connections: '1', answers: 'stream' };
    expect(() => cellsOf({ ...wish, ...wrong })).toThrow(/is not valid/);
  });

  it('read sizes in binary units and print them so', () => {
    expect([parseSize('4096'), parseSize('16KiB'), parseSize('2mib')]).toEqual([4_096, 16_384, 2_097_152]);
    expect([4_097, 16_384, 2_097_152].map(sizeText)).toEqual(['4097 B', '16 KiB', '2 MiB']);
    expect(() => positive('seconds', '0')).toThrow(/--seconds 0/);
  });

  it('have fewer requests the larger the body, and each connection at least one', () => {
    expect(requestsOf(CELL, 1)).toBe(1_200);
    expect(requestsOf({ ...CELL, bodyBytes: 2_097_152 }, 1)).toBe(64);
    expect(requestsOf({ ...CELL, mode: 'cold', bodyBytes: 2_097_152, connections: 16 }, 0.1)).toBe(16);
  });
});

describe('a cell', () => {
  const loops = [
    { p50: 1, p99: 2, p999: 3, max: 9 },
    { p50: 2, p99: 2, p999: 2, max: 4 },
  ];
  const result = cellResult(CELL, [round(1, 5, 3), round(1, 5, 3)], loops);
  const row = (candidate: Candidate) => result.rows.find((one) => one.candidate === candidate);

  it('adds against the mean of the direct rows before and after', () => {
    expect(row('ours')).toMatchObject({ p50Ms: 5, addedP50Ms: 3, addedP99Ms: 3, addedFirstByteMs: 1.5 });
    expect(row('direct')?.addedP50Ms).toBe(-1);
    expect(row('directAgain')?.addedP50Ms).toBe(1);
  });

  it('shares the CPU of all rounds among all their requests, and compares with the pass-through', () => {
    expect(row('ours')).toMatchObject({ requests: 8, cpuMicrosPerRequest: 2_000, residentMiB: 3 });
    expect(row('ours')?.requestsPerSecond).toBeCloseTo(200);
    expect(result.cpuRatio).toBe(2);
  });

  it('keeps failures and the worst delay of the event loop', () => {
    expect(row('ours')?.failures).toEqual(['status 500', 'status 500']);
    expect(result.eventLoopMs).toEqual({ p50: 2, p99: 2, p999: 3, max: 9 });
  });

  it('says nothing of CPU where the system does not', () => {
    const unknown = { ...round(1, 5, 3), ours: measured(5, null) };
    expect(cellResult(CELL, [unknown], []).cpuRatio).toBeNull();
  });
});

describe('growth', () => {
  it('is the slope of the samples, whatever they begin with', () => {
    const samples = [0, 1_000, 2_000, 3_000].map((requests) => ({ requests, bytes: 50_000 + 7 * requests }));
    expect(bytesPerThousand(samples)).toBeCloseTo(7_000);
    expect(bytesPerThousand(samples.slice(0, 1))).toBeNull();
  });

  it('looks at what a heap keeps after each collection', () => {
    const saw = Array.from({ length: 100 }, (_, at) => ({ requests: at, bytes: 1_000 + (at % 10) * 500 }));
    const least = leastOfStretches(saw, 10);
    expect(least).toHaveLength(10);
    expect(bytesPerThousand(least)).toBeCloseTo(0);
  });
});

describe('the upstream', () => {
  it('answers as vLLM does: role, tokens, finish, usage when asked for, done', () => {
    const stream = (hasUsage: boolean) =>
      Buffer.concat([OPENING_CHUNK, ...TOKEN_CHUNKS, closing({ bodyBytes: 4_000, hasUsage })]).toString();
    expect(streamedText(stream(true))).toBe(ANSWER_TEXT);
    expect(stream(true)).toContain('"usage":{"prompt_tokens":1000,"total_tokens":1064');
    expect(stream(false)).not.toContain('usage');
    expect(stream(false).endsWith('data: [DONE]\n\n')).toBe(true);
    const whole = JSON.parse(wholeAnswer({ bodyBytes: 4, hasUsage: false }).toString());
    expect(whole.choices[0].message.content).toBe(ANSWER_TEXT);
  });

  it('stamps tokens so that a pause the client alone had is seen', () => {
    const arrivals = { delaysMs: [] as number[], stallsMs: [] as number[] };
    addArrivals(arrivals, stampedChunk(1_000n).toString(), 3_000);
    addArrivals(arrivals, stampedChunk(21_000n).toString() + stampedChunk(41_000n).toString(), 71_000);
    expect(arrivals).toEqual({ delaysMs: [2, 50, 30], stallsMs: [48, 0] });
  });
});

describe('usage of a process', () => {
  it('grows with its work, and is unknown for none', () => {
    const before = cpuSeconds(process.pid) ?? 0;
    const used = process.cpuUsage();
    while (process.cpuUsage(used).user < 80_000);
    expect((cpuSeconds(process.pid) ?? 0) - before).toBeGreaterThan(0.03);
    expect(residentBytes(process.pid) ?? 0).toBeGreaterThan(10_000_000);
    expect([cpuSeconds(0), residentBytes(0)]).toEqual([null, null]);
  });
});
