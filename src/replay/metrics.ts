/** What a run comes to: the figures of `dynamo replay --json`. */
import type { ReplayRun } from './run.js';
import type { Samples } from './samples.js';
import type { Distribution, Turn, Workload } from './types.js';

export interface WorkerFigures {
  id: string;
  requests: number;
  promptTokens: number;
  cachedTokens: number;
  busyS: number;
}

export interface PriorityFigures {
  requests: number;
  ttftMs: Distribution;
  e2eMs: Distribution;
}

export interface ReplayFigures {
  requests: number;
  sessions: number;
  promptTokens: number;
  cachedTokens: number;
  /** Cached ÷ prompt tokens. */
  hitRate: number;
  /** The same for one endless cache over all workers. */
  hitRateReachable: number;
  /** Tokens read from memory per token computed. */
  readWriteRatio: number;
  makespanS: number;
  ttftMs: Distribution;
  itlMs: Distribution;
  e2eMs: Distribution;
  byPriority: Record<string, PriorityFigures>;
  byKind: Record<string, { tokens: number; cached: number }>;
  tiers: { name: string; hitTokens: number }[];
  workers: WorkerFigures[];
  /** Longest time between a request and the pass that admitted it. */
  longestWaitS: number;
  /** Requests larger than a worker's memory. */
  refused: number;
  preemptions: number;
  /** Requests of a conversation that went to another worker than the one before. */
  moves: number;
  /**
   * Of the turns that go on with a conversation, those that found all they have in common with the turn before; null without any. With
   * `--max-pause 30` the pauses between are tool calls of at most half a minute.
   */
  survived: number | null;
}

export function figuresOf(workload: Workload, run: ReplayRun): ReplayFigures {
  const { turns } = workload;
  const { samples } = run;
  const done = turns.flatMap((_, index) => (Number.isNaN(samples.endMs[index]) ? [] : [index]));
  const promptTokens = sum(done, (index) => turnAt(workload, index).promptTokens);
  const cachedTokens = sum(done, (index) => samples.cachedTokens[index] as number);
  const tierTokens = sum(done, (index) => samples.tierTokens[index] as number);
  const reachable = sum(done, (index) => samples.reachableTokens[index] as number);
  const priorities = [...new Set(done.map((index) => turnAt(workload, index).priority))].sort(
    (a, b) => a - b,
  );
  return {
    requests: done.length,
    sessions: new Set(done.map((index) => turnAt(workload, index).session)).size,
    promptTokens,
    cachedTokens,
    hitRate: ratio(cachedTokens, promptTokens),
    hitRateReachable: ratio(reachable, promptTokens),
    readWriteRatio: ratio(cachedTokens, promptTokens - cachedTokens),
    makespanS: run.makespanMs / 1000,
    ...latencies(workload, samples, done),
    byPriority: Object.fromEntries(
      priorities.map((priority) => {
        const own = done.filter((index) => turnAt(workload, index).priority === priority);
        const { ttftMs, e2eMs } = latencies(workload, samples, own);
        return [String(priority), { requests: own.length, ttftMs, e2eMs }];
      }),
    ),
    byKind: kinds(workload, samples, done),
    tiers: [
      { name: 'gpu', hitTokens: cachedTokens - tierTokens },
      ...(tierTokens === 0 ? [] : [{ name: 'cpu', hitTokens: tierTokens }]),
    ],
    survived: survived(workload, samples, done),
    workers: run.busyMs.map((busyMs, worker) => {
      const own = done.filter((index) => samples.worker[index] === worker);
      return {
        id: `w${worker}`,
        requests: own.length,
        promptTokens: sum(own, (index) => turnAt(workload, index).promptTokens),
        cachedTokens: sum(own, (index) => samples.cachedTokens[index] as number),
        busyS: busyMs / 1000,
      };
    }),
    longestWaitS: longestWaitMs(samples, done) / 1000,
    refused: samples.refused,
    preemptions: run.preemptions,
    moves: moves(workload, samples, done),
  };
}

/** Quantiles are samples (nearest rank), zero when there are none. */
export function distribution(values: readonly number[]): Distribution {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const total = sorted.reduce((all, value) => all + value, 0);
  return { mean: ratio(total, sorted.length), p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) };
}

function latencies(workload: Workload, samples: Samples, indices: readonly number[]) {
  const { sentMs, firstTokenMs, endMs } = samples;
  const at = (column: Float64Array, index: number): number => column[index] as number;
  const spoken = indices.filter((index) => turnAt(workload, index).outputTokens > 1);
  return {
    ttftMs: distribution(indices.map((index) => at(firstTokenMs, index) - at(sentMs, index))),
    itlMs: distribution(
      spoken.map(
        (index) => (at(endMs, index) - at(firstTokenMs, index)) / (turnAt(workload, index).outputTokens - 1),
      ),
    ),
    e2eMs: distribution(indices.map((index) => at(endMs, index) - at(sentMs, index))),
  };
}

function kinds(workload: Workload, samples: Samples, indices: readonly number[]): ReplayFigures['byKind'] {
  const found: ReplayFigures['byKind'] = {};
  for (const index of indices) {
    const { parts, promptTokens } = turnAt(workload, index);
    let left = samples.cachedTokens[index] as number;
    for (const part of parts.length > 0 ? parts : [{ kind: 'prompt', tokens: promptTokens }]) {
      const entry = found[part.kind] ?? { tokens: 0, cached: 0 };
      found[part.kind] = entry;
      entry.tokens += part.tokens;
      entry.cached += Math.min(left, part.tokens);
      left = Math.max(0, left - part.tokens);
    }
  }
  return found;
}

function longestWaitMs({ sentMs, admittedMs }: Samples, indices: readonly number[]): number {
  return indices.reduce(
    (longest, index) => Math.max(longest, (admittedMs[index] as number) - (sentMs[index] as number)),
    0,
  );
}

function moves(workload: Workload, samples: Samples, indices: readonly number[]): number {
  const homes = new Map<number, number>();
  let count = 0;
  for (const index of [...indices].sort(
    (a, b) => (samples.sentMs[a] as number) - (samples.sentMs[b] as number),
  )) {
    const { session } = turnAt(workload, index);
    const worker = samples.worker[index] as number;
    const home = homes.get(session);
    if (home !== undefined && home !== worker) count += 1;
    homes.set(session, worker);
  }
  return count;
}

function survived(workload: Workload, samples: Samples, indices: readonly number[]): number | null {
  const later = indices.filter((index) => turnAt(workload, index).after.length > 0);
  const whole = later.filter(
    (index) => (samples.cachedTokens[index] as number) >= contextTokens(workload, index),
  );
  return later.length === 0 ? null : whole.length / later.length;
}

/** Whole blocks a turn has in common with the one it follows in its own conversation. */
function contextTokens(workload: Workload, index: number): number {
  const { blocks, after, promptTokens, session } = turnAt(workload, index);
  const before = after.map((at) => turnAt(workload, at)).findLast((turn) => turn.session === session);
  if (before === undefined) return 0;
  let common = 0;
  while (common < Math.min(blocks.length, before.blocks.length) && blocks[common] === before.blocks[common])
    common += 1;
  return Math.min(common, Math.floor((promptTokens - 1) / workload.blockTokens)) * workload.blockTokens;
}

const turnAt = (workload: Workload, index: number): Turn => workload.turns[index] as Turn;

const sum = (indices: readonly number[], of: (index: number) => number): number =>
  indices.reduce((total, index) => total + of(index), 0);

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
