/** Results of `dynamo bench events` as a person reads them. */
import { machine, machineText } from '../machine.js';
import type { Spread } from '../statistics.js';
import type { EventPathResult } from './event-path.js';

const millions = ({ min, median, max }: Spread): string => {
  const [low, middle, high] = [min, median, max].map((value) => (value / 1e6).toFixed(2));
  return `${middle} M blocks/s (min ${low}, max ${high})`;
};

export function eventsText(result: EventPathResult): string {
  const { feed, index } = result;
  return [
    `machine         ${machineText(machine())}`,
    '',
    `event path      ${result.definition}`,
    `  one core      ${millions(result.blocksPerCpuSecond)}, by CPU time of all threads`,
    `  by the clock  ${millions(result.blocksPerSecond)}, the socket has a thread of its own`,
    `  measured      ${result.blocks} blocks in ${result.batches} batches; ${feed.events} events read, ${feed.gaps} gaps, ${feed.decodeErrors + feed.ignored} not understood`,
    `  index         ${index.blocks} blocks held at the end, ${index.orphans} without a parent, ${index.refused} refused`,
  ].join('\n');
}
