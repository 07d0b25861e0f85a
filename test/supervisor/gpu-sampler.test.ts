/** GPU figures from a program that goes on telling; a script stands in for `nvidia-smi`. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type GpuFigures, parseGpuLine, sampleGpus } from '../../src/supervisor/gpu-sampler.js';

const MIB = 1024 * 1024;
let dir: string;
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Calls `sampleGpus` with a program of these lines; resolves with the first figures or with what was said at the end. */
async function sampled(script: string, indices: number[]): Promise<{ gpus?: GpuFigures[]; said?: string }> {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-smi-'));
  const file = path.join(dir, 'nvidia-smi');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  const env = { PATH: `${dir}:/usr/bin:/bin` };
  return new Promise((resolve) => {
    const sampler = sampleGpus(new Set(indices), {
      env,
      onFigures: (gpus) =>
        void sampler.then(async (one) => {
          await one?.close();
          resolve({ gpus });
        }),
      onEnd: (said) => resolve({ said }),
    });
  });
}

describe('GPU figures', () => {
  it('are of the GPUs that are wanted, all of them at once, while the program goes on', async () => {
    const lines = ['1, 50, 1024, 81559, 40, 120.50', '0, 97, 61234, 81559, 54, 412.10', '7, 1, 1, 1, 1, 1'];
    const { gpus } = await sampled(`printf '${lines.join('\\n')}\\n'; exec sleep 60`, [0, 1]);
    expect(gpus).toEqual([
      {
        index: 0,
        utilization: 0.97,
        memoryUsedBytes: 61_234 * MIB,
        memoryBytes: 81_559 * MIB,
        celsius: 54,
        watts: 412.1,
      },
      {
        index: 1,
        utilization: 0.5,
        memoryUsedBytes: 1_024 * MIB,
        memoryBytes: 81_559 * MIB,
        celsius: 40,
        watts: 120.5,
      },
    ]);
  });

  it('end with what the program said last', async () => {
    expect(
      await sampled(`echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18`, [0]),
    ).toEqual({
      said: 'Failed to initialize NVML: Driver/library version mismatch',
    });
  });

  it('are none where there is no program', async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-smi-'));
    const options = { env: { PATH: dir }, onFigures: () => {}, onEnd: () => {} };
    expect(await sampleGpus(new Set([0]), options)).toBeNull();
  });

  it('that a GPU does not tell are not known; other lines are none', () => {
    expect(parseGpuLine('3, [N/A], 10, 20, [Not Supported], [N/A]')).toEqual({
      index: 3,
      utilization: null,
      memoryUsedBytes: 10 * MIB,
      memoryBytes: 20 * MIB,
      celsius: null,
      watts: null,
    });
    for (const line of ['', 'No devices were found', '1, 2, 3', 'x, 1, 1, 1, 1, 1'])
      expect(parseGpuLine(line)).toBeNull();
  });
});
