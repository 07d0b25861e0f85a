/** Results of `dynamo bench route` as a person reads them. */
import { machine, machineText } from '../machine.js';
import type { RouteResult } from './decision.js';

const ms = (value: number): string => `${value.toFixed(value < 1 ? 3 : 2)} ms`;

export function routeText(tokenizer: string, results: readonly RouteResult[]): string {
  return [
    `machine         ${machineText(machine())}`,
    `definition      one agent's turns, 4 workers, blocks of 16 tokens: from the decoded request to the worker chosen (template, tokens, hashes, index, cost); tokenizer ${tokenizer}`,
    ...results.map(
      ({ way, promptTokens, turns, ms: all, routerMs, cpuMs }) =>
        `  ${way.padEnd(12)}  ${promptTokens} tokens: p50 ${ms(all.p50)}, p99 ${ms(all.p99)}, max ${ms(all.max)}; the router alone p50 ${ms(routerMs.p50)}, p99 ${ms(routerMs.p99)}; CPU ${ms(cpuMs)} (${turns} turns)`,
    ),
  ].join('\n');
}
