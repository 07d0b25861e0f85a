/**
 * `dynamo launch` as a user runs it: the built program, a fake home full of the user's own files, and programs named
 * like the real agents that write into whatever configuration home they are given.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa, type Options } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeStack, fakeStack } from './fake-stack.js';

const root = path.resolve(import.meta.dirname, '../../..');
const KEY = 'sk-stack-0123456789';
const HARNESSES = ['claude', 'codex', 'opencode', 'pi'] as const;
const USER_FILES = [
  '.claude/settings.json',
  '.claude.json',
  '.codex/config.toml',
  '.codex/auth.json',
  '.config/opencode/opencode.json',
  '.pi/agent/auth.json',
  '.gitconfig',
];

let dir: string;
let home: string;
let stack: FakeStack | null = null;

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyl-'));
  home = path.join(dir, 'home');
  for (const file of USER_FILES) {
    mkdirSync(path.dirname(path.join(home, file)), { recursive: true });
    writeFileSync(path.join(home, file), `the user's own ${file}`);
  }
  mkdirSync(path.join(dir, 'bin'));
  for (const name of HARNESSES) {
    const program = path.join(dir, 'bin', name);
    copyFileSync(path.join(import.meta.dirname, 'fake-harness.cjs'), program);
    chmodSync(program, 0o755);
  }
});

afterEach(async () => {
  await stack?.close();
  stack = null;
  rmSync(dir, { recursive: true, force: true });
});

async function up(apiKey: string | null = null, contextTokens = 8_192): Promise<void> {
  const socket = path.join(dir, 'run', 'dynamo', 'default', 'admin.sock');
  stack = await fakeStack(socket, {
    recipe: contextTokens > 8_192 ? 'glm5' : 'smollm2',
    contextTokens,
    apiKey,
  });
}

function dynamo(args: string[], env: Record<string, string> = {}, options: Options = {}) {
  return execa(process.execPath, [path.join(root, 'bin', 'run.js'), 'launch', ...args], {
    cwd: dir,
    reject: false,
    extendEnv: false,
    ...options,
    env: {
      HOME: home,
      XDG_RUNTIME_DIR: path.join(dir, 'run'),
      PATH: `${path.join(dir, 'bin')}${path.delimiter}${path.dirname(process.execPath)}`,
      FAKE_REPORT: path.join(dir, 'report.json'),
      ...env,
    },
  });
}

const report = () => JSON.parse(readFileSync(path.join(dir, 'report.json'), 'utf8'));
const hasStarted = () => existsSync(path.join(dir, 'report.json'));
const stateDir = (...parts: string[]) => path.join(home, '.local', 'state', 'dynamo', 'default', ...parts);

/** Every path below the home with its content's hash; dynamo's own state folder is left out. */
function userFiles(): string[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(stateDir()))
    .map((file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`)
    .sort();
}

describe.each(HARNESSES)('dynamo launch %s', (name) => {
  it('leaves every file of the user as it was, though the agent writes its configuration', async () => {
    await up(KEY);
    const before = userFiles();
    const { exitCode } = await dynamo([name], { DYNAMO_API_KEY: KEY });
    expect(exitCode).toBe(0);
    expect(report().dir.startsWith(stateDir('harness', name))).toBe(true);
    expect(readFileSync(path.join(report().dir, 'auth.json'), 'utf8')).toContain(name);
    expect(userFiles()).toEqual(before);
    expect(before).toHaveLength(USER_FILES.length);
  });

  it('passes arguments, streams, folder and exit code through, and the key in the environment only', async () => {
    await up(KEY);
    const userArgs = ['--name', 'x y', '--', '--json', '-p'];
    const { exitCode, stdout, stderr } = await dynamo([name, '--', ...userArgs], {
      DYNAMO_API_KEY: KEY,
      FAKE_END: '23',
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 23, stdout: 'out of the agent' });
    expect(stderr).toContain('err of the agent');
    const { args, env, cwd, found } = report();
    expect(args.slice(-userArgs.length)).toEqual(userArgs);
    expect(cwd).toBe(dir);
    expect(JSON.stringify(args)).not.toContain(KEY);
    expect(Object.values(env)).toContain(KEY);
    // In the environment, an option or a file, as the agent wants it.
    expect(JSON.stringify([args, env, found])).toContain(stack?.url);
  });

  it('writes its files so that only the user can read them, and no key into them', async () => {
    await up(KEY);
    await dynamo([name], { DYNAMO_API_KEY: KEY });
    const files = Object.entries<{ text: string; mode: number }>(report().found);
    expect(files.length).toBeGreaterThan(0);
    for (const [file, { text, mode }] of files) {
      expect({ file, mode }).toEqual({ file, mode: 0o600 });
      expect(text).not.toContain(KEY);
    }
  });

  it('--print-env shows what would be set with the key masked, starts nothing and writes nothing', async () => {
    await up(KEY);
    const before = userFiles();
    const masked = await dynamo([name, '--print-env'], { DYNAMO_API_KEY: KEY });
    expect(masked.exitCode).toBe(0);
    expect(masked.stdout).toMatch(/^export \w+=/m);
    expect(masked.stdout).not.toContain(KEY);
    const open = await dynamo([name, '--print-env', '--show-secrets'], { DYNAMO_API_KEY: KEY });
    expect(open.stdout).toContain(`=${KEY}`);
    expect(hasStarted()).toBe(false);
    expect(existsSync(stateDir())).toBe(false);
    expect(userFiles()).toEqual(before);
  });

  it('says how to install a program that is missing, and installs nothing', async () => {
    await up();
    rmSync(path.join(dir, 'bin', name));
    const { exitCode, stderr } = await dynamo([name]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/npm install -g (@[\w-]+\/)?[\w-]+`/);
    expect(existsSync(stateDir())).toBe(false);
  });
});

describe('dynamo launch', () => {
  it('ends with 4 when no stack runs', async () => {
    const { exitCode, stderr } = await dynamo(['claude']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('dynamo up');
    expect(hasStarted()).toBe(false);
  });

  it('says which variable holds the key when the stack wants one', async () => {
    await up(KEY);
    const without = await dynamo(['pi']);
    expect({ code: without.exitCode, text: without.stderr }).toEqual({
      code: 2,
      text: expect.stringContaining('Set DYNAMO_API_KEY'),
    });
    expect((await dynamo(['pi'], { DYNAMO_API_KEY: 'wrong' })).exitCode).toBe(2);
    expect(stack?.keys).toEqual([undefined, 'Bearer wrong']);
    expect(hasStarted()).toBe(false);
  });

  it('tells the agent the window and answer length of the recipe, and keeps the prompt small with a word about it', async () => {
    await up();
    const { stderr } = await dynamo(['claude', '--', '-p', 'hi']);
    const { args, env } = report();
    expect(env).toMatchObject({
      CLAUDE_CODE_MAX_CONTEXT_TOKENS: '8192',
      CLAUDE_CODE_MAX_OUTPUT_TOKENS: '1024',
    });
    expect(args).toContain('--bare');
    expect(stderr).toContain('8192 tokens');
  });

  it('leaves the prompt of the agent alone in a large window', async () => {
    await up(null, 202_752);
    const { stderr } = await dynamo(['claude', '--', '-p', 'hi']);
    expect(report().args).not.toContain('--bare');
    expect(report().env).toMatchObject({
      CLAUDE_CODE_MAX_CONTEXT_TOKENS: '202752',
      CLAUDE_CODE_MAX_OUTPUT_TOKENS: '32768',
    });
    expect(stderr).toBe('err of the agent');
  });

  it('hides the keys the user has for other servers from Claude Code', async () => {
    await up();
    await dynamo(['claude'], { ANTHROPIC_API_KEY: 'sk-ant-real', CLAUDE_CODE_USE_BEDROCK: '1' });
    expect(report().env).not.toHaveProperty('ANTHROPIC_API_KEY');
    expect(report().env).not.toHaveProperty('CLAUDE_CODE_USE_BEDROCK');
  });

  it('keeps what the agent wrote for the next launch, except where our settings are at stake', async () => {
    await up();
    await dynamo(['claude']);
    const file = stateDir('harness', 'claude', 'settings.json');
    writeFileSync(file, '{"theme": "light", "skipWebFetchPreflight": false}');
    await dynamo(['claude']);
    expect(JSON.parse(report().found['settings.json'].text)).toMatchObject({
      theme: 'light',
      skipWebFetchPreflight: true,
    });
    writeFileSync(file, 'half a fi');
    expect((await dynamo(['claude'])).exitCode).toBe(0);
    expect(JSON.parse(report().found['settings.json'].text)).toMatchObject({ skipWebFetchPreflight: true });
  });

  it('gives the agent the environment of the user: NODE_ENV only if the user set it', async () => {
    await up();
    await dynamo(['pi']);
    expect(report().env).not.toHaveProperty('NODE_ENV');
    expect(report().env).not.toHaveProperty('DYNAMO_SET_NODE_ENV');
    await dynamo(['pi'], { NODE_ENV: 'test', MY_OWN: 'kept' });
    expect(report().env).toMatchObject({ NODE_ENV: 'test', MY_OWN: 'kept' });
  });

  it('--temporary gives an empty home and removes it, also when the agent fails', async () => {
    await up();
    const { exitCode } = await dynamo(['codex', '--temporary'], { FAKE_END: '5' });
    expect(exitCode).toBe(5);
    expect(report().dir).not.toContain(stateDir());
    expect(existsSync(report().dir)).toBe(false);
    expect(existsSync(stateDir())).toBe(false);
  });

  it('gives 128 + n when signal n ended the agent', async () => {
    await up();
    expect((await dynamo(['pi'], { FAKE_END: 'kill' })).exitCode).toBe(128 + 9);
  });

  it.each([
    ['SIGTERM', 42],
    ['SIGINT', 43],
  ] as const)('hands %s on to the agent and waits for its exit code', async (signal, code) => {
    await up();
    const running = dynamo(['pi'], { FAKE_END: 'wait' }, { timeout: 15_000 });
    await new Promise<void>((resolve) => {
      running.stdout?.on('data', (text: Buffer) => String(text).includes('waiting') && resolve());
    });
    process.kill(running.pid ?? 0, signal);
    expect((await running).exitCode).toBe(code);
  });

  it('gives the agent its stdin', async () => {
    await up();
    const { stdout } = await dynamo(['codex'], { FAKE_END: 'echo' }, { input: 'typed by the user' });
    expect(stdout).toContain('typed by the user');
  });

  it('says where the words for the agent belong when the -- is missing', async () => {
    await up();
    for (const args of [
      ['claude', '-p', 'hi'],
      ['claude', 'hi'],
    ]) {
      const { exitCode, stderr } = await dynamo(args);
      expect(exitCode).toBe(2);
      expect(stderr).toContain('behind `--`');
    }
  });
});
