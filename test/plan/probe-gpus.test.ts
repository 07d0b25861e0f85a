/** The GPUs of a host from what drivers' programs print (test/fixtures/gpus), and what plans make of them. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gpuChecks, linkChecks } from '../../src/doctor/gpu-checks.js';
import { parseAmdSmi, parseRocmSmi } from '../../src/plan/amd-smi.js';
import { groupGpus, linkText } from '../../src/plan/gpu-groups.js';
import { describedHost } from '../../src/plan/hardware.js';
import { parseGpuRows, parseTopology, visibleGpus } from '../../src/plan/nvidia-smi.js';
import { makePlan } from '../../src/plan/plan.js';
import { probeHost } from '../../src/plan/probe.js';
import { probeGpus } from '../../src/plan/probe-gpus.js';
import type { HostSnapshot } from '../../src/plan/types.js';
import { GIB, MIB } from '../../src/plan/units.js';
import { loadRecipe } from '../../src/recipes/load.js';

const said = (name: string) =>
  readFileSync(path.resolve(import.meta.dirname, '../fixtures/gpus', name), 'utf8');
const SHARED = { totalBytes: 120 * GIB, freeBytes: 100 * GIB };
const rows = (name: string) => parseGpuRows(said(name), SHARED);

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-probe-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A program on a PATH of its own that prints a fixture for its first words. */
function program(name: string, answers: Record<string, string>): void {
  const cases = Object.entries(answers).map(([words, file]) => {
    const from = path.resolve(import.meta.dirname, '../fixtures/gpus', file);
    return `  "${words}"*) exec cat ${from} ;;`;
  });
  writeFileSync(path.join(dir, name), `#!/bin/sh\ncase "$*" in\n${cases.join('\n')}\nesac\nexit 9\n`);
  chmodSync(path.join(dir, name), 0o755);
}

const probed = (env: Record<string, string> = {}) =>
  probeGpus({ PATH: `${dir}${path.delimiter}/usr/bin${path.delimiter}/bin`, ...env }, SHARED);

describe('NVIDIA’s', () => {
  it('are told with memory, family, id and driver', () => {
    const { gpus, driver } = rows('rows-8xh200.csv');
    expect(driver).toBe('575.57.08');
    expect(gpus).toHaveLength(8);
    expect(gpus[0]).toMatchObject({ family: 'h200', memoryBytes: 143_771 * MIB, freeBytes: 120_000 * MIB });
    expect(gpus[3]!.uuid).toMatch(/^GPU-3a1b/);
  });

  it('that are cut into parts are no GPUs to plan with', async () => {
    const { gpus } = rows('rows-mig.csv');
    expect(gpus.map(({ isSplit }) => isSplit)).toEqual([true, undefined]);
    const host: HostSnapshot = {
      ...describedHost('none', await probeHost({ env: {} })),
      gpus,
      driver: '580.0',
    };
    const recipe = await loadRecipe('gpt-oss-20b', { userDir: '/nonexistent' });
    const options = { modelFile: () => ({ path: '', sha256: null }), commandOf };
    const one = makePlan(recipe, { ...host, platform: 'linux' }, options);
    expect(one.ok && one.plan.workers.map((worker) => worker.gpus)).toEqual([[1]]);
    const none = makePlan(recipe, { ...host, platform: 'linux', gpus: [gpus[0]!] }, options);
    expect(none.ok ? '' : none.refusals[0]!.reason).toContain('cut into parts (MIG)');
    expect(await gpuChecks(host, { PATH: '' })).toMatchObject([
      { id: 'gpu-0', status: 'warn', remedy: expect.stringContaining('-mig 0') },
      { id: 'gpu-1', status: 'ok' },
      { id: 'driver' },
    ]);
  });

  it('that share memory with their processor have the machine’s', () => {
    expect(rows('rows-dgx-spark.csv').gpus).toMatchObject([
      { family: 'dgx-spark', memoryBytes: 120 * GIB, freeBytes: 100 * GIB },
    ]);
    // Of others half a figure is none.
    expect(parseGpuRows('0, NVIDIA H100, [N/A], [N/A], 580, GPU-1, Disabled', SHARED).gpus).toEqual([]);
  });

  it('of an old driver are told as far as it tells', () => {
    expect(rows('rows-old-driver.csv')).toMatchObject({
      driver: '450.80.02',
      gpus: [{ family: 'rtx-3090', index: 0 }],
    });
    expect(parseGpuRows('0, NVIDIA L4, 23034, 22000, 550.1\n', SHARED).gpus).toHaveLength(1);
  });

  it('are those that CUDA_VISIBLE_DEVICES leaves, by index or id', () => {
    const { gpus } = rows('rows-8xh200.csv');
    const seen = (visible?: string) => visibleGpus(gpus, visible).map(({ index }) => index);
    expect(seen()).toHaveLength(8);
    expect(seen('1, 6')).toEqual([1, 6]);
    expect(seen('GPU-2a1b2c3d,GPU-5a')).toEqual([2, 5]);
    expect(seen('MIG-0929581a-2be6-5dec-bf34-0954c6c529a6')).toEqual([]);
    expect(seen('')).toEqual([]);
    expect(seen('-1')).toEqual([]);
  });

  it('and their links come from the program on PATH', async () => {
    program('nvidia-smi', { '--query-gpu=': 'rows-8xh200.csv', 'topo -m': 'topo-8xh100.txt' });
    const { gpus, links } = await probed({ CUDA_VISIBLE_DEVICES: '0,1' });
    expect(gpus.map(({ index }) => index)).toEqual([0, 1]);
    expect(links).toHaveLength(8);
    expect(linkText(gpus, links)).toBe('its GPUs are joined by NVLink (NV18)');
  });
});

describe('links', () => {
  it('are read among network cards, tabs, escapes and legends', () => {
    const eight = parseTopology(said('topo-8xh100.txt'))!;
    expect(eight.map((row) => row.length)).toEqual(Array(8).fill(8));
    expect(eight[2]).toEqual(['NV18', 'NV18', 'X', 'NV18', 'NV18', 'NV18', 'NV18', 'NV18']);
    expect(parseTopology(said('topo-4xa6000-pairs.txt'))![0]).toEqual(['X', 'SYS', 'NV4', 'SYS']);
    expect(parseTopology(said('topo-2xrtx5090.txt'))).toEqual([
      ['X', 'PHB'],
      ['PHB', 'X'],
    ]);
  });

  it('of half a table are none', () => {
    const text = said('topo-4xa6000-pairs.txt');
    expect(parseTopology(text.replace(/^GPU3.*$/m, ''))).toBeNull();
    expect(parseTopology(text.replace('NV4', 'FAST'))).toBeNull();
    expect(parseTopology('')).toBeNull();
  });

  const pairs = parseTopology(said('topo-4xa6000-pairs.txt'))!;
  const four = Array.from({ length: 4 }, (_, index) => ({
    ...{ index, name: 'NVIDIA RTX A6000', family: '', memoryBytes: 48 * GIB, freeBytes: 48 * GIB },
  }));
  const indices = (groups: { index: number }[][]) => groups.map((group) => group.map(({ index }) => index));

  it('decide which GPUs a worker gets together', () => {
    expect(indices(groupGpus(four, 2, pairs))).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(indices(groupGpus(four, 2))).toEqual([
      [0, 1],
      [2, 3],
    ]);
    // One of a pair is busy: what is left over is still a worker's, after the whole pair.
    const three = four.filter(({ index }) => index !== 3);
    expect(indices(groupGpus([...three, { ...four[0]!, index: 7 }], 2, pairs))).toEqual([
      [0, 2],
      [1, 7],
    ]);
    expect(indices(groupGpus(four, 4, pairs))).toEqual([[0, 1, 2, 3]]);
  });

  it('over PCIe are told by plans and the doctor', async () => {
    expect(linkText(four, pairs)).toContain('GPUs 0 and 1 are joined over PCIe only (SYS)');
    expect(linkText(four, undefined)).toBeNull();
    const host = { ...describedHost('none', await probeHost({ env: {} })), gpus: four, links: pairs };
    expect(linkChecks(host)).toMatchObject([{ id: 'nvlink', status: 'warn' }]);
    expect(linkChecks({ ...host, gpus: [four[0]!, four[2]!] })).toMatchObject([{ status: 'ok' }]);
  });

  it('of a box with NVLink pairs place a worker of two on a pair', async () => {
    const recipe = await loadRecipe('minimax-m2.7', { userDir: '/nonexistent' });
    const host = { ...describedHost('4xrtx-pro-6000', await probeHost({ env: {} })), links: pairs };
    const result = makePlan(recipe, host, { modelFile: () => ({ path: '', sha256: null }), commandOf });
    expect(result.ok && result.plan.workers.map(({ gpus }) => gpus)).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(result.ok && result.plan.reasons.join('\n')).toContain('joined by NVLink (NV4)');
  });
});

describe('AMD’s', () => {
  it('are told by amd-smi, with what is in use', () => {
    const { gpus, driver } = parseAmdSmi(said('amd-smi-static.json'), said('amd-smi-metric.json'));
    expect(driver).toBe('6.14.14');
    expect(gpus).toMatchObject([
      { index: 0, family: 'mi300x', memoryBytes: 196_592 * MIB, freeBytes: (196_592 - 285) * MIB },
      { index: 1, freeBytes: 96_592 * MIB },
    ]);
    const plain = '[{"gpu": 0, "asic": {"market_name": "AMD Radeon PRO"}, "vram": {"size": "32624 MB"}}]';
    expect(parseAmdSmi(plain, '').gpus).toMatchObject([
      { memoryBytes: 32_624 * MIB, freeBytes: 32_624 * MIB },
    ]);
  });

  it('are told by rocm-smi, whatever it warns of first', () => {
    expect(parseRocmSmi(said('rocm-smi.json'))).toMatchObject({
      driver: '6.12.12',
      gpus: [
        { index: 0, family: 'mi300x', memoryBytes: 206_141_652_992 },
        { index: 1, family: '', name: 'AMD Radeon RX 7900 XT' },
      ],
    });
  });

  it('are looked for where NVIDIA has none, the newer program first', async () => {
    program('rocm-smi', { '--showproductname': 'rocm-smi.json' });
    expect((await probed({ HIP_VISIBLE_DEVICES: '1' })).gpus.map(({ name }) => name)).toEqual([
      'AMD Radeon RX 7900 XT',
    ]);
    program('amd-smi', { static: 'amd-smi-static.json', metric: 'amd-smi-metric.json' });
    const { gpus, driver } = await probed();
    expect(gpus).toHaveLength(2);
    const host = { ...describedHost('none', await probeHost({ env: {} })), gpus, driver };
    expect((await gpuChecks(host, { PATH: '' })).find(({ id }) => id === 'driver')).toMatchObject({
      status: 'ok',
      found: 'amdgpu 6.14.14',
    });
  });
});

describe('nothing', () => {
  it('is found where there is no program, or one that fails', async () => {
    expect(await probeGpus({ PATH: dir }, SHARED)).toEqual({ gpus: [], driver: null });
    program('nvidia-smi', {});
    program('amd-smi', {});
    expect((await probed()).gpus).toEqual([]);
  });

  it('is invented from any text', () => {
    const texts = ['rows-8xh200.csv', 'topo-8xh100.txt', 'amd-smi-static.json', 'rocm-smi.json'].map(said);
    // Real text with a piece cut out, doubled or replaced, and text that is none.
    const spoilt = fc
      .tuple(fc.constantFrom(...texts), fc.nat(4_000), fc.nat(200), fc.string({ maxLength: 20 }))
      .map(([text, at, length, put]) => text.slice(0, at) + put + text.slice(at + length));
    fc.assert(
      fc.property(fc.oneof(spoilt, fc.string()), (text) => {
        const found = [parseGpuRows(text, SHARED), parseAmdSmi(text, text), parseRocmSmi(text)];
        for (const { name, memoryBytes, freeBytes, index } of found.flatMap(({ gpus }) => gpus)) {
          expect(name).not.toBe('');
          expect(Number.isSafeInteger(index) && index >= 0).toBe(true);
          expect(Number.isFinite(memoryBytes) && freeBytes >= 0).toBe(true);
        }
        const links = parseTopology(text);
        for (const row of links ?? []) expect(row).toHaveLength(links!.length);
      }),
      { numRuns: 400 },
    );
  });
});

function commandOf() {
  return { file: '', args: [], env: {} };
}
