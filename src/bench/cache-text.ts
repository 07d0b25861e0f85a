/** `dynamo bench cache` as a person reads it. */
import type { CacheBenchResult } from './cache.js';

const ms = (value: number): string => `${value.toFixed(0)} ms`;
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const same = (isSame: boolean): string => (isSame ? 'same text' : 'OTHER TEXT');

export function cacheText(result: CacheBenchResult): string {
  const { coldTtftMs, loads, shared, writeThrough, restartOfCold } = result;
  const cpu = writeThrough.cpu === null ? '' : `, ${percent(writeThrough.cpu)} more CPU`;
  return [
    result.definition,
    '',
    `computed        ${ms(coldTtftMs.median)} (min ${ms(coldTtftMs.min)}, max ${ms(coldTtftMs.max)}, n ${coldTtftMs.count})`,
    ...loads.map(
      ({ tier, ttftMs, cachedTokens, timesFaster, isSameText }) =>
        `${`from ${tier}`.padEnd(16)}${ms(ttftMs.median)}, ${timesFaster.toFixed(0)} × faster, ${cachedTokens} tokens read, ${same(isSameText)}`,
    ),
    `write-through   ${percent(writeThrough.time)} longer than without${cpu} (medians)`,
    `after restart   ${percent(restartOfCold)} of a cold start's first token, from disk`,
    '',
    'the same prompt on four workers:',
    ...shared.map(
      ({ how, prefills, cpuShare, isSameText }) =>
        `  ${how.padEnd(14)}${prefills.toFixed(2)} prefills in all, ${cpuShare === null ? 'CPU unknown' : `${percent(cpuShare)} of the CPU of four`}, ${same(isSameText)}`,
    ),
  ].join('\n');
}
