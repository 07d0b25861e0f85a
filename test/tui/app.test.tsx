/** Keys and drawing through ink's own test library. */
import { render } from 'ink-testing-library';
import { describe, expect, it } from 'vitest';
import { App } from '../../src/tui/app.js';
import { UNICODE_GLYPHS } from '../../src/tui/line.js';
import { looksFor } from '../../src/tui/theme.js';
import { until } from '../e2e/harness.js';
import { snapshotOf } from './snapshots.js';

function show() {
  const keys: string[] = [];
  let subscribers = 0;
  const stdout = Object.assign(Object.create(process.stdout), {
    columns: 120,
    rows: 40,
    on: () => stdout,
    off: () => stdout,
  });
  const source = {
    subscribe: (listener: (snapshot: ReturnType<typeof snapshotOf>) => void) => {
      subscribers += 1;
      listener(snapshotOf());
      return () => {
        subscribers -= 1;
      };
    },
  };
  const screen = render(
    <App
      source={source}
      stdout={stdout}
      mode="up"
      glyphs={UNICODE_GLYPHS}
      looks={looksFor({ NO_COLOR: '1' })}
      onKey={(key) => keys.push(key)}
    />,
  );
  return { screen, keys, subscribers: () => subscribers };
}

describe('the screen', () => {
  it('draws the snapshot it is given', async () => {
    const { screen } = show();
    await until(() => (screen.lastFrame() ?? '').includes('w1'), 'the first frame');
    expect(screen.lastFrame()).toContain('claude-code session-1');
    screen.unmount();
  });

  it('tells q and Ctrl-C apart', async () => {
    const { screen, keys } = show();
    await until(() => (screen.lastFrame() ?? '').includes('w1'), 'the first frame');
    screen.stdin.write('q');
    screen.stdin.write('\u0003');
    await until(() => keys.length === 2, 'both keys');
    expect(keys).toEqual(['quit', 'interrupt']);
    screen.unmount();
  });

  it('pauses, and stops listening when it is gone', async () => {
    const { screen, subscribers } = show();
    await until(() => (screen.lastFrame() ?? '').includes('w1'), 'the first frame');
    screen.stdin.write('p');
    await until(() => (screen.lastFrame() ?? '').includes('PAUSED'), 'the pause');
    await until(() => subscribers() === 0, 'the end of listening');
    screen.stdin.write('p');
    await until(() => subscribers() === 1, 'listening again');
    screen.unmount();
    await until(() => subscribers() === 0, 'the end of listening');
  });
});
