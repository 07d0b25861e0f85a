#!/usr/bin/env node
// `npm test`, `npm run test:engines`, `npm run test:chaos` and `npm run test:fuzz` (the fuzz tests with 50,000 cases each): set up, fetch the default model, run vitest, print the counts last.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build, fail, install, requireNode, root } from './setup.js';

requireNode();
install();
build();

const kind = ['engines', 'chaos', 'fuzz'].find((name) => name === process.argv[2]);
const isFuzz = kind === 'fuzz';
const filters = process.argv.slice(kind === undefined ? 2 : 3);
if (isFuzz && filters.length === 0) filters.push('fuzz');
const scratch = mkdtempSync(path.join(os.tmpdir(), 'dynamo-test-'));
const report = path.join(scratch, 'report.json');

const model = process.env.DYNAMO_TEST_MODEL ?? fetchModel();
const hasConfig = kind === 'engines' || kind === 'chaos';
const config = hasConfig ? ['--config', path.join(root, `vitest.${kind}.config.ts`)] : [];
const args = [
  'run',
  ...config,
  ...filters,
  ...(isFuzz ? ['--testTimeout=7200000'] : []),
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
];
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
const long = isFuzz ? { DYNAMO_FUZZ: '50000', DYNAMO_FUZZ_HTTP: '5000' } : {};
const env = { ...long, ...process.env, DYNAMO_TEST_MODEL: model, NODE_ENV: 'test' };
const result = spawnSync(process.execPath, [vitest, ...args], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
  env,
});
const counts = readCounts();
rmSync(scratch, { recursive: true, force: true });
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed\n`);
process.exitCode = result.status === 0 && counts.failed === 0 && counts.passed > 0 ? 0 : 1;

/** The default model through the product's own command, into the user's model folder. */
function fetchModel() {
  const run = [path.join(root, 'bin', 'run.js'), 'model', 'pull', '--json'];
  const pulled = spawnSync(process.execPath, run, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (pulled.status !== 0) fail('the default model could not be fetched; its message is above.');
  return JSON.parse(pulled.stdout).path;
}

/** A suite that could not even be loaded counts as one failure. */
function readCounts() {
  try {
    const data = JSON.parse(readFileSync(report, 'utf8'));
    const broken = data.testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.length === 0,
    ).length;
    return { passed: data.numPassedTests, failed: data.numFailedTests + broken };
  } catch {
    return { passed: 0, failed: 1 };
  }
}
