/** Runs a coding agent's program in the user's terminal, as if the user had started it. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface HarnessRun {
  /** Absolute path of the program. */
  program: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
}

/** Sent to us alone by whoever ends us; the child must hear of them. */
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** Sent by the terminal to its whole foreground group, so to the child as well. */
const FROM_TERMINAL = ['SIGINT', 'SIGQUIT'] as const;
/** What a shell adds to the number of the signal that ended a program. */
const SIGNAL_EXIT_BASE = 128;

/**
 * Starts the program with our stdin, stdout and stderr and resolves with its exit code when it ended; one ended by
 * signal n gives 128 + n. Rejects when it cannot be started. Signals to us go to it, and we wait for it to end.
 */
export async function runHarness(run: HarnessRun): Promise<number> {
  const child = spawn(run.program, run.args, { stdio: 'inherit', env: run.env });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  // At a terminal a forwarded Ctrl-C would reach the child twice: once interrupts, twice often quits.
  const fromTerminal = process.stdin.isTTY ? () => {} : forward;
  for (const signal of FORWARDED) process.on(signal, forward);
  for (const signal of FROM_TERMINAL) process.on(signal, fromTerminal);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        resolve(code ?? SIGNAL_EXIT_BASE + (signal === null ? 0 : os.constants.signals[signal])),
      );
    });
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
    for (const signal of FROM_TERMINAL) process.off(signal, fromTerminal);
  }
}

/** The first file of that name on PATH which may be run; null when there is none. Relative PATH entries are skipped. */
export function findProgram(name: string, env: NodeJS.ProcessEnv): string | null {
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return folders.map((folder) => path.join(folder, name)).find(isProgram) ?? null;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The user's environment without `unset`, with `added`. What `bin/run.js` put there for us is taken out again. */
export function harnessEnvironment(
  own: NodeJS.ProcessEnv,
  change: { unset: readonly string[]; added: Record<string, string> },
): NodeJS.ProcessEnv {
  const ours = own['DYNAMO_SET_NODE_ENV'] === undefined ? [] : ['NODE_ENV', 'DYNAMO_SET_NODE_ENV'];
  const dropped = new Set([...change.unset, ...ours]);
  const kept = Object.entries(own).filter(([name]) => !dropped.has(name));
  return { ...Object.fromEntries(kept), ...change.added };
}
