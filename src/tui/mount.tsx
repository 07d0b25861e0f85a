/** Starts and stops ink; the only render call. The terminal is put back however the screen ends. */
import './draw-in-ci.js';
import { render } from 'ink';
import { App, type SnapshotSource } from './app.js';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from './line.js';
import { isUtf8, looksFor } from './theme.js';

export interface ScreenOptions {
  source: SnapshotSource;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  /** In `up` Ctrl-C means stop the stack; in `top` it only leaves. */
  mode: 'up' | 'top';
  /** Resolves when the stack is gone. */
  ended: Promise<void>;
}

const ENTER_SCREEN = '\u001b[?1049h\u001b[H';
const LEAVE_SCREEN = '\u001b[?1049l\u001b[?25h';
/** Two snapshots a second come in; nothing faster is worth drawing. */
const FRAMES_PER_SECOND = 4;

export type Left = 'quit' | 'stop' | 'lost';

/** Resolves with how the user left, or `lost` when the stack ended. */
export async function runScreen({ source, stdin, stdout, mode, ended }: ScreenOptions): Promise<Left> {
  let leave: (how: Left) => void = () => {};
  const left = new Promise<Left>((resolve) => {
    leave = resolve;
  });
  const interrupt = () => leave(mode === 'up' ? 'stop' : 'quit');
  const restore = () => stdout.write(LEAVE_SCREEN);
  // A crash must not leave the user in the alternate screen: this runs even then.
  process.once('exit', restore);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  void ended.then(() => leave('lost'));
  stdout.write(ENTER_SCREEN);
  const screen = render(
    <App
      source={source}
      stdout={stdout}
      mode={mode}
      glyphs={isUtf8(process.env) ? UNICODE_GLYPHS : ASCII_GLYPHS}
      looks={looksFor(process.env)}
      onKey={(key) => (key === 'quit' ? leave('quit') : interrupt())}
    />,
    { stdin, stdout, exitOnCtrlC: false, patchConsole: false, maxFps: FRAMES_PER_SECOND },
  );
  try {
    return await left;
  } finally {
    screen.unmount();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt);
    process.off('exit', restore);
    restore();
    // ink reads the keyboard; without this the process would wait for more of it.
    stdin.unref?.();
  }
}
