#!/usr/bin/env node
// Compiles src and commands to dist with the project's own TypeScript, then writes oclif's command manifest,
// so that `--help` need not import every command.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compilerFolder } from './setup.js';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const manifest = path.join(root, 'oclif.manifest.json');

// Where only what a user needs is installed, types of packages are missing: nothing is checked then, as nobody changed it.
const own = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const isChecked = existsSync(own);
const compiler = isChecked ? own : path.join(compilerFolder, 'node_modules', 'typescript', 'bin', 'tsc');
const flags = isChecked ? [] : ['--noCheck', '--types', ''];
const compiled = spawnSync(process.execPath, [compiler, '-p', root, ...flags], {
  stdio: 'inherit',
  cwd: root,
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

rmSync(manifest, { force: true });
const { Plugin } = await import('@oclif/core');
const plugin = new Plugin({ root, ignoreManifest: true, errorOnManifestCreate: true });
await plugin.load();
writeFileSync(manifest, JSON.stringify(plugin.manifest));

// The plain `--help`, rendered once: see run.js.
const helpFile = path.join(root, 'dist', 'help.txt');
rmSync(helpFile, { force: true });
const help = spawnSync(process.execPath, [path.join(root, 'bin', 'run.js'), '--help'], {
  encoding: 'utf8',
  env: { ...process.env, COLUMNS: '80', NO_COLOR: '1', FORCE_COLOR: '0' },
});
if (help.status !== 0 || help.stdout === '') {
  process.stderr.write(`dynamo: the help text could not be rendered\n${help.stderr}`);
  process.exit(1);
}
writeFileSync(helpFile, help.stdout);
