/** The `dynamo model` commands as a user runs them: the built program, its own data folder, no network. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../..');
const FILE = 'SmolLM2-135M-Instruct-Q4_1.gguf';

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'dynamo-model-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const folder = () => path.join(home, 'data', 'models', 'smollm2');

function dynamo(...args: string[]) {
  return execa(process.execPath, [path.join(root, 'bin', 'run.js'), 'model', ...args], {
    cwd: root,
    reject: false,
    extendEnv: false,
    // Port 9 refuses; an empty PATH has no pip.
    env: { DYNAMO_HOME: home, HOME: home, PATH: path.join(home, 'bin'), HF_ENDPOINT: 'http://127.0.0.1:9' },
  });
}

describe('dynamo model', () => {
  it('list shows what can be fetched and what is here', async () => {
    expect((await dynamo('list')).stdout).toMatch(
      /^smollm2 +absent +98\.4 MB +SmolLM2 135M Instruct, Q4_1 \(Apache-2\.0\)$/,
    );
    mkdirSync(folder(), { recursive: true });
    writeFileSync(path.join(folder(), `${FILE}.part`), 'half');
    const [model] = JSON.parse((await dynamo('list', '--json')).stdout);
    expect(model).toMatchObject({ name: 'smollm2', state: 'partial', bytes: 4, totalBytes: 98_362_432 });
  });

  it('pull without any network says what to put where', async () => {
    const { exitCode, stdout, stderr } = await dynamo('pull');
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(
      `put ${FILE} (SHA-256 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53) at ${path.join(folder(), FILE)}`,
    );
    expect(stderr).not.toContain('\u001b');
  });

  it('pull of an unknown name names the known ones', async () => {
    const { exitCode, stderr } = await dynamo('pull', 'gpt-9');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Known: smollm2');
  });

  it('pull leaves a corrupt file alone and says how to mend it', async () => {
    mkdirSync(folder(), { recursive: true });
    writeFileSync(path.join(folder(), FILE), 'not a model');
    const { exitCode, stderr } = await dynamo('pull');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('dynamo model rm smollm2');
    expect(existsSync(path.join(folder(), FILE))).toBe(true);
  });

  it('rm removes the file and what was made from it', async () => {
    mkdirSync(folder(), { recursive: true });
    writeFileSync(path.join(folder(), FILE), 'x');
    writeFileSync(path.join(folder(), 'derived-Q8_0.gguf'), 'yy');
    expect(JSON.parse((await dynamo('rm', 'smollm2', '--json')).stdout)).toEqual({
      name: 'smollm2',
      freedBytes: 3,
    });
    expect(existsSync(folder())).toBe(false);
    expect((await dynamo('rm', 'smollm2')).exitCode).toBe(1);
  });

  const model = process.env['DYNAMO_TEST_MODEL'];
  it.skipIf(model === undefined)(
    'pull --json gives the path of a model that is here, alone on stdout',
    async () => {
      mkdirSync(folder(), { recursive: true });
      symlinkSync(model!, path.join(folder(), FILE));
      const { exitCode, stdout } = await dynamo('pull', '--json');
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        name: 'smollm2',
        path: path.join(folder(), FILE),
        source: 'present',
      });
    },
  );
});
