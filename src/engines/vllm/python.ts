/** Which Python and which installer to use: the user's own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DynamoError } from '../../errors.js';
import { findProgram } from '../../plan/find-program.js';

export interface PythonTools {
  /** An interpreter vLLM's wheels are made for. */
  python: string;
  /** `uv`, several times as fast as pip; null when the user has none. */
  uv: string | null;
}

/** What vLLM 0.32 asks for. */
const MINOR_MIN = 11;
const MINOR_MAX = 14;
const NAMES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14', 'python'];

/** The first fitting Python on PATH. Rejects with `engine_missing` when there is none, or it cannot make environments. */
export async function requirePython(env: NodeJS.ProcessEnv = process.env): Promise<PythonTools> {
  const uv = await findProgram('uv', env);
  const seen: string[] = [];
  for (const name of NAMES) {
    const python = await findProgram(name, env);
    const version = python === null ? null : await versionOf(python, env);
    if (python === null || version === null) continue;
    const [major, minor] = version.split('.').map(Number);
    if (major === 3 && minor! >= MINOR_MIN && minor! <= MINOR_MAX) {
      if (uv !== null || (await hasVenv(python, env))) return { python, uv };
      throw missing(
        `${python} cannot make environments`,
        'Install its venv module (Debian: `apt install python3-venv`).',
      );
    }
    seen.push(`${name} is ${version}`);
  }
  const found = seen.length === 0 ? 'there is no Python on PATH' : seen.join(', ');
  throw missing(
    `it needs Python 3.${MINOR_MIN} to 3.${MINOR_MAX}, and ${found}`,
    `Install Python 3.12 and run this again.`,
  );
}

async function versionOf(python: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  const code = 'import sys; print("%d.%d.%d" % sys.version_info[:3])';
  return await output(python, ['-c', code], env);
}

const hasVenv = async (python: string, env: NodeJS.ProcessEnv): Promise<boolean> =>
  (await output(python, ['-c', 'import venv, ensurepip; print(1)'], env)) !== null;

async function output(file: string, args: string[], env: NodeJS.ProcessEnv): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(file, args, { env, timeout: 10_000, killSignal: 'SIGKILL' });
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

const missing = (detail: string, remedy: string): DynamoError =>
  new DynamoError('engine_missing', { engine: 'vllm', detail, remedy });
