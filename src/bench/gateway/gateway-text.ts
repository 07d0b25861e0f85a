/** The gateway's figures as a person reads them. */
import { machineText } from '../machine.js';
import type { MemoryReport } from './memory.js';
import type { Candidate, CellResult, EventLoop, Row } from './rows.js';
import type { StreamsReport } from './streams.js';
import { cellText, type TableReport } from './table.js';

const NAMES: Record<Candidate, string> = {
  direct: 'direct',
  passThrough: 'pass-through',
  ours: 'ours',
  directAgain: 'direct again',
};
const HEAD = ['', 'p50', 'p99', 'added p50', 'added p99', 'added first', 'req/s', 'CPU us/req', 'RSS MiB'];
const NAME_WIDTH = 16;
const WIDTH = 12;

export function tableText(report: TableReport): string {
  return [
    `machine     ${machineText(report.machine)}`,
    `versions    dynamo ${report.versions.dynamo}, router ${report.router}, ${report.at}`,
    `definition  ${report.definition}`,
    ...report.cells.flatMap((cell) => ['', ...cellLines(cell)]),
  ].join('\n');
}

export function streamsText(report: StreamsReport): string {
  const head = line(['', 'tokens', 'delay p50', 'delay p99', 'stall p99', 'stall p99.9', 'stall max', 'CPU']);
  const rows = report.rows.map(({ candidate, tokens, delayMs, stallMs, cpuShare }) =>
    line([
      NAMES[candidate],
      String(tokens),
      ms(delayMs.p50),
      ms(delayMs.p99),
      ms(stallMs.p99),
      ms(stallMs.p999),
      ms(stallMs.max),
      cpuShare === null ? '-' : `${(100 * cpuShare).toFixed(1)} %`,
    ]),
  );
  return [
    `machine     ${machineText(report.machine)}`,
    `definition  ${report.streams} streams at ${report.tokensPerSecond} tokens/s for ${report.seconds} s; ${report.definition}`,
    '',
    head,
    ...rows,
    `ours adds at most ${ms(report.addedStallMaxMs)} to a pause (p99.9 ${ms(report.addedStallP999Ms)}); event loop ${loopText(report.eventLoopMs)}`,
    ...failureLines(report.rows.flatMap(({ failures }) => failures)),
  ].join('\n');
}

export function memoryText(report: MemoryReport): string {
  const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
  const at = (share: number) => report.samples[Math.floor(share * (report.samples.length - 1))];
  const rows = [0, 0.1, 0.25, 0.5, 0.75, 1].flatMap((share) => at(share) ?? []);
  const slope = (bytes: number | null): string =>
    bytes === null ? 'unknown' : `${(bytes / 1_024).toFixed(1)} KiB per 1,000 requests`;
  return [
    `machine     ${machineText(report.machine)}`,
    `definition  ${report.definition}`,
    `${report.requests} requests in ${report.wallSeconds.toFixed(1)} s, ${report.failures.length} failures`,
    '',
    line(['requests', 'RSS', 'heap used']),
    ...rows.map((sample) =>
      line([String(sample.requests), mib(sample.residentBytes), mib(sample.heapUsedBytes)]),
    ),
    `growth over the second half: RSS ${slope(report.residentBytesPerThousand)}, heap ${slope(report.heapBytesPerThousand)}`,
    ...failureLines(report.failures),
  ].join('\n');
}

function cellLines(cell: CellResult): string[] {
  const ratio = cell.cpuRatio === null ? '' : `; ours ÷ pass-through ${cell.cpuRatio.toFixed(2)} × CPU`;
  const count = cell.rows[0]?.requests ?? 0;
  return [
    `${cellText(cell)}, ${count} requests each${ratio}; event loop ${loopText(cell.eventLoopMs)}`,
    line(HEAD),
    ...cell.rows.map(rowLine),
    ...failureLines(cell.rows.flatMap(({ failures }) => failures)),
  ];
}

function rowLine(row: Row): string {
  return line([
    NAMES[row.candidate],
    ms(row.p50Ms),
    ms(row.p99Ms),
    ms(row.addedP50Ms),
    ms(row.addedP99Ms),
    ms(row.addedFirstByteMs),
    row.requestsPerSecond.toFixed(0),
    row.cpuMicrosPerRequest === null ? '-' : row.cpuMicrosPerRequest.toFixed(0),
    row.residentMiB === null ? '-' : row.residentMiB.toFixed(0),
  ]);
}

const loopText = ({ p50, p999, max }: EventLoop): string =>
  `late p50 ${known(p50)}, p99.9 ${known(p999)}, max ${known(max)}`;

const failureLines = (failures: readonly string[]): string[] =>
  [...new Set(failures)].slice(0, 5).map((failure) => `  FAILED ${failure}`);

const known = (value: number | null): string => (value === null ? '-' : ms(value));
const ms = (value: number): string => `${value.toFixed(Math.abs(value) < 10 ? 2 : 0)} ms`;
const line = ([name = '', ...cells]: readonly string[]): string =>
  `${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(WIDTH)).join('')}`.trimEnd();
