/** The routing benchmark as a person reads it: means over the variants, then what was asked for. */
import { machineText } from '../machine.js';
import type { RoutingBenchResult } from './bench.js';
import type { Claim, RoutingMean } from './claims.js';

const HEAD = [
  'hits',
  'ttft mean',
  'p50',
  'p99',
  'makespan',
  'wait max',
  'slowdown',
  'worst',
  'Jain',
  'moves',
];
const CLASS_HEAD = ['tagged p50', 'p99', 'session', 'others p50', 'p99', 'session'];

export function routingText(
  { definition, machine, seed, rows }: RoutingBenchResult,
  { means, claims }: { means: readonly RoutingMean[]; claims: readonly Claim[] },
): string {
  const cpuS = rows.reduce((sum, { figures }) => sum + figures.cpuS, 0);
  const lines = [
    `machine     ${machineText(machine)}; ${cpuS.toFixed(0)} s of CPU for ${rows.length} runs; seed ${seed}`,
    `definition  ${definition}`,
    '',
    `${''.padEnd(36)}${HEAD.map((name) => name.padStart(10)).join('')}`,
    ...means.map((mean) => nameOf(mean).padEnd(36) + cells(mean)),
    '',
    `${''.padEnd(36)}${CLASS_HEAD.map((name) => name.padStart(11)).join('')}`,
    ...means.filter(isAboutClasses).map((mean) => nameOf(mean).padEnd(36) + classCells(mean)),
    '',
    ...claims.map(({ what, value, isReached }) => `${isReached ? 'yes' : 'NO '}  ${number(value)}  ${what}`),
  ];
  return `${lines.join('\n')}\n`;
}

function nameOf({ part, f, variant, router }: RoutingMean): string {
  return `${f === null ? (variant ?? part) : `f = ${f}`}, ${router}`;
}

/** Where somebody has a priority, and what those are compared with. */
function isAboutClasses({ part, f, router }: RoutingMean): boolean {
  return part === 'priority' || part === 'overload' || (f === 0.25 && ['kv', 'dynamo'].includes(router));
}

function cells({ figures }: RoutingMean): string {
  const { slowdownMean, slowdownWorst, jain } = figures;
  const one = (value: number | null, digits: number): string => value?.toFixed(digits) ?? '–';
  return [
    `${(figures.hitRate * 100).toFixed(1)} %`,
    ms(figures.ttftMeanMs),
    ms(figures.ttftP50Ms),
    ms(figures.ttftP99Ms),
    seconds(figures.makespanS),
    seconds(figures.longestWaitS),
    one(slowdownMean, 2),
    one(slowdownWorst, 2),
    one(jain, 3),
    figures.moves.toFixed(0),
  ]
    .map((cell) => cell.padStart(10))
    .join('');
}

function classCells({ figures: { tagged, others } }: RoutingMean): string {
  return [tagged, others]
    .flatMap(({ p50Ms, p99Ms, sessionS }) => [ms(p50Ms), ms(p99Ms), seconds(sessionS)])
    .map((cell) => cell.padStart(11))
    .join('');
}

const ms = (value: number): string =>
  value < 10_000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`;
const seconds = (value: number): string => `${value.toFixed(0)} s`;
const number = (value: number): string => value.toFixed(3).padStart(8);
