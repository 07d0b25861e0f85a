/** Where dynamo keeps things. `DYNAMO_HOME` moves all four folders under one; else the XDG rules hold. */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DynamoError } from '../errors.js';

export interface Paths {
  /** Settings and the user's own recipes. */
  config: string;
  /** Models, engine environments, disk tier. */
  data: string;
  /** One folder per stack: stack.json, logs, recordings. */
  state: string;
  /** One folder per stack, mode 0700: admin and event sockets. */
  runtime: string;
}

export type Environment = Record<string, string | undefined>;

/**
 * Longest folder in which our socket names still fit into a unix socket address (107 bytes on Linux, 103 on
 * macOS): `<runtime>/<stack>/w63-replay.sock` adds up to 48 bytes.
 */
const RUNTIME_BYTES_MAX = 54;

export function resolvePaths(env: Environment = process.env): Paths {
  const home = env['DYNAMO_HOME'];
  if (home) {
    const root = path.resolve(home);
    return {
      config: path.join(root, 'config'),
      data: path.join(root, 'data'),
      state: path.join(root, 'state'),
      runtime: shortRuntime(path.join(root, 'run')),
    };
  }
  const user = os.homedir();
  const xdg = (name: string, fallback: string) =>
    path.join(absolute(env[name]) ?? path.join(user, fallback), 'dynamo');
  const runtimeBase = absolute(env['XDG_RUNTIME_DIR']) ?? path.join(os.tmpdir(), `dynamo-${userId()}`);
  return {
    config: xdg('XDG_CONFIG_HOME', '.config'),
    data: xdg('XDG_DATA_HOME', path.join('.local', 'share')),
    state: xdg('XDG_STATE_HOME', path.join('.local', 'state')),
    runtime: shortRuntime(path.join(runtimeBase, 'dynamo')),
  };
}

export const modelsDir = (paths: Paths): string => path.join(paths.data, 'models');
export const stackStateDir = (paths: Paths, name: string): string => path.join(paths.state, name);
export const stackRuntimeDir = (paths: Paths, name: string): string => path.join(paths.runtime, name);
export const adminSocket = (paths: Paths, name: string): string =>
  process.platform === 'win32'
    ? `\\\\.\\pipe\\dynamo-${userId()}-${name}`
    : path.join(stackRuntimeDir(paths, name), 'admin.sock');

/** Where the user's other programs keep their settings. */
export const userConfigHome = (env: Environment = process.env): string =>
  absolute(env['XDG_CONFIG_HOME']) ?? path.join(os.homedir(), '.config');

/**
 * Makes a folder only its owner can enter, or makes the one that is there so. Throws `unsafe_folder` for one that is
 * somebody else's: under a shared temporary folder its name can be guessed, and whoever made it first could replace
 * sockets and pages in it.
 */
export function makePrivateDir(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  requirePrivate(dir);
  if (process.platform !== 'win32') chmodSync(dir, 0o700);
}

/** Throws `unsafe_folder` unless the folder is missing, or a real one of this user's. */
export function requirePrivate(dir: string): void {
  const found = lstatSync(dir, { throwIfNoEntry: false });
  if (found === undefined || process.getuid === undefined) return;
  const why = !found.isDirectory()
    ? 'it is no folder but a link or a file'
    : `it belongs to user ${found.uid}`;
  if (found.isDirectory() && found.uid === process.getuid()) return;
  throw new DynamoError('unsafe_folder', { dir, why });
}

/** A runtime folder too deep for a socket address is replaced by a short one derived from it. */
function shortRuntime(dir: string): string {
  if (Buffer.byteLength(dir) <= RUNTIME_BYTES_MAX) return dir;
  const tag = createHash('sha256').update(dir).digest('hex').slice(0, 12);
  return path.join(os.tmpdir(), `dynamo-${userId()}-${tag}`);
}

/** XDG says relative values must be ignored. */
function absolute(value: string | undefined): string | undefined {
  return value && path.isAbsolute(value) ? value : undefined;
}

function userId(): string {
  return String(process.getuid?.() ?? os.userInfo().username);
}
