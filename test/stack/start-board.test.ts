/** The start on a terminal: what is seen of it, and what is remembered for the next one. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StartMessage } from '../../src/stack/spec.js';
import { startBoard } from '../../src/stack/start-board.js';
import { boardLines } from '../../src/stack/start-board-text.js';
import { progressed, type StartProgress, startOf } from '../../src/stack/start-progress.js';
import { keepTimes, lastTimes, type StartTimes, timesOf } from '../../src/stack/start-times.js';
import { visibleScreen } from '../e2e/visible-screen.js';

type Told = Extract<StartMessage, { type: 'worker' }>;
const told = (worker: string, state: string, phase: string, more: Partial<Told> = {}): Told => ({
  type: 'worker',
  worker,
  state,
  phase,
  progress: null,
  ...more,
});

/** Two workers, one message a second. */
function startAfter(messages: readonly StartMessage[], workers = ['w0', 'w1']): StartProgress {
  return messages.reduce<StartProgress>(
    (start, message, index) => progressed(start, message, (index + 1) * 1_000),
    startOf(0, workers),
  );
}

const LAST: StartTimes = {
  totalMs: 12_000,
  workers: { w0: { readyMs: 9_000, phases: { starting: 1_000, weights: 8_000 } } },
};
const options = { now: 5_000, columns: 100, rows: 24, isAscii: false, last: LAST };

describe('the start of workers', () => {
  const start = startAfter([
    told('w0', 'starting', 'starting'),
    told('w0', 'starting', 'weights', { progress: 0.2 }),
    told('w0', 'starting', 'weights', { progress: 0.45 }),
    told('w1', 'restarting', 'restarting', { reason: 'it ended with code 1' }),
  ]);

  it('is told with phase, progress, time, and what it took last time', () => {
    expect(boardLines(start, options)).toEqual([
      'starting  0 of 2 workers ready     5.0 s, last time 12.0 s',
      '  w0   weights      ━━━━━───────  45 %     3.0 s, last time 8.0 s',
      '  w1   restarting   ────────────           1.0 s  it ended with code 1',
    ]);
  });

  it('says nothing of a last time there was not, and draws with ASCII where asked', () => {
    const text = boardLines(start, { ...options, last: null, isAscii: true }).join('\n');
    expect(text).not.toContain('last time');
    expect(text).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('ends with what each needed', () => {
    const ready = progressed(start, told('w0', 'ready', 'ready'), 6_000);
    expect(boardLines(ready, options)[1]).toBe(
      '  w0   ready        ━━━━━━━━━━━━           6.0 s, last time 9.0 s',
    );
    expect(timesOf(ready, 6_100)).toEqual({
      totalMs: 6_100,
      workers: { w0: { readyMs: 6_000, phases: { waiting: 1_000, starting: 1_000, weights: 4_000 } } },
    });
  });

  it('fits into any terminal: what is not ready yet stays in sight', () => {
    const ids = Array.from({ length: 64 }, (_, index) => `w${index}`);
    const many = startAfter([told('w0', 'ready', 'ready')], ids);
    expect(boardLines(many, { ...options, rows: 20 }).join('\n')).not.toMatch(/w0 /);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 6, max: 90 }), (columns, rows) => {
        const lines = boardLines(many, { ...options, columns, rows });
        expect(lines.length).toBeLessThan(rows);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(1, columns - 1));
      }),
    );
  });
});

describe('the board', () => {
  it('keeps steps as lines and draws the workers below them in place', () => {
    let output = '';
    let now = 0;
    const ticks: (() => void)[] = [];
    const board = startBoard(
      { write: (text) => (output += text.replaceAll('\n', '\r\n')), columns: 80, rows: 24 },
      {
        start: startOf(0, ['w0']),
        last: null,
        isAscii: true,
        now: () => now,
        every: (_ms, callback) => {
          ticks.push(callback);
          return () => ticks.splice(0);
        },
      },
    );
    board.show({ type: 'step', text: 'preparing the model' });
    board.show(told('w0', 'starting', 'weights', { progress: 0.5 }));
    now = 2_000;
    for (const tick of ticks) tick();
    board.show({ type: 'step', text: 'tokenizer: proven' });
    board.show(told('w0', 'ready', 'ready'));
    board.close();
    expect(ticks).toEqual([]);
    expect(visibleScreen(output).lines).toEqual([
      expect.stringMatching(/s {2}preparing the model$/),
      expect.stringMatching(/s {2}tokenizer: proven$/),
      expect.stringContaining('1 of 1 workers ready'),
      expect.stringMatching(/w0 +ready +#{12} +2\.0 s/),
      '',
    ]);
  });
});

describe('what a start took', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-start-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is kept by what was started', () => {
    keepTimes(dir, 'a/q8 x2', LAST);
    keepTimes(dir, 'b/q8 x2', { totalMs: 1, workers: {} });
    expect(lastTimes(dir, 'a/q8 x2')).toEqual(LAST);
    expect(lastTimes(dir, 'c/q8 x2')).toBeNull();
  });

  it('is bounded: the oldest are forgotten', () => {
    for (let index = 0; index < 40; index += 1) keepTimes(dir, `r${index}`, LAST);
    const kept = JSON.parse(readFileSync(path.join(dir, 'start-times.json'), 'utf8')) as { starts: object };
    expect(Object.keys(kept.starts)).toHaveLength(16);
    expect(lastTimes(dir, 'r39')).toEqual(LAST);
    expect(lastTimes(dir, 'r0')).toBeNull();
  });

  it.each([
    '',
    '{',
    'null',
    '{"version":2}',
    '{"version":1,"starts":{"a":{"totalMs":"x"}}}',
  ])('is unknown where the file says %j', (text) => {
    writeFileSync(path.join(dir, 'start-times.json'), text);
    expect(lastTimes(dir, 'a')).toBeNull();
    keepTimes(dir, 'a', LAST);
    expect(lastTimes(dir, 'a')).toEqual(LAST);
  });

  it('is not kept where nothing can be written, and nothing happens', () => {
    expect(() => keepTimes(path.join(dir, 'missing'), 'a', LAST)).not.toThrow();
  });
});
