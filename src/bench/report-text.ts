/** Benchmark results as a person reads them: figure, definition, machine. */
import { machineText } from './machine.js';
import type { LiveReport } from './run-live.js';
import type { Spread } from './statistics.js';

const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const range = (values: Spread, show: (value: number) => string): string =>
  `${show(values.median)} (min ${show(values.min)}, p95 ${show(values.p95)}, max ${show(values.max)})`;

export function liveText(report: LiveReport): string {
  const { machine, secondTurn, sessions, stackStartMs } = report;
  const rows = sessions.map((result) =>
    [
      result.router.padEnd(14),
      percent(result.hitRate).padStart(9),
      percent(result.ofReachable).padStart(13),
      String(result.requests).padStart(9),
      String(result.promptTokens).padStart(9),
      ms(result.ttftMs.median).padStart(10),
      String(result.predictionErrorTokens).padStart(12),
    ].join(' '),
  );
  return [
    `machine         ${machineText(machine)}`,
    `stack start     ${ms(stackStartMs)} with the model present`,
    '',
    `second turn     ${secondTurn.definition}`,
    `  first turn    ${range(secondTurn.firstTtftMs, ms)}, ${secondTurn.promptTokens} prompt tokens`,
    `  second turn   ${range(secondTurn.secondTtftMs, ms)}, ${secondTurn.cachedTokens} of them cached`,
    `  ratio         ${range(secondTurn.ratio, (value) => value.toFixed(3))}`,
    '',
    `sessions        ${sessions[0]?.definition ?? ''}`,
    `${'  policy'.padEnd(14)} ${'hit rate'.padStart(9)} ${'of reachable'.padStart(13)} ${'requests'.padStart(9)} ${'prompt'.padStart(9)} ${'TTFT p50'.padStart(10)} ${'|pred−hit|'.padStart(12)}`,
    ...rows.map((row) => `  ${row}`.slice(0, 120)),
  ].join('\n');
}
