/** Results of `dynamo bench index` as a person reads them. */
import os from 'node:os';
import type { IndexResult, Rate } from './block-index.js';

const millions = (value: number): string => `${(value / 1e6).toFixed(value < 1e7 ? 1 : 0)} M`;
const range = ({ min, median, max }: Rate): string =>
  `${millions(median)}/s (min ${millions(min)}, max ${millions(max)})`;
const us = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} µs`;

export function indexText(results: readonly IndexResult[]): string {
  const cpu = os.cpus()[0]?.model.trim() ?? 'unknown';
  const machine = `machine         ${cpu}, one core, Node ${process.versions.node}`;
  return [machine, ...results.map(resultText)].join('\n\n');
}

function resultText(result: IndexResult): string {
  const { lookupUs, eventUs } = result;
  const exact = result.hitsExact === null ? '' : result.hitsExact ? ', all of them' : ', WRONG';
  return [
    `${result.corpus.padEnd(15)} ${result.definition}`,
    `  block ops     ${range(result.blockOpsPerSecond)}, memory fresh`,
    `                ${range(result.reservedBlockOpsPerSecond)}, memory touched when workers registered`,
    `  lookups only  ${range(result.lookupOnlyBlockOpsPerSecond)}`,
    `  calls         ${millions(result.callsPerSecond)}/s`,
    `  lookup        p50 ${us(lookupUs.p50)}, p99 ${us(lookupUs.p99)}, max ${us(lookupUs.max)}`,
    `  event         p50 ${us(eventUs.p50)}, p99 ${us(eventUs.p99)}, max ${us(eventUs.max)}`,
    `  memory        ${result.bytesPerBlock.toFixed(1)} bytes per block`,
    `  blocks        ${result.queryBlocks} looked up, ${result.storedBlocks} stored, ${result.removedBlocks} removed; ${result.hitBlocks} hits${exact}`,
  ].join('\n');
}
