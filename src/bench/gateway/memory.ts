/** `--requests N`: whether the stack's memory stays flat over many requests of many sessions. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Machine, machine } from '../machine.js';
import type { Bench } from './run.js';
import { bytesPerThousand, leastOfStretches } from './slope.js';
import type { SoakMeasured } from './types.js';

export interface MemoryReport {
  definition: string;
  machine: Machine;
  at: string;
  requests: number;
  wallSeconds: number;
  failures: string[];
  samples: MemorySample[];
  /** Over the second half; null when there were too few samples. */
  residentBytesPerThousand: number | null;
  heapBytesPerThousand: number | null;
}

export interface MemorySample {
  requests: number;
  residentBytes: number;
  heapUsedBytes: number;
}

const CONNECTIONS = 16;
const BODY_BYTES = 4_096;
const SAMPLE_MS = 500;
const STRETCHES = 10;
const SEED = 7_000_001;

export async function measureMemory(bench: Bench, requests: number): Promise<MemoryReport> {
  const samples: MemorySample[] = [];
  let done = 0;
  const job = { connections: CONNECTIONS, requests, bodyBytes: BODY_BYTES, seed: SEED, url: bench.stack.url };
  const stop = new AbortController();
  const sample = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const { memory } = await bench.stack.client.snapshot();
      samples.push({ requests: done, ...memory });
      await sleep(SAMPLE_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
  };
  const onProgress = (count: number): void => {
    done = count;
  };
  const run = bench.driver.run({ kind: 'soak', ...job }, { onProgress }).finally(() => stop.abort());
  // Together: a stack that no longer answers ends the run, and the benchmark ends its stack.
  const [answer] = await Promise.all([run, sample()]);
  const { failures, wallSeconds } = answer as SoakMeasured;
  const second = samples.filter((sample) => sample.requests >= requests / 2);
  const slope = (pick: (sample: MemorySample) => number): number | null => {
    const values = second.map((sample) => ({ requests: sample.requests, bytes: pick(sample) }));
    return bytesPerThousand(leastOfStretches(values, STRETCHES));
  };
  return {
    definition: `${CONNECTIONS} connections, bodies of about ${BODY_BYTES} bytes, sessions that begin, grow and end; slope = least squares over the least sample of each tenth of the second half`,
    machine: machine(),
    at: new Date().toISOString(),
    requests,
    wallSeconds,
    failures,
    samples,
    residentBytesPerThousand: slope(({ residentBytes }) => residentBytes),
    heapBytesPerThousand: slope(({ heapUsedBytes }) => heapUsedBytes),
  };
}
