/** `dynamo bench gateway`, the whole of it in small: every process starts, every candidate answers rightly, and all end. */
import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MemoryReport } from '../../src/bench/gateway/memory.js';
import type { StreamsReport } from '../../src/bench/gateway/streams.js';
import type { TableReport } from '../../src/bench/gateway/table.js';
import { type Home, makeHome, root, until } from './harness.js';

let home: Home;
beforeAll(() => {
  home = makeHome();
});
afterAll(() => home.remove());

const bench = async (...args: string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await home.cli('bench', 'gateway', '--seconds', '0.02', ...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

describe('bench gateway', () => {
  it('puts ours beside a pass-through and direct, in each kind of cell', async () => {
    const small = ['--sizes', '4KiB', '--connections', '2', '--answers', 'stream'];
    const { cells } = (await bench(...small, '--rounds', '1')) as TableReport;
    expect(cells.map(({ mode }) => mode)).toEqual(['next', 'repeated', 'cold']);
    for (const { rows, cpuRatio, eventLoopMs } of cells) {
      expect(rows.map(({ candidate }) => candidate)).toEqual([
        'direct',
        'passThrough',
        'ours',
        'directAgain',
      ]);
      for (const row of rows) {
        expect(row).toMatchObject({ failures: [], requests: rows[0]?.requests });
        expect(row.p50Ms).toBeLessThanOrEqual(row.p99Ms);
        expect(row.firstByteP50Ms).toBeLessThanOrEqual(row.p99Ms);
      }
      if (process.platform === 'linux') expect(cpuRatio).toBeGreaterThan(0);
      expect(Object.keys(eventLoopMs)).toEqual(['p50', 'p99', 'p999', 'max']);
    }
  });

  it.each([
    'SIGTERM',
    'SIGKILL',
  ] as const)('that gets %s takes its stack and its processes along', async (signal) => {
    const bin = path.join(root, 'bin', 'run.js');
    const args = [bin, 'bench', 'gateway', '--requests', '1000000'];
    const child = spawn(process.execPath, args, { env: home.env, stdio: ['ignore', 'ignore', 'pipe'] });
    let notes = '';
    child.stderr.on('data', (chunk: Buffer) => (notes += chunk));
    const isOurs = () => execFileSync('ps', ['-eo', 'args']).toString().includes(`--name bench-${child.pid}`);
    await until(() => notes.includes('warming every candidate up'), 'the stack of the benchmark');
    expect(isOurs()).toBe(true);
    child.kill(signal);
    await until(() => !isOurs(), 'its stack to end');
  });

  it('measures slow streams and memory, and leaves no process behind', async () => {
    const streams = (await bench('--streams', '2', '--duration', '1')) as StreamsReport;
    for (const { tokens, failures } of streams.rows)
      expect({ tokens, failures }).toEqual({ tokens: 100, failures: [] });
    const memory = (await bench('--requests', '200')) as MemoryReport;
    expect(memory.failures).toEqual([]);
    expect(memory.samples.at(-1)?.heapUsedBytes).toBeGreaterThan(1_000_000);
    expect(execFileSync('ps', ['-eo', 'args']).toString()).not.toContain(`${root}/dist/src/bench/gateway/`);
  });
});
