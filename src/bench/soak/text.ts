/** A soak run as a person reads it: its figures, and what was sampled as graphs of blocks. */
import { machineText } from '../machine.js';
import type { SoakReport, SoakSample } from './types.js';

const WIDTH = 60;
const BLOCKS = ' ▁▂▃▄▅▆▇█';
const MIB = 1024 * 1024;

export interface Series {
  name: string;
  unit: string;
  pick(sample: SoakSample): number | null;
}

export const SERIES: Series[] = [
  { name: 'resident', unit: 'MiB', pick: ({ residentBytes }) => residentBytes / MIB },
  { name: 'heap', unit: 'MiB', pick: ({ heapUsedBytes }) => heapUsedBytes / MIB },
  { name: 'descriptors', unit: '', pick: ({ descriptors }) => descriptors },
  { name: 'overhead p99', unit: 'ms', pick: ({ overheadP99Ms }) => overheadP99Ms },
  { name: 'CPU', unit: '% of a core', pick: ({ cpuShare }) => (cpuShare === null ? null : 100 * cpuShare) },
];

export function soakText(report: SoakReport): string {
  const { figures, capacityPerSecond, ratePerSecond } = report;
  const pair = (values: [number, number] | null, digits: number): string =>
    values === null ? '-' : values.map((value) => value.toFixed(digits)).join(' → ');
  const figure = (value: number | null, unit: string): string =>
    value === null ? '-' : `${value.toFixed(2)} ${unit}`;
  const of = capacityPerSecond === null ? '' : ` (capacity ${capacityPerSecond.toFixed(1)})`;
  return [
    `machine       ${machineText(report.machine)}, ${report.at}`,
    `what          ${report.definition}`,
    `load          ${ratePerSecond.toFixed(1)} requests/s${of} for ${report.minutes} min: ${report.requests} answered, ${report.late} late, ${report.failures.length} failed`,
    `prompts       ${report.promptTokens} tokens, ${((100 * report.cachedTokens) / Math.max(1, report.promptTokens)).toFixed(1)} % cached`,
    `memory        ${figure(figures.residentMiBPerMinute, 'MiB/min')} resident, ${figure(figures.heapMiBPerMinute, 'MiB/min')} heap, at most ${figures.residentMiBMost.toFixed(0)} MiB`,
    `descriptors   ${pair(figures.descriptors, 0)}`,
    `overhead p99  ${pair(figures.overheadP99Ms, 2)} ms`,
    `CPU           ${figures.cpuShare === null ? '-' : `${(100 * figures.cpuShare).toFixed(0)} % of a core`}`,
    ...report.failures.slice(0, 3).map((failure) => `failure       ${failure}`),
    '',
    ...SERIES.map((series) => graphLine(series, report.samples)),
  ].join('\n');
}

/** One line: least, graph from 0, most. */
export function graphLine({ name, unit, pick }: Series, samples: readonly SoakSample[]): string {
  const values = samples.map(pick);
  const most = Math.max(0, ...values.map((value) => value ?? 0));
  const columns = Math.min(WIDTH, values.length);
  const graph = Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns);
    const part = values.slice(from, Math.max(from + 1, Math.floor(((column + 1) * values.length) / columns)));
    const value = Math.max(0, ...part.map((each) => each ?? 0));
    return BLOCKS[most === 0 ? 0 : Math.ceil((value / most) * (BLOCKS.length - 1))];
  });
  return `${name.padEnd(13)} ${graph.join('')}  up to ${most.toFixed(most < 10 ? 2 : 0)} ${unit}`.trimEnd();
}
