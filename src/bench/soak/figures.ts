/** What a run's samples come to. Pure. */
import { bytesPerThousand, leastOfStretches } from '../gateway/slope.js';
import { quantileOf } from '../statistics.js';
import type { SoakFigures, SoakSample } from './types.js';

const MIB = 1024 * 1024;
const STRETCHES = 10;

export function figuresOf(samples: readonly SoakSample[]): SoakFigures {
  const second = samples.slice(Math.floor(samples.length / 2));
  const [third, fourth] = halves(second);
  const both = <T>(make: (part: readonly SoakSample[]) => T | null): [T, T] | null => {
    const [a, b] = [make(third), make(fourth)];
    return a === null || b === null ? null : [a, b];
  };
  return {
    residentMiBPerMinute: perMinute(second, ({ residentBytes }) => residentBytes),
    heapMiBPerMinute: perMinute(second, ({ heapUsedBytes }) => heapUsedBytes),
    residentMiBMost: Math.max(0, ...samples.map(({ residentBytes }) => residentBytes)) / MIB,
    descriptors: both((part) => least(known(part.map(({ descriptors }) => descriptors)))),
    overheadP99Ms: both((part) => median(known(part.map(({ overheadP99Ms }) => overheadP99Ms)))),
    cpuShare: median(known(second.map(({ cpuShare }) => cpuShare))),
  };
}

/** Over the least of each stretch: what is kept, not what waits to be collected. */
function perMinute(samples: readonly SoakSample[], pick: (sample: SoakSample) => number): number | null {
  const values = samples.map((sample) => ({ requests: sample.seconds, bytes: pick(sample) }));
  const perThousandSeconds =
    values.length === 0 ? null : bytesPerThousand(leastOfStretches(values, STRETCHES));
  return perThousandSeconds === null ? null : (perThousandSeconds * 60) / 1_000 / MIB;
}

const halves = <T>(list: readonly T[]): [readonly T[], readonly T[]] => {
  const middle = Math.floor(list.length / 2);
  return [list.slice(0, middle), list.slice(middle)];
};

const known = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);
const least = (values: readonly number[]): number | null =>
  values.length === 0 ? null : Math.min(...values);

function median(values: readonly number[]): number | null {
  return values.length === 0
    ? null
    : quantileOf(
        [...values].sort((a, b) => a - b),
        0.5,
      );
}
