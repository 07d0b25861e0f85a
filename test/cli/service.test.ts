/** The systemd unit, held to systemd's own reading where it is there, and the commands against a systemctl that notes what it is asked. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unitText } from '../../src/cli/service-unit.js';

const run = path.resolve(import.meta.dirname, '../../bin/run.js');
let dir: string;
let calls: string;

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-service-'));
  calls = path.join(dir, 'calls');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function fakeSystemctl(script: string): void {
  const file = path.join(dir, 'systemctl');
  writeFileSync(file, `#!/bin/sh\necho "$*" >> ${calls}\n${script}\n`);
  chmodSync(file, 0o755);
}

const dynamo = (...args: string[]) =>
  execa(process.execPath, [run, 'service', ...args], {
    env: {
      PATH: `${dir}:${process.env['PATH']}`,
      DYNAMO_HOME: path.join(dir, 'home'),
      XDG_CONFIG_HOME: path.join(dir, 'config'),
      DYNAMO_API_KEY: 'sk-never-in-a-unit',
    },
    reject: false,
  });

const unit = () => path.join(dir, 'config/systemd/user/dynamo-web.service');

describe.runIf(process.platform !== 'win32')('a service', () => {
  it('is written without a key, enabled and started; it is stopped by `down`', async () => {
    fakeSystemctl('');
    const done = await dynamo(
      'install',
      '--name',
      'web',
      '--',
      '--recipe',
      './my model.yaml',
      '--port',
      '9000',
    );
    expect(done.exitCode, done.stderr).toBe(0);
    const text = readFileSync(unit(), 'utf8');
    expect(text).toContain(`up --no-tui --name web --recipe "./my model.yaml" --port 9000`);
    expect(text).toMatch(/^ExecStop=\S+ \S+run\.js down --name web$/m);
    expect(text).toContain(`Environment=DYNAMO_HOME=${path.join(dir, 'home')}`);
    expect(text).not.toContain('sk-never');
    expect(readFileSync(calls, 'utf8').trim().split('\n')).toEqual([
      '--user daemon-reload',
      '--user enable dynamo-web.service',
      '--user restart dynamo-web.service',
    ]);
  });

  it('is told with its state, and removed whole', async () => {
    fakeSystemctl(
      '[ "$2" = show ] && printf "MainPID=77\\nActiveState=active\\nSubState=running\\nUnitFileState=enabled\\n"; exit 0',
    );
    expect((await dynamo('status', '--name', 'web')).stdout).toContain('not installed');
    await dynamo('install', '--name', 'web', '--no-start');
    expect((await dynamo('status', '--name', 'web')).stdout).toBe(
      'dynamo-web.service active (running, pid 77), started at login',
    );
    expect(JSON.parse((await dynamo('status', '--name', 'web', '--json')).stdout)).toMatchObject({
      ...{ installed: true, active: 'active', pid: 77, isEnabled: true },
    });
    expect((await dynamo('remove', '--name', 'web')).exitCode).toBe(0);
    expect(existsSync(unit())).toBe(false);
    expect(readFileSync(calls, 'utf8')).toContain('--user disable --now dynamo-web.service');
    const again = await dynamo('remove', '--name', 'web');
    expect({ code: again.exitCode, said: again.stderr }).toMatchObject({
      code: 2,
      said: expect.stringContaining('There is no service dynamo-web.service'),
    });
  });

  it('that cannot be is refused with what to do', async () => {
    fakeSystemctl('echo "Failed to connect to bus: No medium found" >&2; exit 1');
    const noBus = await dynamo('install', '--name', 'web');
    expect(noBus.exitCode).toBe(1);
    expect(noBus.stderr).toContain('dynamo up --detach');
    for (const flag of ['--detach', '--name=x', '--api-key=sk-1']) {
      const refused = await dynamo('install', '--', flag);
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toContain('is not for services');
      expect(refused.stderr).not.toContain('sk-1');
    }
  });
});

const hasAnalyze = process.platform === 'linux' && existsSync('/usr/bin/systemd-analyze');

it.runIf(hasAnalyze)('the unit is read by systemd as it was meant', () => {
  const file = path.join(dir, 'dynamo-odd.service');
  const words = [
    '--set',
    'a=100%',
    '--record',
    '/tmp/with "quotes" and $HOME',
    '--tiers',
    'cpu=1GiB,disk=2GiB:/x\\y',
  ];
  const env = { PATH: '/usr/bin:/bin', HF_HOME: '/data/50% full' };
  writeFileSync(
    file,
    unitText({
      ...{ name: 'odd', node: process.execPath, program: run, upArgs: words, env },
      secretsFile: '/nowhere/100%/service.env',
    }),
  );
  expect(statSync(file).size).toBeGreaterThan(400);
  const { stderr, stdout } = spawnSync('systemd-analyze', ['verify', '--user', '--man=no', file], {
    encoding: 'utf8',
    env: { ...process.env, XDG_RUNTIME_DIR: dir },
  });
  expect(`${stdout}${stderr}`).toBe('');
});
