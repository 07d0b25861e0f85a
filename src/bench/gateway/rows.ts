/** Measurements of one cell, put beside each other. */
import { quantileOf } from '../statistics.js';
import type { Cell, Measured } from './types.js';

export type Candidate = 'direct' | 'passThrough' | 'ours' | 'directAgain';

/** Milliseconds; `added` is against the mean of both direct rows. */
export interface Row {
  candidate: Candidate;
  requests: number;
  p50Ms: number;
  p99Ms: number;
  firstByteP50Ms: number;
  addedP50Ms: number;
  addedP99Ms: number;
  addedFirstByteMs: number;
  requestsPerSecond: number;
  /** Of the candidate's process; of the upstream's for the direct rows. */
  cpuMicrosPerRequest: number | null;
  residentMiB: number | null;
  failures: string[];
}

export interface EventLoop {
  p50: number | null;
  p99: number | null;
  p999: number | null;
  max: number | null;
}

export interface CellResult extends Cell {
  rows: Row[];
  /** Ours ÷ pass-through, CPU per request. */
  cpuRatio: number | null;
  /** Of the stack's process over its measurements of this cell, milliseconds; the worst of the rounds. */
  eventLoopMs: EventLoop;
}

export function cellResult(
  cell: Cell,
  rounds: readonly Record<Candidate, Measured>[],
  eventLoops: readonly EventLoop[],
): CellResult {
  const figures = (candidate: Candidate) => figuresOf(rounds.map((round) => round[candidate]));
  const first = figures('direct');
  const again = figures('directAgain');
  const base = {
    p50Ms: (first.p50Ms + again.p50Ms) / 2,
    p99Ms: (first.p99Ms + again.p99Ms) / 2,
    firstByteP50Ms: (first.firstByteP50Ms + again.firstByteP50Ms) / 2,
  };
  const row = (candidate: Candidate): Row => {
    const own = figures(candidate);
    return {
      candidate,
      ...own,
      addedP50Ms: own.p50Ms - base.p50Ms,
      addedP99Ms: own.p99Ms - base.p99Ms,
      addedFirstByteMs: own.firstByteP50Ms - base.firstByteP50Ms,
    };
  };
  const rows = [row('direct'), row('passThrough'), row('ours'), row('directAgain')];
  const [, floor, ours] = rows.map(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest);
  return {
    ...cell,
    rows,
    cpuRatio: floor && ours ? ours / floor : null,
    eventLoopMs: worstOf(eventLoops),
  };
}

function figuresOf(rounds: readonly Measured[]) {
  const latency = ascending(rounds.flatMap(({ latencyMs }) => latencyMs));
  const firstByte = ascending(rounds.flatMap(({ firstByteMs }) => firstByteMs));
  const total = (pick: (round: Measured) => number) => rounds.reduce((sum, round) => sum + pick(round), 0);
  const cpu = rounds.some(({ cpuSeconds }) => cpuSeconds === null)
    ? null
    : total(({ cpuSeconds }) => cpuSeconds ?? 0);
  const resident = rounds.at(-1)?.residentBytes ?? null;
  return {
    requests: latency.length,
    p50Ms: quantileOf(latency, 0.5),
    p99Ms: quantileOf(latency, 0.99),
    firstByteP50Ms: quantileOf(firstByte, 0.5),
    requestsPerSecond: latency.length / total(({ wallSeconds }) => wallSeconds),
    cpuMicrosPerRequest: cpu === null ? null : (cpu * 1e6) / latency.length,
    residentMiB: resident === null ? null : resident / 1_048_576,
    failures: rounds.flatMap(({ failures }) => failures),
  };
}

function worstOf(loops: readonly EventLoop[]): EventLoop {
  const worst = (pick: (loop: EventLoop) => number | null): number | null => {
    const known = loops.flatMap((loop) => pick(loop) ?? []);
    return known.length === 0 ? null : Math.max(...known);
  };
  return {
    p50: worst(({ p50 }) => p50),
    p99: worst(({ p99 }) => p99),
    p999: worst(({ p999 }) => p999),
    max: worst(({ max }) => max),
  };
}

const ascending = (values: number[]): number[] => values.sort((a, b) => a - b);
