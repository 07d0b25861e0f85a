// What a fresh clone needs before anything runs: a new enough Node, the packages of the lockfile, a build.
// Plain JavaScript without packages, because none are there yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const installStamp = path.join(root, 'node_modules', '.dynamo-installed');
/** Where TypeScript is when developers' packages are not. */
export const compilerFolder = path.join(root, 'node_modules', '.dynamo-compiler');
const buildStamp = path.join(root, 'dist', '.dynamo-built');

/** Ends the process with one sentence when Node is too old. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 20)) return;
  fail(`Node ${process.versions.node} is too old; dynamo needs 20.20 or newer. Install it from nodejs.org.`);
}

/**
 * Installs the lockfile's packages unless the last install was of this very lockfile. No install script runs. `isForUse`:
 * what a user needs and the compiler, a third of what developers get; whoever has more keeps it.
 */
export function install(wish = {}) {
  const isForUse = wish.isForUse === true && !existsSync(path.join(root, 'node_modules', 'typescript'));
  const lock = hash([path.join(root, 'package-lock.json'), path.join(root, 'package.json')]);
  const installed = existsSync(installStamp) ? readFileSync(installStamp, 'utf8') : '';
  if (installed === lock || (isForUse && installed === `${lock} use`)) return false;
  say('installing packages (npm ci)');
  npmCi(root, isForUse ? ['--omit=dev'] : []);
  if (isForUse) installCompiler();
  writeFileSync(installStamp, isForUse ? `${lock} use` : lock);
  return true;
}

function npmCi(folder, more) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...more];
  const result = spawnSync(npm, args, {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (result.error) fail(`npm could not be started (${result.error.message}); install npm and try again.`);
  if (result.status !== 0)
    fail('npm ci failed; its message is above. Without a network, fill the npm cache first.');
}

/** TypeScript alone, in a folder of its own, with the versions and hashes of the lockfile. */
function installCompiler() {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const { version } = packages['node_modules/typescript'];
  const wanted = /^node_modules\/(typescript|@typescript\/[^/]+)$/;
  const compiler = { name: 'dynamo-compiler', version: '1.0.0', dependencies: { typescript: version } };
  const entries = Object.entries(packages)
    .filter(([place]) => wanted.test(place))
    .map(([place, { dev: _, ...entry }]) => [place, entry]);
  const lock = { ...compiler, lockfileVersion: 3, requires: true };
  rmSync(compilerFolder, { recursive: true, force: true });
  mkdirSync(compilerFolder, { recursive: true });
  const write = (name, value) => writeFileSync(path.join(compilerFolder, name), JSON.stringify(value));
  write('package.json', compiler);
  write('package-lock.json', { ...lock, packages: { '': compiler, ...Object.fromEntries(entries) } });
  npmCi(compilerFolder, []);
}

/** Compiles when a source file is newer or another set than at the last build. */
export function build() {
  const sources = ['src', 'commands'].flatMap((dir) => listFiles(path.join(root, dir)));
  const inputs = [...sources, path.join(root, 'tsconfig.json'), path.join(root, 'package.json')];
  const names = createHash('sha256').update(inputs.join('\n')).digest('hex');
  const last = existsSync(buildStamp) ? readFileSync(buildStamp, 'utf8') : '';
  if (last === `${names} ${newest(inputs)}`) return false;
  say('building');
  if (!last.startsWith(names)) rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  const result = spawnSync(process.execPath, [path.join(root, 'bin', 'build.js')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.status !== 0) fail('the build failed; its message is above.');
  writeFileSync(buildStamp, `${names} ${newest(inputs)}`);
  return true;
}

export function say(text) {
  process.stderr.write(`dynamo: ${text}\n`);
}

export function fail(text) {
  process.stderr.write(`dynamo: ${text}\n`);
  process.exit(1);
}

function newest(files) {
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}

function hash(files) {
  const sum = createHash('sha256');
  for (const file of files) sum.update(readFileSync(file));
  return sum.digest('hex');
}

function listFiles(dir) {
  return readdirSync(dir, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() ? listFiles(path.join(dir, entry.name)) : [path.join(dir, entry.name)],
    )
    .sort();
}
