/** The screen as lines: right figures, within the terminal, without colour where none is wanted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/telemetry/types.js';
import { ASCII_GLYPHS, textOf, UNICODE_GLYPHS, widthOf } from '../../src/tui/line.js';
import { plainFrame } from '../../src/tui/plain-frame.js';
import { isUtf8, looksFor } from '../../src/tui/theme.js';
import { MINIMUM, screenLines } from '../../src/tui/view-model.js';
import { snapshotOf } from './snapshots.js';

const state = { mode: 'up' as const, isPaused: false, isHelp: false, glyphs: UNICODE_GLYPHS };
const frame = (
  snapshot: Snapshot,
  columns: number,
  rows: number,
  more: Partial<Parameters<typeof screenLines>[1]> = {},
) => screenLines(snapshot, { ...state, columns, rows, ...more });
const text = (lines: ReturnType<typeof screenLines>) => lines.map(textOf).join('\n');

describe('the screen', () => {
  it.each([60, 80, 120, 200])('looks as agreed at %i columns', async (columns) => {
    await expect(`${text(frame(snapshotOf(), columns, 36))}\n`).toMatchFileSnapshot(
      `../fixtures/frames/${columns}.txt`,
    );
  });

  it('is never wider than the terminal nor as tall', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 80 }),
        fc.integer({ min: 0, max: 16 }),
        fc.integer({ min: 0, max: 60 }),
        (columns, rows, workers, requests) => {
          const lines = frame(snapshotOf({ workers, requests }), columns, rows);
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
          for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });

  it('is one line below the minimum, and says the state and the hit rate in it', () => {
    const lines = frame(snapshotOf(), MINIMUM.columns - 1, 50);
    expect(lines).toHaveLength(1);
    expect(text(lines)).toContain('ready 2/2 hit 76.8 %');
  });

  it('says every state as a word', () => {
    const snapshot = snapshotOf();
    snapshot.workers[0]!.state = 'restarting';
    snapshot.stack.state = 'degraded';
    expect(text(frame(snapshot, 120, 40))).toMatch(/degraded[\s\S]*w0 +restarting/);
  });

  it('shows warnings, help and that it is paused', () => {
    const snapshot = snapshotOf();
    snapshot.warnings.push({ at: 0, code: 'x', message: 'the tokenizer differs' });
    expect(text(frame(snapshot, 120, 40))).toContain('! the tokenizer differs');
    expect(text(frame(snapshot, 120, 40, { isPaused: true }))).toContain('PAUSED');
    expect(text(frame(snapshot, 120, 40, { isHelp: true }))).toContain('stop the stack');
    expect(text(frame(snapshot, 120, 40, { isHelp: true, mode: 'top' }))).not.toContain('stop the stack');
  });

  it('uses only ASCII where the terminal has no more', () => {
    expect(text(frame(snapshotOf(), 120, 40, { glyphs: ASCII_GLYPHS }))).toMatch(/^[\x20-\x7e\n]*$/);
    expect(isUtf8({ LANG: 'C' })).toBe(process.platform !== 'linux');
    expect(isUtf8({ LANG: 'en_GB.UTF-8' })).toBe(true);
  });

  it('has no colour where NO_COLOR is set', () => {
    expect(Object.values(looksFor({ NO_COLOR: '1' })).some(({ color }) => color !== undefined)).toBe(false);
    expect(Object.values(looksFor({})).some(({ color }) => color !== undefined)).toBe(true);
  });
});

describe('the plain frame', () => {
  it('has no escape code and no line wider than asked', () => {
    const plain = plainFrame(snapshotOf(), 90);
    expect(plain).not.toContain('\u001b');
    expect(Math.max(...plain.split('\n').map((line) => line.length))).toBeLessThanOrEqual(90);
    expect(plain).toContain('hit rate 76.8 % total');
  });

  it('says a dash for what nobody knows yet', () => {
    expect(plainFrame(snapshotOf({ requests: 0 }))).toContain('hit rate - total');
  });
});
