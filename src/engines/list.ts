/** The engines that can be started here, for people. */
import { findLibrary } from './embedded/core/platform-package.js';
import { installCommand, VLLM_RELEASES, type VllmBuild } from './vllm/environments.js';
import { findVllm } from './vllm/find-program.js';

export interface ListedEngine {
  /** `embedded`, `vllm`, `vllm --cpu`. */
  name: string;
  state: 'installed' | 'absent';
  /** Null when it is absent or does not tell. */
  version: string | null;
  /** Program or library; null when absent. */
  path: string | null;
  /** What installs it; null for what comes with dynamo. */
  install: string | null;
  /** A third party's rebuild. */
  isExperimental: boolean;
}

export async function listEngines(
  dataDir: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ListedEngine[]> {
  return [embedded(), await vllm('cuda', dataDir, env), await vllm('cpu', dataDir, env)];
}

export function engineListText(engines: readonly ListedEngine[]): string {
  return engines
    .map(({ name, state, version, path, install, isExperimental }) => {
      const where = path ?? `\`${install}\``;
      const mark = isExperimental ? '  experimental' : '';
      return `${name.padEnd(12)} ${state.padEnd(10)} ${(version ?? '').padEnd(12)} ${where}${mark}`;
    })
    .join('\n');
}

function embedded(): ListedEngine {
  const base = { name: 'embedded', version: null, install: null, isExperimental: false };
  try {
    return { ...base, state: 'installed', path: findLibrary().dir };
  } catch {
    return { ...base, state: 'absent', path: null, install: 'npm install -g dynamo-cli' };
  }
}

async function vllm(build: VllmBuild, dataDir: string, env: NodeJS.ProcessEnv): Promise<ListedEngine> {
  const found = await findVllm(build, dataDir, env);
  return {
    name: build === 'cpu' ? 'vllm --cpu' : 'vllm',
    state: found === null ? 'absent' : 'installed',
    version: found === null ? VLLM_RELEASES[build].version : found.version,
    path: found?.file ?? null,
    install: installCommand(build),
    isExperimental: build === 'cpu',
  };
}
