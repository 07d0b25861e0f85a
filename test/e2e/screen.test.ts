/** The real screen in a real terminal (`script` gives one): it draws, leaves by key, and puts the terminal back. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Home, isRunning, makeHome, until } from './harness.js';
import { openTerminal, type Terminal } from './pseudo-terminal.js';

const ENTER = '\u001b[?1049h';
const LEAVE = '\u001b[?1049l';
const SHOW_CURSOR = '\u001b[?25h';

let home: Home;
let terminal: Terminal | undefined;

beforeAll(() => {
  home = makeHome();
});

afterEach(async () => {
  await home.cli('down', '--now');
  terminal?.child.kill('SIGKILL');
});

afterAll(() => home.remove());

const inTerminal = (command: string): Terminal => openTerminal(command, home.env);

/** After the last frame the terminal is as it was: normal screen, cursor shown. */
function expectRestored(output: string): void {
  expect(output.lastIndexOf(LEAVE)).toBeGreaterThan(output.lastIndexOf(ENTER));
  expect(output.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(-1);
  expect(output.slice(output.lastIndexOf(LEAVE) + LEAVE.length)).not.toContain('\u001b[?25l');
}

describe('dynamo up on a terminal', () => {
  it('shows the screen; q leaves the stack running and the terminal clean', async () => {
    terminal = inTerminal('up --port 0 --workers 1 --set slots=2');
    await until(
      () => terminal!.output().includes(ENTER) && /w0/.test(terminal!.output().split(ENTER)[1] ?? ''),
      'the screen',
      40_000,
    );
    expect(terminal.output()).toMatch(/ready http:\/\/127/);
    terminal.type('q');
    expect(await terminal.ended()).toBe(0);
    expectRestored(terminal.output());
    expect(terminal.output()).toContain('left default running');
    const { stack } = JSON.parse((await home.cli('status', '--json')).stdout);
    expect(stack.state).toBe('ready');
    await attachAndLeave();
    await dieUnderTheScreen(stack.pid);
  });

  it('stops the stack on Ctrl-C and puts the terminal back', async () => {
    terminal = inTerminal('up --port 0 --workers 1 --set slots=2');
    await until(() => terminal!.output().includes(ENTER), 'the screen', 40_000);
    const { stack, workers } = JSON.parse((await home.cli('status', '--json')).stdout);
    terminal.type('\u0003');
    expect(await terminal.ended()).toBe(130);
    expectRestored(terminal.output());
    for (const pid of [stack.pid, workers[0].pid]) await until(() => !isRunning(pid), `pid ${pid} to end`);
  });
});

/** `top` attaches to the same stack; both its forms leave it alone. */
async function attachAndLeave(): Promise<void> {
  const once = await home.cli('top', '--once');
  expect(once.code).toBe(0);
  expect(once.stdout).toContain('w0');
  expect(once.stdout).not.toContain('\u001b');
  terminal = inTerminal('top');
  await until(() => /w0/.test(terminal!.output()), 'the screen of top');
  terminal.type('q');
  expect(await terminal.ended()).toBe(0);
  expectRestored(terminal.output());
}

/** The stack is killed while `top` shows it. */
async function dieUnderTheScreen(pid: number): Promise<void> {
  terminal = inTerminal('top');
  await until(() => /w0/.test(terminal!.output()), 'the screen of top');
  process.kill(pid, 'SIGKILL');
  await terminal.ended();
  expectRestored(terminal.output());
}
