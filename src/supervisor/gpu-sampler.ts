/** What the GPUs are doing, from one `nvidia-smi` that goes on telling: asking anew each time costs it up to a second. */
import { findProgram } from '../plan/find-program.js';
import { MIB } from '../plan/units.js';
import { type Child, spawnChild } from './child.js';

/** Null = the GPU does not tell. */
export interface GpuFigures {
  index: number;
  /** Share of the last second or so in which something ran, 0..1. */
  utilization: number | null;
  memoryUsedBytes: number | null;
  memoryBytes: number | null;
  celsius: number | null;
  watts: number | null;
}

const QUERY = 'index,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw';
const EVERY_MS = 2_000;

export interface GpuSampler {
  close(): Promise<void>;
}

/**
 * Calls back with all of `indices` every two seconds. Null where there is no `nvidia-smi`; `onEnd` is called once, with what it
 * said last, when it ends by itself.
 */
export async function sampleGpus(
  indices: ReadonlySet<number>,
  options: { env: NodeJS.ProcessEnv; onFigures(gpus: GpuFigures[]): void; onEnd(said: string): void },
): Promise<GpuSampler | null> {
  const program = await findProgram('nvidia-smi', options.env);
  if (program === null) return null;
  const round = new Map<number, GpuFigures>();
  let said = '';
  let isClosed = false;
  const onLine = (line: string): void => {
    said = line;
    const gpu = parseGpuLine(line);
    if (gpu === null || !indices.has(gpu.index)) return;
    round.set(gpu.index, gpu);
    if (round.size < indices.size) return;
    options.onFigures([...round.values()].sort((a, b) => a.index - b.index));
    round.clear();
  };
  const args = [`--query-gpu=${QUERY}`, '--format=csv,noheader,nounits', `--loop-ms=${EVERY_MS}`];
  const env = { PATH: options.env['PATH'] ?? '', LC_ALL: 'C' };
  const child: Child = await spawnChild({ file: program, args, env }, onLine);
  void child.exited.then(({ error }) => {
    if (!isClosed) options.onEnd(error ?? said);
  });
  return {
    close: async () => {
      isClosed = true;
      child.kill();
      await child.exited;
    },
  };
}

/** One line of the query; null for anything else it says. */
export function parseGpuLine(line: string): GpuFigures | null {
  const fields = line.split(',').map((field) => field.trim());
  const [index, percent, usedMib, totalMib, celsius, watts] = fields.map(numberOf);
  if (fields.length !== 6 || index === null || index === undefined || !Number.isInteger(index)) return null;
  const times = (value: number | null | undefined, factor: number) =>
    value === null || value === undefined ? null : value * factor;
  return {
    index,
    utilization: times(percent, 0.01),
    memoryUsedBytes: times(usedMib, MIB),
    memoryBytes: times(totalMib, MIB),
    celsius: celsius ?? null,
    watts: watts ?? null,
  };
}

/** `[N/A]` and the like are no figure. */
const numberOf = (field: string): number | null => (/^\d{1,9}(\.\d+)?$/.test(field) ? Number(field) : null);
