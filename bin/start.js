#!/usr/bin/env node
// `npm start`: from a fresh clone to a running stack. Arguments go to `dynamo up`.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { build, install, requireNode, root } from './setup.js';

requireNode();
install({ isForUse: true });
build();

const args = [path.join(root, 'bin', 'run.js'), 'up', ...process.argv.slice(2)];
const child = spawn(process.execPath, args, { stdio: 'inherit' });
// The terminal sends Ctrl-C to both of us; `dynamo up` decides what it means.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 130;
});
