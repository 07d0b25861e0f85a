/** The built worker program as a child process, as the supervisor runs it. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';

const PROGRAM = path.resolve(import.meta.dirname, '../../../dist/src/engines/embedded/main.js');
const READY_MS = 60_000;

export interface WorkerProcess {
  child: ChildProcessWithoutNullStreams;
  /** Lines on stdout so far. */
  lines: string[];
  stderr(): string;
  /** Resolves with the address told on the ready line; rejects when the program ends before. */
  ready(): Promise<string>;
  /** How it ended. */
  ended: Promise<{ code: number | null; signal: string | null }>;
  /** Closes stdin, as a parent that died does, and waits for the end. */
  close(): Promise<{ code: number | null; signal: string | null }>;
}

export function startWorker(args: readonly string[]): WorkerProcess {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not built: run \`npm run build\``);
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'pipe' });
  let output = '';
  let errors = '';
  const lines: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    lines.splice(0, lines.length, ...output.split('\n').slice(0, -1));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdin.on('error', () => {});
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  return {
    child,
    lines,
    stderr: () => errors,
    ready: () => readyUrl(child, lines, () => errors),
    ended,
    close: () => {
      child.stdin.end();
      return ended;
    },
  };
}

async function readyUrl(
  child: ChildProcessWithoutNullStreams,
  lines: readonly string[],
  errors: () => string,
): Promise<string> {
  const limit = AbortSignal.timeout(READY_MS);
  for (;;) {
    const url = /^phase ready (\S+)$/.exec(lines.at(-1) ?? '')?.[1];
    if (url !== undefined) return url;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended: ${errors()}`);
    await Promise.race([
      once(child.stdout, 'data', { signal: limit }),
      once(child, 'exit', { signal: limit }),
    ]);
  }
}
