/** Releases of engines, read from their Python packages: asking the program takes 15 seconds of imports. */
import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const TIMEOUT_MS = 10_000;

const PRINT_VERSION = [
  'import importlib.metadata as m, sys',
  'for name in sys.argv[1:]:',
  '  try: print(m.version(name)); break',
  '  except m.PackageNotFoundError: pass',
].join('\n');

/** Release of the first of `packages` that the program's interpreter knows; null when that is no Python or it knows none. */
export async function pythonVersion(program: string, packages: readonly string[]): Promise<string | null> {
  try {
    const interpreter = await interpreterOf(program);
    if (interpreter === null) return null;
    const { stdout } = await promisify(execFile)(interpreter, ['-c', PRINT_VERSION, ...packages], {
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

/** The Python that the program's first line names; null for a program that is no Python script. */
export async function interpreterOf(program: string): Promise<string | null> {
  const head = (await readFile(await realpath(program), 'latin1')).slice(0, 1_024);
  const named = /^#!\s*(\S*python[\d.]*)\s*$/m.exec(head)?.[1];
  if (named !== undefined) return named;
  // A path with spaces or beyond 127 bytes cannot stand in the first line: pip then writes a shell script.
  const executed = /^#!\/bin\/sh\n'''exec' "?([^"\n]*?python[\d.]*)"? "\$0"/.exec(head)?.[1];
  return executed !== undefined && path.isAbsolute(executed) ? executed : null;
}

/** Whether release `found` is `wanted` or newer; suffixes (`+cpu`, `rc1`, `.dev3`) do not count. */
export function isAtLeast(found: string, wanted: string): boolean {
  const parts = (text: string): number[] => /^[\d.]*/.exec(text)![0].split('.').map(Number);
  const [own, least] = [parts(found), parts(wanted)];
  for (const [index, value] of least.entries()) {
    const difference = (own[index] ?? 0) - value;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** The build without CUDA says so in its local version. */
export const isCpuBuild = (version: string): boolean => /\+cpu\b/.test(version);
