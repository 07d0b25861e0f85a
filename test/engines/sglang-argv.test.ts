/**
 * SGLang does not run here (it needs a GPU), but its server arguments can be imported: every SGLang variant's command
 * line is given to its own parser. The package comes from the Python index, without what it depends on.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { capabilitiesOf } from '../../src/engines/capabilities.js';
import { recipeCommands } from './support/recipe-commands.js';
import { askParser, installEngine, notHere } from './support/vllm.js';

const RELEASE = capabilitiesOf('sglang').checked!;

it.runIf(notHere === null)(
  'SGLang’s own parser takes every variant’s command line, and no changed flag',
  async () => {
    const engine = await installEngine();
    const folder = await unpacked(path.join(engine.path, 'bin', 'python'));
    const lines = await recipeCommands('sglang');
    expect(lines.length).toBeGreaterThan(4);
    const [name, good] = lines[0]!;
    const changed = (from: string, to: string) => good.map((word) => (word === from ? to : word));
    const spoiled = [
      [...good, '--no-such-flag', '1'],
      changed('--page-size', '--page-sizes'),
      changed('--default-priority-value', '--default-priority'),
      changed('glm47', 'glm99'),
      good.map((word) => word.replace('replay_endpoint', 'replay_address')),
    ];
    const script = path.join(import.meta.dirname, 'support', 'check-sglang-argv.py');
    const { complaints, parsers } = await askParser(
      engine,
      [script, folder],
      [...lines.map(([, args]) => args), ...spoiled],
    );
    const known = complaints.slice(0, lines.length);
    expect(known.flatMap((errors, at) => errors.map((error) => `${lines[at]![0]}: ${error}`))).toEqual([]);
    expect(complaints).toHaveLength(lines.length + spoiled.length);
    for (const errors of complaints.slice(lines.length)) expect(errors, name).not.toEqual([]);
    const { toolParsers, reasoningParsers } = capabilitiesOf('sglang');
    expect(parsers).toEqual({ tools: toolParsers, reasoning: reasoningParsers });
  },
);

/** The package's folder, fetched once: 39 MB. */
async function unpacked(python: string): Promise<string> {
  const folder = path.join(os.homedir(), '.cache', 'dynamo-cli', `sglang-${RELEASE}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  await execa('python3', [
    '-m',
    'pip',
    'download',
    '-q',
    '--no-deps',
    '--no-binary',
    ':none:',
    `sglang==${RELEASE}`,
    '-d',
    partial,
  ]);
  const wheel = readdirSync(partial).find((file) => file.endsWith('.whl'))!;
  await execa(python, ['-m', 'zipfile', '-e', path.join(partial, wheel), partial]);
  rmSync(path.join(partial, wheel));
  renameSync(partial, folder);
  return folder;
}
