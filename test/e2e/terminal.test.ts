/**
 * The screen in real terminals of many kinds, one behaviour a test: what is seen is rebuilt from what was written. One
 * simulated stack serves all of them; `top` shows it.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/telemetry/types.js';
import { BINDINGS, VIEWS } from '../../src/tui/keys.js';
import { type Home, makeHome, type RunningStack, root, until } from './harness.js';
import { openTerminal, type Terminal } from './pseudo-terminal.js';

const CTRL_C = '\u0003';
const CTRL_Z = '\u001a';
const ESCAPE = '\u001b';

/** Label of the key in the map, what is typed, and what is seen then; in one go on one screen. */
const KEYS: [label: string, keys: string, words: RegExp][] = [
  ['Tab', '\t', /2 \[workers\]/],
  ['j', 'j', /^> w1 /m],
  ['k', 'k', /^> w0 /m],
  ['j', `${ESCAPE}[B`, /^> w1 /m],
  ['k', `${ESCAPE}[A`, /^> w0 /m],
  ['PgDn', `${ESCAPE}[6~`, /^> w1 /m],
  ['PgUp', `${ESCAPE}[5~`, /^> w0 /m],
  ['R', 'R', /Drain and restart w0\?/],
  ['R', 'n', /w0 is left as it is/],
  ['3', '3', /3 \[cache\]/],
  ['5', '5', /5 \[sessions\][\s\S]*by newest/],
  ['s', 's', /by lowest hit rate/],
  ['6', '6', /6 \[latency\][\s\S]*TTFT, median/],
  ['s', 's', /inter-token, median/],
  ['7', '7', /7 \[logs\][\s\S]*\[w0\][\s\S]*following/],
  ['l', 'l', /\[w1\]/],
  ['h', 'h', /\[w0\]/],
  ['f', 'f', /1 lines up/],
  ['f', 'f', /following/],
  ['/', '/zzzz', /0 lines/],
  // Seen before the next key is sent: right after Esc it would be a key with Alt.
  ['Esc', ESCAPE, /[1-9]\d* lines · following/],
  ['4', '4', /4 \[requests\][\s\S]*1 of the newest 1, by newest/],
  ['s', 's', /by computed tokens/],
  ['/', '/zzzz\r', /0 of the newest 1/],
  ['Esc', ESCAPE, /1 of the newest 1/],
  ['Enter', '\r', /worker +w[01] by policy kv/],
  ['Esc', ESCAPE, /1 of the newest 1/],
  ['2', '2', /2 \[workers\]/],
  ['1', '1', /1 \[overview\]/],
  ['p', 'p', /PAUSED/],
  ['?', '?', /cached ÷ prompt tokens/],
];
/** Ways out have tests of their own. */
const LEAVING = ['q', 'Ctrl-C', 'Ctrl-Z'];

let home: Home;
let stack: RunningStack;
let terminal: Terminal;

beforeAll(async () => {
  home = makeHome();
  stack = await home.up('--recipe', 'glm5', '--simulate', '--workers', '2', '--set', 'simulator.speed=50');
  const body = { model: 'glm-5.1', max_tokens: 5, messages: [{ role: 'user', content: 'hello' }] };
  await fetch(`${stack.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
});
afterEach(() => terminal?.child.kill('SIGKILL'));
afterAll(async () => {
  await home.cli('down', '--name', 'other', '--now');
  await stack?.down();
  home.remove();
});

async function top(
  flags = '',
  env: NodeJS.ProcessEnv = {},
  options: Parameters<typeof openTerminal>[2] = {},
): Promise<Terminal> {
  terminal = openTerminal(`top ${flags}`, { ...home.env, ...env }, options);
  return terminal;
}

/** The first line of `top --follow`; it ends by itself when nobody reads on. */
async function followed(...flags: string[]): Promise<string> {
  const program = path.join(root, 'bin', 'run.js');
  const child = spawn(process.execPath, [program, 'top', '--follow', ...flags], { env: home.env });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk));
  await until(() => text.includes('\n'), 'a line');
  child.stdout.destroy();
  // A plain line comes only when something changed.
  if (flags.length === 0) child.kill();
  await until(() => child.exitCode !== null || child.signalCode !== null, 'top to end');
  return text.split('\n')[0]!;
}

/** The normal screen again, with the cursor. */
function expectRestored(of: Terminal): void {
  expect(of.see()).toMatchObject({ isAlternate: false, isCursorShown: true });
}

describe('the screen on a terminal', () => {
  it('has a key for every view, help, and leaves by q', async () => {
    const screen = await top();
    await screen.sees(/w1 +ready/);
    expect(screen.see()).toMatchObject({ isAlternate: true, isCursorShown: false });
    for (const [index, { view }] of VIEWS.entries())
      await screen.typeAndSee(String(index + 1), new RegExp(`SIMULATED[\\s\\S]*${index + 1} \\[${view}\\]`));
    await screen.typeAndSee('?', /cached ÷ prompt tokens/);
    await screen.typeAndSee('?', /7 \[logs\]/);
    await screen.typeAndSee('4', /1 of the newest 1/);
    await screen.typeAndSee('\r', /worker +w[01] by policy kv/);
    screen.type('\u001b');
    await screen.sees(/1 of the newest 1/);
    screen.type('q');
    expect(await screen.ended()).toBe(0);
    expectRestored(screen);
  });

  it('does what the key map says, key by key', async () => {
    const tried = [...KEYS.map(([label]) => label), ...LEAVING];
    expect(BINDINGS.filter(({ label }) => !tried.includes(label))).toEqual([]);
    // More than fits, so that there is something to follow.
    appendFileSync(path.join(home.dir, 'state', 'default', 'w0.log'), 'one line more\n'.repeat(60));
    const screen = await top();
    await screen.sees(/w1 +ready/);
    for (const [label, keys, words] of KEYS) {
      await screen.typeAndSee(keys, words).catch((error: Error) => {
        throw new Error(`${label}: ${error.message}`);
      });
    }
    screen.type('?q');
    expect(await screen.ended()).toBe(0);
    expectRestored(screen);
  });

  it('follows the size of the window, down to one line and back', async () => {
    const screen = await top();
    await screen.sees(/2 workers/);
    screen.resize(62, 30);
    await screen.sees(/1 \[overview\] {2}2 {2}3/);
    expect(Math.max(...screen.see().lines.map((line) => line.length))).toBeLessThanOrEqual(62);
    screen.resize(50, 30);
    await screen.sees(/^dynamo ready SIMULATED 2\/2 hit/);
    expect(screen.see().lines.filter((line) => line !== '')).toHaveLength(1);
    screen.resize(200, 50);
    await screen.sees(/2 workers/);
    screen.type(CTRL_C);
    expect(await screen.ended()).toBe(0);
    expectRestored(screen);
  });

  it('is suspended by Ctrl-Z with the terminal as it was, and comes back with fg where it was', async () => {
    const around = (line: string) =>
      `set -m; ${line}; stty -a | grep -o -- '-*icanon'; echo suspended; fg >/dev/null; echo left`;
    const screen = await top('', {}, { around });
    await screen.sees(/2 workers/);
    await screen.typeAndSee('2', /\[workers\]/);
    screen.type(CTRL_Z);
    await until(() => /suspended/.test(screen.output()), 'the shell to go on');
    expect(screen.output()).toMatch(/[^-]icanon\r\nsuspended/);
    // The screen is drawn anew, from where it was left.
    await until(
      () => /suspended[\s\S]*\?1049h[\s\S]*2.*\[workers\]/.test(screen.output()),
      'the screen again',
    );
    await screen.sees(/2 \[workers\]/);
    expect(screen.see()).toMatchObject({ isAlternate: true, isCursorShown: false });
    screen.type('q');
    expect(await screen.ended()).toBe(0);
    expectRestored(screen);
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('puts the terminal back after %s', async (signal) => {
    const screen = await top();
    await screen.sees(/2 workers/);
    screen.kill(signal);
    await screen.ended();
    expectRestored(screen);
  });

  it('puts the terminal back when it crashes, and the reason can be read', async () => {
    const crash = "process.on('SIGUSR2',()=>{throw%20new%20Error('out%20of%20luck')})";
    const screen = await top('', { NODE_OPTIONS: `--import data:text/javascript,${crash}` });
    await screen.sees(/2 workers/);
    screen.kill('SIGUSR2');
    expect(await screen.ended()).not.toBe(0);
    expectRestored(screen);
    expect(screen.see().lines.join('\n')).toContain('out of luck');
  });

  it('has no key that changes the stack with --readonly', async () => {
    const screen = await top('--readonly');
    await screen.typeAndSee('2', /\[workers\]/);
    screen.type('Ry');
    await screen.typeAndSee('p', /PAUSED/);
    expect(screen.see().lines.join('\n')).not.toMatch(/restart w0|draining/);
    screen.type('q');
    await screen.ended();
  });
});

describe('the start on a terminal', () => {
  it('is drawn in place, worker by worker, and knows the next time what it took', async () => {
    for (const [time, words] of [
      ['first', /w1 +ready +━+ +[\d.]+ s$/m],
      ['second', /w1 +ready +━+ +[\d.]+ s, last time [\d.]+ s$/m],
    ] as const) {
      terminal = openTerminal(
        'up --name other --recipe glm5 --simulate --workers 2 --set simulator.speed=50 --port 0 --detach',
        home.env,
      );
      expect(await terminal.ended(), time).toBe(0);
      const seen = terminal.see().lines.join('\n');
      expect(seen).toMatch(words);
      expect(seen.match(/workers ready/g)).toHaveLength(1);
      expect(seen).toMatch(/^ready http:\S+ model=glm-5\.1 workers=2 SIMULATED$/m);
      expect((await home.cli('down', '--name', 'other', '--now')).code).toBe(0);
    }
  });

  it('that fails shows the telling lines of the log and what to try', async () => {
    const whole = readFileSync(process.env['DYNAMO_TEST_MODEL'] ?? '');
    const cut = path.join(home.dir, 'cut.gguf');
    writeFileSync(cut, whole.subarray(0, 20_000_000));
    terminal = openTerminal(`up --name other --recipe ${cut} --workers 1 --port 0`, home.env);
    expect(await terminal.ended()).toBe(1);
    const seen = terminal.see();
    expect(seen.isAlternate).toBe(false);
    expect(seen.lines.join('\n')).toMatch(
      /w0 +failed[\s\S]*Worker w0 did not start: The model file[\s\S]*\| phase weights[\s\S]*Fetch it again/,
    );
  });
});

describe('the terminal’s own limits', () => {
  it.each([
    ['no colour', { NO_COLOR: '1' }, /^(?:0|1|22)?$/],
    ['16 colours', { TERM: 'xterm' }, /^(?:[0-2]|22|1;31|3[0-7]|39)?$/],
    ['256 colours', { TERM: 'xterm-256color' }, /^(?:[0-2]|22|39|(?:1;)?38;5;\d+)?$/],
    ['true colour', { COLORTERM: 'truecolor' }, /^(?:[0-2]|22|39|(?:1;)?38;2;\d+;\d+;\d+)?$/],
    ['forced colour', { NO_COLOR: '1', FORCE_COLOR: '1' }, /^(?:[0-2]|22|1;31|3[0-7]|39)?$/],
  ])('%s', async (_name, env, allowed) => {
    const screen = await top('', env);
    await screen.sees(/w1 +ready/);
    const { styles } = screen.see();
    expect([...styles].filter((style) => !allowed.test(style))).toEqual([]);
    screen.type('q');
    await screen.ended();
  });

  it('ASCII only, by flag and by locale', async () => {
    for (const [flags, env] of [
      ['--ascii', {}],
      ['', { LANG: 'C', LC_ALL: 'C' }],
    ] as const) {
      const screen = await top(flags, env);
      await screen.sees(/-- workers -/);
      expect(screen.see().lines.join('')).toMatch(/^[\x20-\x7e]*$/);
      screen.type('q');
      await screen.ended();
    }
  });

  it('a terminal that cannot move its cursor, and no terminal: plain text', async () => {
    const screen = await top('', { TERM: 'dumb' });
    expect(await screen.ended()).toBe(0);
    expect(screen.output()).toContain('SIMULATED');
    expect(screen.output()).not.toContain('\u001b');
    expect((await home.cli('top')).stdout).not.toContain('\u001b');
  });

  it('no terminal, followed: a plain line, or with --json a snapshot a line', async () => {
    const plain = await followed();
    expect(plain).toMatch(/^SIMULATED, ready, workers 2\/2, requests 1 /);
    const snapshot = JSON.parse(await followed('--json')) as Snapshot;
    expect(snapshot).toMatchObject({ version: 1, requests: { total: 1 } });
  });

  it('a screen reader: labelled sentences', async () => {
    const screen = await top('--screen-reader');
    await screen.sees(/Worker w1: ready, 0 active/);
    await screen.typeAndSee('4', /View 4 of 7: requests[\s\S]*Chosen: [\d:]+ done, worker w[01]/);
    screen.type('q');
    await screen.ended();
  });
});
