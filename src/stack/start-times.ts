/** How long the parts of a start took last time, kept in the stack's state folder: what to expect this time. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Plan } from '../plan/types.js';
import type { StartProgress } from './start-progress.js';

export interface StartTimes {
  totalMs: number;
  /** Per worker: until ready, and per phase. */
  workers: Record<string, { readyMs: number; phases: Record<string, number> }>;
}

interface Kept {
  version: 1;
  /** By what was started, oldest first. */
  starts: Record<string, StartTimes>;
}

const VERSION = 1;
const KEPT_MAX = 16;

/** Starts of the same recipe, variant and number of workers take alike; of another model they do not. */
export const startKey = ({ recipe, variant, workers, servedModel }: Plan): string =>
  `${recipe}/${variant} ${servedModel} x${workers.length}`;

/** Null when it was never started here, or what was kept cannot be read. */
export function lastTimes(dir: string, key: string): StartTimes | null {
  const times = read(dir).starts[key];
  return times !== undefined && Number.isFinite(times.totalMs) && typeof times.workers === 'object'
    ? times
    : null;
}

/** A full disk must not keep a stack from starting: nothing is thrown. */
export function keepTimes(dir: string, key: string, times: StartTimes): void {
  const { [key]: _before, ...others } = read(dir).starts;
  const starts = Object.fromEntries([...Object.entries(others), [key, times] as const].slice(-KEPT_MAX));
  const file = fileIn(dir);
  try {
    writeFileSync(`${file}.tmp`, JSON.stringify({ version: VERSION, starts } satisfies Kept), {
      mode: 0o600,
    });
    renameSync(`${file}.tmp`, file);
  } catch {
    // The next start has nothing to expect, that is all.
  }
}

export function timesOf({ workers }: StartProgress, totalMs: number): StartTimes {
  return {
    totalMs,
    workers: Object.fromEntries(
      workers.flatMap(({ id, readyMs, done }) => (readyMs === null ? [] : [[id, { readyMs, phases: done }]])),
    ),
  };
}

const fileIn = (dir: string): string => path.join(dir, 'start-times.json');

function read(dir: string): Kept {
  const nothing: Kept = { version: VERSION, starts: {} };
  try {
    const kept = JSON.parse(readFileSync(fileIn(dir), 'utf8')) as Kept | null;
    return kept?.version === VERSION && typeof kept.starts === 'object' && kept.starts !== null
      ? kept
      : nothing;
  } catch {
    return nothing;
  }
}
