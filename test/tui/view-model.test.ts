/** The screen as lines: right figures, within the terminal, without colour where none is wanted. */
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/telemetry/types.js';
import { VIEWS } from '../../src/tui/keys.js';
import { ASCII_GLYPHS, textOf, UNICODE_GLYPHS, widthOf } from '../../src/tui/line.js';
import { plainFrame } from '../../src/tui/plain-frame.js';
import { plainLine } from '../../src/tui/plain-line.js';
import { painter } from '../../src/tui/theme.js';
import { FIRST_STATE, type UiState } from '../../src/tui/ui-state.js';
import { MINIMUM, type Screen, screenLines } from '../../src/tui/view-model.js';
import { snapshotOf } from './snapshots.js';

const LOG = ['loading model', 'INFO ready on port 40001', 'ERROR out of slots', 'INFO request r1 ended'];
const WIDTHS = [60, 80, 120, 200];
const everyView = VIEWS.flatMap(({ view }) => WIDTHS.map((columns) => ({ view, columns })));

const frame = (
  snapshot: Snapshot,
  { ui = {}, ...more }: Partial<Omit<Screen, 'ui'>> & { ui?: Partial<UiState> } = {},
) =>
  screenLines(snapshot, {
    columns: 120,
    rows: 40,
    mode: 'up',
    isReadonly: false,
    isFlat: false,
    glyphs: UNICODE_GLYPHS,
    log: LOG,
    ...more,
    ui: { ...FIRST_STATE, ...ui },
  });
const text = (lines: ReturnType<typeof screenLines>) => lines.map(textOf).join('\n');
const painted = (lines: ReturnType<typeof screenLines>, depth: 'none' | '16' | '256' | 'true') =>
  lines.map(painter({ depth, isLight: false, isAscii: false })).join('\n');

describe('every view', () => {
  it.each(everyView)('looks as agreed: $view at $columns columns', async ({ view, columns }) => {
    const lines = frame(snapshotOf(), { columns, rows: 36, ui: { view } });
    await expect(`${text(lines)}\n`).toMatchFileSnapshot(`../fixtures/frames/${view}-${columns}.txt`);
    await expect(`${painted(lines, '256')}\n`).toMatchFileSnapshot(
      `../fixtures/frames/colour/${view}-${columns}.txt`,
    );
  });

  it('is never wider than the terminal nor as tall', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 80 }),
        fc.integer({ min: 0, max: 16 }),
        fc.integer({ min: 0, max: 60 }),
        fc.constantFrom(...VIEWS.map(({ view }) => view)),
        fc.boolean(),
        (columns, rows, workers, requests, view, isHelp) => {
          const lines = frame(snapshotOf({ workers, requests }), { columns, rows, ui: { view, isHelp } });
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
          for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });

  it('says the keys that work in it, and in a read-only screen none that change the stack', () => {
    for (const { view } of VIEWS) expect(text(frame(snapshotOf(), { ui: { view } }))).toContain('? help');
    const keys = (isReadonly: boolean) =>
      text(frame(snapshotOf(), { isReadonly, ui: { view: 'workers', isHelp: true } }));
    expect(keys(false)).toContain('drain and restart');
    expect(keys(true)).not.toContain('drain and restart');
  });

  it('has the keys of all views in its help, from the map that reads them', () => {
    const help = text(frame(snapshotOf(), { ui: { isHelp: true } }));
    for (const { view, about } of VIEWS) expect(help).toContain(`${view}: ${about}`);
  });

  it('is one line below the minimum, and says the state and the hit rate in it', () => {
    const lines = frame(snapshotOf(), { columns: MINIMUM.columns - 1, rows: 50 });
    expect(lines).toHaveLength(1);
    expect(text(lines)).toContain('ready 2/2 hit 76.8 %');
  });

  it('says every state as a word', () => {
    const snapshot = snapshotOf();
    snapshot.workers[0]!.state = 'restarting';
    snapshot.stack.state = 'degraded';
    for (const view of ['overview', 'workers'] as const)
      expect(text(frame(snapshot, { ui: { view } }))).toMatch(/DEGRADED[\s\S]*w0 +restarting/);
  });

  it('shows warnings, help and that it is paused', () => {
    const snapshot = snapshotOf();
    snapshot.warnings.push({ at: 0, code: 'x', message: 'the tokenizer differs' });
    expect(text(frame(snapshot))).toContain('! the tokenizer differs');
    expect(text(frame(snapshot, { ui: { isPaused: true } }))).toContain('PAUSED');
    expect(text(frame(snapshot, { ui: { isHelp: true } }))).toContain('stop the stack');
    expect(text(frame(snapshot, { ui: { isHelp: true }, mode: 'top' }))).not.toContain('stop the stack');
  });

  it('uses only ASCII where the terminal has no more', () => {
    const paint = painter({ depth: 'none', isLight: false, isAscii: true });
    for (const { view } of VIEWS)
      for (const isHelp of [false, true]) {
        const lines = frame(snapshotOf(), { glyphs: ASCII_GLYPHS, ui: { view, isHelp } });
        expect(stripVTControlCharacters(lines.map(paint).join('\n'))).toMatch(/^[\x20-\x7e\n]*$/);
      }
  });

  it('of workers says what the chosen one’s engine can do', () => {
    const snapshot = snapshotOf();
    snapshot.workers[0]!.abilities = 'KV events; priorities (lowest number first)';
    expect(text(frame(snapshot, { ui: { view: 'workers' } }))).toContain('KV events; priorities');
  });
});

describe('GPUs', () => {
  const gpu = (index: number, more: object = {}) => ({
    index,
    utilization: 0.9,
    memoryUsedBytes: 60 * 2 ** 30,
    memoryBytes: 80 * 2 ** 30,
    celsius: 50 + index,
    watts: 400,
    isSimulated: false,
    ...more,
  });
  const withGpus = (more: object = {}): Snapshot => {
    const snapshot = snapshotOf();
    snapshot.workers[0]!.gpus = [0, 1];
    snapshot.workers[1]!.gpus = [2, 3];
    return { ...snapshot, gpus: [0, 1, 2, 3].map((index) => gpu(index, more)) };
  };

  it.each(WIDTHS)('look as agreed at %i columns', async (columns) => {
    const lines = frame(withGpus(), { columns, rows: 24, ui: { view: 'workers' } });
    await expect(`${text(lines)}\n`).toMatchFileSnapshot(`../fixtures/frames/gpus-${columns}.txt`);
  });

  it('say all that they tell, for the chosen worker and to a screen reader', () => {
    const words = '0,1  90.0 % busy  120 GiB of 160 GiB  50 to 51 C  800 W';
    expect(text(frame(withGpus(), { ui: { view: 'workers' } }))).toContain(words);
    expect(text(frame(withGpus(), { isFlat: true, columns: 200 }))).toContain(`GPUs ${words}`);
    expect(plainFrame(withGpus())).toContain(`GPUs      w0  ${words}`);
  });

  it('that are simulated say so, and what nobody tells is left out, not reckoned', () => {
    const shown = text(
      frame(withGpus({ isSimulated: true, celsius: null, watts: null, memoryBytes: null }), {
        ui: { view: 'workers' },
      }),
    );
    expect(shown).toContain('SIMULATED  0,1  90.0 % busy  120 GiB');
    expect(shown).not.toMatch(/\d W|\d C\b/);
  });

  it('of a host without any take no room', () => {
    expect(text(frame(snapshotOf(), { columns: 200, ui: { view: 'workers' } }))).not.toContain('GPU mem');
  });
});

describe('the latency graph', () => {
  it('is of one latency after the other', () => {
    const graphs = [0, 1, 2, 3, 4].map((sort) =>
      text(frame(snapshotOf(), { ui: { view: 'latency', sort } })),
    );
    expect(graphs.map((shown) => /── (.*), median of/.exec(shown)?.[1])).toEqual([
      'TTFT',
      'inter-token',
      'queue',
      'overhead',
      'TTFT',
    ]);
    expect(graphs[2]).toContain('nothing measured yet');
  });
});

describe('a screen for a screen reader', () => {
  it.each(VIEWS)('says $view in labelled sentences', async ({ view }) => {
    const lines = frame(snapshotOf(), { isFlat: true, ui: { view } });
    await expect(`${text(lines)}\n`).toMatchFileSnapshot(`../fixtures/frames/flat/${view}.txt`);
    expect(text(lines)).not.toMatch(/[█▓▒░▁-▇─│└]/);
  });

  it('says nothing new while nothing happens but time', () => {
    const later = snapshotOf();
    later.at += 3_000;
    for (const { view } of VIEWS)
      expect(text(frame(later, { isFlat: true, ui: { view } }))).toBe(
        text(frame(snapshotOf(), { isFlat: true, ui: { view } })),
      );
  });

  it('is told of marks, questions and that it is paused', () => {
    const snapshot = snapshotOf();
    snapshot.stack.isSimulated = true;
    const said = text(
      frame(snapshot, { isFlat: true, ui: { view: 'workers', question: 'w1', isPaused: true } }),
    );
    expect(said).toContain('SIMULATED');
    expect(said).toContain('Drain and restart w1?');
    expect(said).toContain('Paused');
  });
});

describe('what the figures are worth', () => {
  const doubtful = () => {
    const snapshot = snapshotOf();
    snapshot.stack.isSimulated = true;
    snapshot.stack.state = 'degraded';
    snapshot.stack.name = 'a-stack-with-a-rather-long-name';
    snapshot.workers[1]!.feed = 'approximate';
    return snapshot;
  };

  it.each(['SIMULATED', 'APPROXIMATE', 'DEGRADED'])('%s is said in every view at every width', (mark) => {
    for (const { view, columns } of everyView)
      for (const isHelp of [false, true])
        expect(text(frame(doubtful(), { columns, ui: { view, isHelp } }).slice(0, 3))).toContain(mark);
    expect(text(frame(doubtful(), { columns: 59 }))).toContain(mark);
  });

  it('is said in the same words by status and by plain lines', () => {
    for (const mark of ['SIMULATED', 'APPROXIMATE', 'DEGRADED']) {
      expect(plainFrame(doubtful())).toContain(mark);
      expect(plainLine(doubtful())).toContain(mark);
    }
    expect(plainFrame(snapshotOf())).not.toMatch(/SIMULATED|APPROXIMATE|DEGRADED/);
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
