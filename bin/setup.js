// What a fresh clone needs before anything runs: a new enough Node, the packages of the lockfile, a build.
// Plain JavaScript without packages, because none are there yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const installStamp = path.join(root, 'node_modules', '.dynamo-installed');
const buildStamp = path.join(root, 'dist', '.dynamo-built');

/** Ends the process with one sentence when Node is too old. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 20)) return;
  fail(`Node ${process.versions.node} is too old; dynamo needs 20.20 or newer. Install it from nodejs.org.`);
}

/** Installs the lockfile's packages unless the last install was of this very lockfile. No install script runs. */
export function install() {
  const lock = hash([path.join(root, 'package-lock.json'), path.join(root, 'package.json')]);
  if (existsSync(installStamp) && readFileSync(installStamp, 'utf8') === lock) return false;
  say('installing packages (npm ci)');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync(npm, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (result.error) fail(`npm could not be started (${result.error.message}); install npm and try again.`);
  if (result.status !== 0)
    fail('npm ci failed; its message is above. Without a network, fill the npm cache first.');
  writeFileSync(installStamp, lock);
  return true;
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
