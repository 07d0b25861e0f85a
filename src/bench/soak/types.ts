/** Words of `dynamo bench live --minutes`. */
import type { Paths } from '../../cli/paths.js';
import type { PlanWish } from '../../stack/resolve-plan.js';
import type { Machine } from '../machine.js';

export interface SoakOptions {
  paths: Paths;
  wish: PlanWish;
  router: string;
  minutes: number;
  /** Conversations that are open at once; each takes its turn, is paused, and ends after `turns`. */
  sessions: number;
  turns: number;
  /** Tokens, about, a conversation begins with, and those of each turn. */
  promptTokens: number;
  turnTokens: number;
  answerTokens: number;
  /** Requests a second; null = `CAPACITY_SHARE` of what the stack was measured to answer. */
  rate: number | null;
  note(text: string): void;
}

/** What is known at one moment; rates and quantiles are of the time since the sample before. */
export interface SoakSample {
  seconds: number;
  requests: number;
  residentBytes: number;
  heapUsedBytes: number;
  /** Open descriptors of the stack's process; null where the system does not tell. */
  descriptors: number | null;
  overheadP50Ms: number | null;
  overheadP99Ms: number | null;
  /** Of one core. */
  cpuShare: number | null;
}

export interface SoakReport {
  definition: string;
  machine: Machine;
  at: string;
  minutes: number;
  sessions: number;
  /** Requests a second the stack answered when every conversation went on at once; null where a rate was given. */
  capacityPerSecond: number | null;
  ratePerSecond: number;
  requests: number;
  /** Requests not sent in time, because every conversation was still waiting for its answer. */
  late: number;
  promptTokens: number;
  cachedTokens: number;
  failures: string[];
  samples: SoakSample[];
  figures: SoakFigures;
}

/** Of the second half of the run. Null where there are too few samples, or the system does not tell. */
export interface SoakFigures {
  residentMiBPerMinute: number | null;
  heapMiBPerMinute: number | null;
  residentMiBMost: number;
  /** Least of each of the two quarters it consists of: growth shows in the least. */
  descriptors: [number, number] | null;
  /** Median of each of the two quarters. */
  overheadP99Ms: [number, number] | null;
  cpuShare: number | null;
}

/** What the stack is kept at. */
export const CAPACITY_SHARE = 0.8;
