import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Meter, type PullProgress, progressLine, progressWords } from '../../src/model/progress.js';
import { progressOutput } from '../../src/model/progress-output.js';

const at = (doneBytes: number, changes: Partial<PullProgress> = {}): PullProgress => ({
  phase: 'downloading',
  doneBytes,
  totalBytes: 98_400_000,
  bytesPerSecond: 12_300_000,
  etaSeconds: 3.2,
  ...changes,
});

describe('progressLine', () => {
  it('shows share, bytes, rate and time left', () => {
    expect(progressLine('smollm2', at(49_200_000), 80)).toBe(
      `smollm2 ${'━'.repeat(15)}${'─'.repeat(15)} 50 % 49.2/98.4 MB 12.3 MB/s 4 s left`,
    );
    expect(progressWords(at(0, { etaSeconds: 125, bytesPerSecond: 787_200 }))).toBe(
      '0 % 0.0/98.4 MB 0.8 MB/s 2 min 5 s left',
    );
    expect(progressWords(at(0, { etaSeconds: null, bytesPerSecond: null }))).toBe('0 % 0.0/98.4 MB');
    expect(progressWords(at(98_400_000, { phase: 'checking' }))).toBe('checking');
  });

  it('is never wider than the terminal', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(2e8), (columns, done) => {
        expect(progressLine('smollm2', at(done), columns).length).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

describe('Meter', () => {
  it('converges on a steady rate and tells the time left', () => {
    let now = 0;
    const meter = new Meter(() => now);
    let last = meter.at('downloading', 0, 100_000_000);
    expect(last).toMatchObject({ bytesPerSecond: null, etaSeconds: null });
    for (let step = 1; step <= 100; step++) {
      now += 200;
      last = meter.at('downloading', step * 400_000, 100_000_000);
    }
    expect(last.bytesPerSecond).toBeCloseTo(2_000_000, -2);
    expect(last.etaSeconds).toBeCloseTo(30, 1);
  });

  it('begins anew when another source begins anew', () => {
    let now = 0;
    const meter = new Meter(() => now);
    meter.at('downloading', 0, 100);
    now = 1_000;
    meter.at('downloading', 90, 100);
    now = 2_000;
    expect(meter.at('downloading', 5, 100)).toMatchObject({ bytesPerSecond: null });
    now = 3_000;
    expect(meter.at('downloading', 15, 100).bytesPerSecond).toBeCloseTo(10);
  });
});

describe('progressOutput', () => {
  const record = (isTTY: boolean) => {
    const written: string[] = [];
    let now = 0;
    const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) };
    return {
      written,
      output: progressOutput('m', stream, () => now),
      wait: (ms: number) => {
        now += ms;
      },
    };
  };

  it('writes plain lines to a log, seldom', () => {
    const { written, output, wait } = record(false);
    for (let step = 0; step < 100; step++) {
      output.report(at(step * 1_000_000));
      wait(200);
    }
    output.note('hub: no.');
    output.close();
    expect(written).toHaveLength(5);
    expect(written.every((line) => /^m: .*\n$/.test(line) && !line.includes('\u001b'))).toBe(true);
  });

  it('redraws one line on a terminal and leaves it clean', () => {
    const { written, output, wait } = record(true);
    output.report(at(1));
    output.report(at(2));
    wait(150);
    output.report(at(3));
    output.close();
    output.close();
    expect(written).toHaveLength(3);
    expect(written.at(-1)).toBe('\r\u001b[2K');
  });
});
