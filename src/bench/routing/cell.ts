/** One run of the routing benchmark: a workload, a router and a size of memory, and what is asked of it. */
import { mockTiming } from '../../engines/simulator/timing.js';
import { fairnessOf } from '../../replay/fairness.js';
import { distribution, figuresOf } from '../../replay/metrics.js';
import { type ReplayRun, runReplay } from '../../replay/run.js';
import { isTagged } from '../../replay/shape.js';
import type { Workload } from '../../replay/types.js';
import { loadPolicy } from '../../router/policies/load-policy.js';

export const WORKERS = 4;
/** Every fifth conversation is one of the tagged class, whether it has a priority in that run or not. */
export const TAG_EVERY = 5;

/** A router as it is compared; ours with retention and engine priorities, the others as their own stacks run. */
export interface RoutedBy {
  name: string;
  policy: 'kv' | 'dynamo' | 'round-robin';
  prefillLoadScale?: number;
  pauseMs?: number;
}

/** Requests of one class: milliseconds to first token, mean seconds of a conversation. */
export interface ClassFigures {
  p50Ms: number;
  p99Ms: number;
  sessionS: number;
}

/** Shares, milliseconds, seconds; slowdown = time of a conversation ÷ its time alone on one worker. */
export interface CellFigures {
  hitRate: number;
  reachable: number;
  ttftMeanMs: number;
  ttftP50Ms: number;
  ttftP99Ms: number;
  makespanS: number;
  longestWaitS: number;
  slowdownMean: number | null;
  slowdownWorst: number | null;
  jain: number | null;
  moves: number;
  tagged: ClassFigures;
  others: ClassFigures;
  cpuS: number;
}

export async function runCell(
  workload: Workload,
  { blocks, by, seed }: { blocks: number; by: RoutedBy; seed: number },
): Promise<CellFigures> {
  const isOurs = by.policy === 'kv';
  const { prefillLoadScale, pauseMs } = by;
  const config = {
    workers: WORKERS,
    blocks,
    seed,
    timing: mockTiming(),
    policy: loadPolicy(by.policy, { dynamo: prefillLoadScale === undefined ? {} : { prefillLoadScale } }),
    retention: isOurs ? ('selective' as const) : ('lru' as const),
    enginePriorities: isOurs,
    settings: pauseMs === undefined ? {} : { pauseMs },
  };
  const before = process.cpuUsage();
  const run = await runReplay(workload, config);
  const used = process.cpuUsage(before);
  const { hitRate, hitRateReachable, ttftMs, makespanS, longestWaitS, moves } = figuresOf(workload, run);
  const fairness = fairnessOf(workload, run.samples, config);
  return {
    hitRate,
    reachable: hitRateReachable,
    ttftMeanMs: ttftMs.mean,
    ttftP50Ms: ttftMs.p50,
    ttftP99Ms: ttftMs.p99,
    makespanS,
    longestWaitS,
    slowdownMean: fairness?.slowdown.mean ?? null,
    slowdownWorst: fairness?.slowdown.worst ?? null,
    jain: fairness?.jain ?? null,
    moves,
    tagged: classFigures(workload, run, true),
    others: classFigures(workload, run, false),
    cpuS: (used.user + used.system) / 1e6,
  };
}

function classFigures({ turns }: Workload, { samples }: ReplayRun, tagged: boolean): ClassFigures {
  const { sentMs, firstTokenMs, endMs } = samples;
  const waits: number[] = [];
  const spans = new Map<number, { start: number; end: number }>();
  turns.forEach(({ session }, index) => {
    const end = endMs[index] as number;
    if (isTagged(session, TAG_EVERY) !== tagged || Number.isNaN(end)) return;
    const start = sentMs[index] as number;
    waits.push((firstTokenMs[index] as number) - start);
    const span = spans.get(session);
    spans.set(session, {
      start: Math.min(start, span?.start ?? start),
      end: Math.max(end, span?.end ?? end),
    });
  });
  const { p50, p99 } = distribution(waits);
  const seconds = distribution([...spans.values()].map(({ start, end }) => (end - start) / 1000));
  return { p50Ms: p50, p99Ms: p99, sessionS: seconds.mean };
}
