/** The machine a figure was measured on: no figure is printed without it. */
import os from 'node:os';

export interface Machine {
  cpu: string;
  cpus: number;
  memoryGiB: number;
  node: string;
}

export function machine(): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cpus: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    node: process.versions.node,
  };
}

export const machineText = ({ cpu, cpus, memoryGiB, node }: Machine): string =>
  `${cpu}, ${cpus} CPUs, ${memoryGiB} GiB, Node ${node}`;
