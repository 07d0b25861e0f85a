/** Keys and drawing through ink's own test library: what each key does, as a person sees it. */
import { stripVTControlCharacters } from 'node:util';
import { render } from 'ink-testing-library';
import { afterEach, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/telemetry/types.js';
import { App } from '../../src/tui/app.js';
import { VIEWS } from '../../src/tui/keys.js';
import { UNICODE_GLYPHS } from '../../src/tui/line.js';
import { painter } from '../../src/tui/theme.js';
import { FIRST_STATE } from '../../src/tui/ui-state.js';
import { until } from '../e2e/harness.js';
import { snapshotOf } from './snapshots.js';

const DOWN = '\u001b[B';
const ESCAPE = '\u001b';
const ENTER = '\r';

let unmount: () => void = () => {};
afterEach(() => unmount());

async function show({ isReadonly = false } = {}) {
  const left: string[] = [];
  let drawn: readonly string[] = [];
  const asked: string[] = [];
  const listeners = new Set<(snapshot: Snapshot) => void>();
  const source = {
    subscribe: (listener: (snapshot: Snapshot) => void) => {
      listeners.add(listener);
      listener(snapshotOf());
      return () => void listeners.delete(listener);
    },
    explain: async (id: string) => `request    ${id}\ncache      512 tokens read; grown: the session grew`,
    readLog: (name: string) => [`${name} says hello`, `${name} ERROR no memory`],
    restart: async (worker: string) => void asked.push(worker),
  };
  const screen = render(
    <App
      source={source}
      memory={{ ui: FIRST_STATE, snapshot: null }}
      size={{ columns: 100, rows: 40 }}
      mode="up"
      isReadonly={isReadonly}
      isFlat={false}
      glyphs={UNICODE_GLYPHS}
      paint={painter({ depth: 'none', isLight: false, isAscii: true })}
      draw={(lines) => {
        drawn = lines;
      }}
      onLeave={(how) => left.push(how)}
      onSuspend={() => left.push('suspend')}
    />,
  );
  unmount = () => screen.unmount();
  const frame = () => stripVTControlCharacters(drawn.join('\n'));
  const sees = (words: string | RegExp) =>
    until(() => new RegExp(words).test(frame()), `${words} on the screen`);
  const type = async (keys: string, words?: string | RegExp) => {
    screen.stdin.write(keys);
    if (words !== undefined) await sees(words);
  };
  await sees('w1');
  return { screen, left, asked, listeners, sees, type, frame };
}

describe('the screen', () => {
  it('draws the snapshot it is given', async () => {
    const { frame } = await show();
    expect(frame()).toContain('claude-code session-1');
  });

  it('has a key for every view, and Tab for the next one', async () => {
    const { type } = await show();
    for (const [index, { view }] of VIEWS.entries()) await type(String(index + 1), `\\[${view}\\]`);
    await type('\t', '\\[overview\\]');
  });

  it('tells q, Ctrl-C and Ctrl-Z apart', async () => {
    const { type, left } = await show();
    await type('q');
    await type('\u0003');
    await type('\u001a');
    await until(() => left.length === 3, 'all three keys');
    expect(left).toEqual(['quit', 'interrupt', 'suspend']);
  });

  it('pauses, and stops listening when it is gone', async () => {
    const { screen, type, listeners } = await show();
    await type('p', 'PAUSED');
    await until(() => listeners.size === 0, 'the end of listening');
    await type('p');
    await until(() => listeners.size === 1, 'listening again');
    screen.unmount();
    await until(() => listeners.size === 0, 'the end of listening');
  });

  it('opens and closes help; q closes it too', async () => {
    const { type, left, sees } = await show();
    await type('?', 'no model answers');
    await type('q', 'dialect');
    expect(left).toEqual([]);
    await type('?', 'no model answers');
    await type(ESCAPE);
    await sees('dialect');
  });
});

describe('lists', () => {
  it('explain the chosen request', async () => {
    const { type, sees } = await show();
    await type('4', '> 12:00:00');
    await type(DOWN, '> 11:59:59');
    await type(ENTER, 'request    r1');
    await type(ESCAPE);
    await sees('> 11:59:59');
  });

  it('are filtered as one types, and sorted', async () => {
    const { type, frame, sees } = await show();
    await type('4', 'by newest');
    await type('/', 'filter: _');
    await type('never', '3 of the newest 12');
    expect(frame()).not.toContain('grown');
    await type('qzz', 'none matches');
    await type('\u007f\u007f\u007f', /filter: never_/);
    await type(ENTER, /filter: never {2}|filter: never\n/);
    await type('s', 'by computed tokens');
    await type(ESCAPE);
    await sees('12 of the newest 12');
  });

  it('show sub-agents below the session that started them', async () => {
    const { type, frame } = await show();
    await type('5', '> session-1');
    expect(frame()).toMatch(/> session-1[^\n]*\n[^\n]*\? agent-7 +subagent/);
  });
});

describe('logs', () => {
  it('are of one worker at a time, followed, scrolled and searched', async () => {
    const { type, frame } = await show();
    await type('7', 'w0 says hello');
    await type('l', 'w1 says hello');
    await type('l', 'stack says hello');
    await type('/error', '1 lines');
    expect(frame()).not.toContain('says hello');
  });
});

describe('restarting a worker', () => {
  it('asks first; anything but y is a no', async () => {
    const { type, asked } = await show();
    await type('2', '> w0');
    await type(`${DOWN}`, '> w1');
    await type('R', 'Drain and restart w1\\?');
    await type('n', 'left as it is');
    await type('R', 'Drain and restart w1\\?');
    await type('y', 'w1 was restarted');
    expect(asked).toEqual(['w1']);
  });

  it('is no key of a read-only screen', async () => {
    const { type, frame, asked } = await show({ isReadonly: true });
    await type('2', '> w0');
    await type('R');
    await type('p', 'PAUSED');
    expect(frame()).not.toContain('restart w0');
    expect(asked).toEqual([]);
  });
});
