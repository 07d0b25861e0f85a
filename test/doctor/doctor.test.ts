/** The doctor against folders and programs made for it: nothing of this machine decides. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/cli/paths.js';
import { doctorText } from '../../src/doctor/doctor-text.js';
import { engineChecks } from '../../src/doctor/engine-checks.js';
import { examine } from '../../src/doctor/examine.js';
import { driverCheck, gpuCheck, gpuChecks } from '../../src/doctor/gpu-checks.js';
import { filesCheck, memoryCheck } from '../../src/doctor/host-checks.js';
import { leftoverChecks } from '../../src/doctor/leftover-checks.js';
import { diskChecks, remoteChecks, sharedMemoryChecks, speedCheck } from '../../src/doctor/storage-checks.js';
import { describedHost } from '../../src/plan/hardware.js';
import { probeHost } from '../../src/plan/probe.js';
import type { HostSnapshot } from '../../src/plan/types.js';
import { GIB, MIB } from '../../src/plan/units.js';

let dir: string;
let host: HostSnapshot;

beforeEach(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-doctor-'));
  host = { ...(await probeHost({ dataDir: dir, env: {} })), gpus: [], driver: null };
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A program on a PATH of its own. */
function program(name: string, text: string): Record<string, string> {
  const file = path.join(dir, name);
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return { PATH: dir };
}

describe('GPUs', () => {
  it('none at all is in order', async () => {
    expect(await gpuChecks(host, { PATH: dir })).toMatchObject([{ id: 'gpu', status: 'ok' }]);
  });

  it('a driver that does not answer is a failure with what it said', async () => {
    const env = program(
      'nvidia-smi',
      '#!/bin/sh\necho "Failed to initialize NVML: Driver/library version mismatch" >&2\nexit 18\n',
    );
    const [check] = await gpuChecks(host, env);
    expect(check).toMatchObject({ status: 'fail', found: expect.stringContaining('version mismatch') });
    expect(check?.remedy).toContain('nvidia-smi');
  });

  it('a driver that shows none points at what hides them', async () => {
    const [check] = await gpuChecks(host, program('nvidia-smi', '#!/bin/sh\nexit 0\n'));
    expect(check).toMatchObject({ status: 'warn', remedy: expect.stringContaining('CUDA_VISIBLE_DEVICES') });
  });

  it('each is named; one in use or unknown is a warning', () => {
    const [gpu] = describedHost('h200', host).gpus;
    expect(gpuCheck(gpu!)).toMatchObject({ id: 'gpu-0', status: 'ok' });
    expect(gpuCheck({ ...gpu!, freeBytes: gpu!.memoryBytes / 2 }).found).toContain('another program');
    expect(gpuCheck({ ...gpu!, family: '' }).status).toBe('warn');
  });

  it('an old driver is a warning', () => {
    expect(driverCheck('580.65.06').status).toBe('ok');
    expect(driverCheck('535.104').status).toBe('warn');
    expect(driverCheck(null).status).toBe('warn');
  });
});

describe('the machine', () => {
  it('with little memory or few files is a warning that says what to start instead', () => {
    expect(memoryCheck({ ...host, freeMemoryBytes: 8 * GIB }).status).toBe('ok');
    expect(memoryCheck({ ...host, freeMemoryBytes: GIB }).remedy).toContain('--workers 1');
    expect(filesCheck(65_536)[0]?.status).toBe('ok');
    expect(filesCheck(1_024)[0]?.remedy).toContain('ulimit -n');
    expect(filesCheck(null)).toEqual([]);
  });
});

describe('engines', () => {
  it('are found on PATH with the version their Python knows, without starting them', async () => {
    const python = path.join(dir, 'python3');
    const env = program('vllm', `#!${python}\nraise SystemExit("started")\n`);
    program('python3', '#!/bin/sh\necho 0.32.0\n');
    const checks = await engineChecks(path.join(dir, 'data'), env);
    const found = checks.find(({ id }) => id === 'vllm')?.found;
    expect(found).toContain(
      `0.32.0 (${path.join(dir, 'vllm')}): KV events; priorities (lowest number first)`,
    );
    program('python3', '#!/bin/sh\necho 0.11.2\n');
    const old = await engineChecks(path.join(dir, 'data'), env);
    expect(old.find(({ id }) => id === 'vllm')).toMatchObject({
      status: 'warn',
      remedy: expect.stringContaining('dynamo engine install vllm'),
    });
    expect(checks.find(({ id }) => id === 'sglang')?.found).toBe('not installed');
    expect(checks.find(({ id }) => id === 'embedded')?.status).toBe('ok');
  });
});

describe('storage', () => {
  it('is measured, and nothing of the measurement stays', async () => {
    const checks = await diskChecks(path.join(dir, 'data'));
    expect(checks.map(({ id }) => id)).toEqual(['disk', 'disk-speed']);
    expect(checks[1]?.found).toMatch(/^writes [\d.]+ \w+\/s, reads/);
    expect(await import('node:fs').then((fs) => fs.readdirSync(path.join(dir, 'data')))).toEqual([]);
  });

  it('that cannot be written is a failure', async () => {
    writeFileSync(path.join(dir, 'file'), '');
    expect(await diskChecks(path.join(dir, 'file', 'data'))).toMatchObject([{ id: 'disk', status: 'fail' }]);
  });

  it('that is slow is a warning', () => {
    expect(speedCheck({ writeBytesPerSecond: 20 * MIB, readBytesPerSecond: GIB }).status).toBe('warn');
  });

  it('in memory may be missing', async () => {
    expect(await sharedMemoryChecks(path.join(dir, 'none'))).toMatchObject([{ status: 'ok' }]);
  });

  it('that is remote and does not answer is a failure; none is no check', async () => {
    const at = 'redis://127.0.0.1:1/0';
    expect(await remoteChecks([{ name: 'remote', bytesMax: null, at }])).toMatchObject([
      { id: 'remote', status: 'fail', found: expect.stringContaining(at) },
    ]);
    expect(await remoteChecks([])).toEqual([]);
  });
});

describe('leftovers', () => {
  it('of stacks that do not run are told, each with its remedy', () => {
    const paths = resolvePaths({ DYNAMO_HOME: dir });
    expect(leftoverChecks(paths)).toMatchObject([
      { id: 'stacks', found: 'no stack runs' },
      { found: 'none' },
    ]);
    mkdirSync(path.join(paths.state, 'old'), { recursive: true });
    writeFileSync(
      path.join(paths.state, 'old', 'lock'),
      JSON.stringify({ pid: 2 ** 22, startTime: '1', url: 'x' }),
    );
    mkdirSync(path.join(paths.runtime, 'old'), { recursive: true });
    writeFileSync(path.join(paths.runtime, 'old', 'admin.sock'), '');
    const found = leftoverChecks(paths).filter(({ id }) => id === 'leftovers');
    expect(found.map(({ found }) => found)).toEqual([
      expect.stringContaining('the lock of old'),
      expect.stringContaining('1 sockets of old'),
    ]);
    expect(found.every(({ remedy }) => remedy?.includes('dynamo up --name old'))).toBe(true);
  });
});

describe('the whole', () => {
  const at = () => ({ host: '127.0.0.1', port: 0, paths: resolvePaths({ DYNAMO_HOME: dir }) });

  it('can run the default recipe, and says what is still to be fetched', async () => {
    const diagnosis = await examine({ set: {} }, at());
    expect(diagnosis.canRun).toBe(true);
    expect(diagnosis.checks.find(({ id }) => id === 'model')?.status).toBe('warn');
    expect(doctorText(diagnosis)).toMatch(/dynamo up can run here: \d+ ok, \d+ warn, 0 fail$/);
  });

  it('cannot run what is too large, with each variant’s reason and what would run', async () => {
    const diagnosis = await examine({ recipe: 'glm5', set: {} }, at());
    expect(diagnosis.canRun).toBe(false);
    const recipe = diagnosis.checks.find(({ id }) => id === 'recipe');
    expect(recipe).toMatchObject({ status: 'fail', found: expect.stringContaining('nvfp4: needs') });
    expect(recipe?.remedy).toContain('--recipe');
  });

  it('refuses a question about nothing', async () => {
    await expect(examine({ recipe: 'nope', set: {} }, at())).rejects.toMatchObject({
      code: 'unknown_recipe',
    });
  });
});
