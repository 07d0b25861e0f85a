/** A command of ours in a pseudo terminal (`script` gives one), as a person has it before them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { root, until } from './harness.js';
import { type Visible, visibleScreen } from './visible-screen.js';

export interface Terminal {
  child: ChildProcess;
  output(): string;
  see(): Visible;
  type(keys: string): void;
  /** Types, and waits until the words are seen. */
  typeAndSee(keys: string, words: RegExp): Promise<void>;
  sees(words: RegExp): Promise<void>;
  resize(columns: number, rows: number): void;
  /** Sends a signal to the program itself. */
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the exit code. */
  ended(): Promise<number | null>;
}

const BIN = path.join(root, 'bin', 'run.js');

/** `around` puts the command into a shell line of its own. */
export function openTerminal(
  command: string,
  env: NodeJS.ProcessEnv,
  { columns = 120, rows = 40, around = (line: string) => `exec ${line}` } = {},
): Terminal {
  const line = `stty cols ${columns} rows ${rows}; ${around(`${process.execPath} ${BIN} ${command}`)}`;
  const child = spawn('script', ['-qfec', line, '/dev/null'], {
    env: { TERM: 'xterm-256color', LANG: 'C.UTF-8', SHELL: '/bin/bash', ...env },
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  const see = () => visibleScreen(text);
  const sees = (words: RegExp) =>
    until(() => words.test(see().lines.join('\n')), `${words} on the screen:\n${see().lines.join('\n')}`);
  return {
    child,
    output: () => text,
    see,
    sees,
    type: (keys) => child.stdin.write(keys),
    typeAndSee: async (keys, words) => {
      child.stdin.write(keys);
      await sees(words);
    },
    resize: (width, height) => {
      const tty = readlinkSync(`/proc/${programIn(child.pid!)}/fd/0`);
      execFileSync('stty', ['-F', tty, 'cols', String(width), 'rows', String(height)]);
    },
    kill: (signal) => process.kill(programIn(child.pid!), signal),
    ended: async () => {
      await until(() => child.exitCode !== null, 'the terminal program to end');
      return child.exitCode;
    },
  };
}

/** The process at the end of the line of first children. */
function programIn(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? pid : programIn(Number(children.split(' ')[0]));
}
