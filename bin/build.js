#!/usr/bin/env node
// Compiles src and commands to dist with the project's own TypeScript, then writes oclif's command manifest,
// so that `--help` need not import every command.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const manifest = path.join(root, 'oclif.manifest.json');

const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const compiled = spawnSync(process.execPath, [compiler, '-p', root], { stdio: 'inherit', cwd: root });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

rmSync(manifest, { force: true });
const { Plugin } = await import('@oclif/core');
const plugin = new Plugin({ root, ignoreManifest: true, errorOnManifestCreate: true });
await plugin.load();
writeFileSync(manifest, JSON.stringify(plugin.manifest));
