/** Starts and stops ink; the only render call. The terminal is put back however the screen ends. */
import './draw-in-ci.js';
import { type Instance, render } from 'ink';
import { App, type Memory, type ScreenSource } from './app.js';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from './line.js';
import { LineWriter } from './line-writer.js';
import { type TerminalWish, terminalOf } from './terminal.js';
import { painter } from './theme.js';
import { FIRST_STATE, type Mode } from './ui-state.js';

export interface ScreenOptions {
  source: ScreenSource;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  mode: Mode;
  /** Nothing on the screen may change the stack. */
  isReadonly?: boolean;
  wish?: TerminalWish;
  /** Resolves when the stack is gone. */
  ended: Promise<void>;
}

const ENTER_SCREEN = '\u001b[?1049h\u001b[?25l\u001b[2J\u001b[H';
const LEAVE_SCREEN = '\u001b[?1049l\u001b[?25h';
/** A window that is being dragged changes size many times. */
const RESIZE_MS = 50;
/** Without job control nothing stops us, and nothing will tell us to go on. */
const RESUME_MS = 300;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export type Left = 'quit' | 'stop' | 'lost';

/** Resolves with how the user left, or `lost` when the stack ended. */
export async function runScreen(options: ScreenOptions): Promise<Left> {
  const { stdin, mode, ended } = options;
  let leave: (how: Left) => void = () => {};
  const left = new Promise<Left>((resolve) => {
    leave = resolve;
  });
  const interrupt = () => leave(mode === 'up' ? 'stop' : 'quit');
  const screen = new MountedScreen(options, (how) => (how === 'quit' ? leave('quit') : interrupt()));
  for (const signal of SIGNALS) process.on(signal, interrupt);
  void ended.then(() => leave('lost'));
  try {
    screen.enter();
    return await left;
  } finally {
    screen.leave();
    for (const signal of SIGNALS) process.off(signal, interrupt);
    // ink reads the keyboard; without this the process would wait for more of it.
    stdin.unref?.();
  }
}

/** ink on the alternate screen. It is mounted anew where the terminal no longer shows what ink believes it shows. */
class MountedScreen {
  readonly #options: ScreenOptions;
  readonly #onLeave: (how: 'quit' | 'interrupt') => void;
  readonly #memory: Memory = { ui: FIRST_STATE, snapshot: null };
  readonly #writer: LineWriter;
  #ink: Instance | null = null;
  #resizing: NodeJS.Timeout | undefined;

  constructor(options: ScreenOptions, onLeave: (how: 'quit' | 'interrupt') => void) {
    this.#options = options;
    this.#onLeave = onLeave;
    this.#writer = new LineWriter(options.stdout);
  }

  enter(): void {
    // A crash must not leave the user in the alternate screen, nor the reason for it on it.
    process.on('exit', this.#restore);
    process.on('uncaughtExceptionMonitor', this.#restore);
    this.#options.stdout.on('resize', this.#onResize);
    this.#mount();
  }

  leave(): void {
    clearTimeout(this.#resizing);
    this.#options.stdout.off('resize', this.#onResize);
    this.#unmount();
    process.off('exit', this.#restore);
    process.off('uncaughtExceptionMonitor', this.#restore);
    this.#restore();
  }

  readonly #onResize = (): void => {
    clearTimeout(this.#resizing);
    this.#resizing = setTimeout(() => {
      this.#unmount();
      this.#mount();
    }, RESIZE_MS);
  };

  readonly #restore = (): void => {
    this.#options.stdout.write(LEAVE_SCREEN);
  };

  /** Ctrl-Z: what the terminal would do in its normal mode, to the same processes. */
  readonly #suspend = (): void => {
    this.#unmount();
    this.#restore();
    const resume = () => {
      clearTimeout(timer);
      process.off('SIGCONT', resume);
      this.#mount();
    };
    process.once('SIGCONT', resume);
    const timer = setTimeout(resume, RESUME_MS);
    process.kill(0, 'SIGTSTP');
  };

  #mount(): void {
    const { source, stdin, stdout, mode, isReadonly = false, wish } = this.#options;
    const terminal = terminalOf(process.env, wish);
    stdout.write(ENTER_SCREEN);
    this.#writer.reset();
    this.#ink = render(
      <App
        source={terminal.isScreenReader ? slower(source) : source}
        memory={this.#memory}
        size={sizeOf(stdout)}
        mode={mode}
        isReadonly={isReadonly}
        isFlat={terminal.isScreenReader}
        glyphs={terminal.isAscii ? ASCII_GLYPHS : UNICODE_GLYPHS}
        paint={painter(terminal)}
        draw={(lines) => this.#writer.draw(lines)}
        onLeave={this.#onLeave}
        onSuspend={this.#suspend}
      />,
      { stdin, stdout, exitOnCtrlC: false, patchConsole: false },
    );
  }

  #unmount(): void {
    this.#ink?.unmount();
    this.#ink = null;
  }
}

/** A terminal that reports no size (some ptys say 0) is taken for 80 × 24. */
const sizeOf = (stdout: NodeJS.WriteStream) => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 });

/** A change is read aloud: every half second nobody could listen to. */
const SPOKEN_MS = 5_000;

function slower(source: ScreenSource): ScreenSource {
  return {
    ...source,
    subscribe: (listener) => {
      let saidAt = Number.NEGATIVE_INFINITY;
      return source.subscribe((snapshot) => {
        if (snapshot.at - saidAt < SPOKEN_MS) return;
        saidAt = snapshot.at;
        listener(snapshot);
      });
    },
  };
}
