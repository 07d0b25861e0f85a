#!/usr/bin/env node
// `npm run pictures`: a real run on this machine, and from it the pictures of the README in docs/pictures.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, fail, install, requireNode, root, say } from './setup.js';

requireNode();
install();
build();

const pulled = spawnSync(process.execPath, [path.join(root, 'bin', 'run.js'), 'model', 'pull', '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
  encoding: 'utf8',
});
if (pulled.status !== 0) fail('the default model could not be fetched; its message is above.');
process.env.DYNAMO_TEST_MODEL ??= JSON.parse(pulled.stdout).path;

const { buildSync } = await import('esbuild');
// Beside its source: it looks for the project from where it lies.
const outfile = path.join(root, 'test', 'pictures', 'make.generated.mjs');
buildSync({
  entryPoints: [path.join(root, 'test', 'pictures', 'make.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
});
try {
  const { makePictures } = await import(pathToFileURL(outfile).href);
  for (const file of await makePictures()) say(file);
} finally {
  rmSync(outfile, { force: true });
}
