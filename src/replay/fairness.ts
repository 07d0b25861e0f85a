/** How much each conversation suffered from sharing the machine. */
import { SimWorker } from '../engines/simulator/step.js';
import type { SimRequest } from '../engines/simulator/types.js';
import type { ReplayConfig } from './config.js';
import type { Samples } from './samples.js';
import type { Turn, Workload } from './types.js';

export interface Fairness {
  /** Time of a conversation ÷ its time alone on one worker of that size. */
  slowdown: { mean: number; worst: number };
  /** Jain's index of the slowdowns, (Σx)² ÷ (n Σx²): 1 = all suffer alike. */
  jain: number;
}

/** More conversations than this are not replayed alone. */
const SESSIONS_MAX = 2_000;

/** Null for single requests, and where there are too many conversations to replay each alone. */
export function fairnessOf(workload: Workload, samples: Samples, config: ReplayConfig): Fairness | null {
  const sessions = new Map<number, number[]>();
  workload.turns.forEach(({ session }, index) => {
    if (Number.isNaN(samples.endMs[index])) return;
    const turns = sessions.get(session);
    if (turns === undefined) sessions.set(session, [index]);
    else turns.push(index);
  });
  const long = [...sessions.values()].filter((turns) => turns.length > 1);
  if (long.length === 0 || long.length > SESSIONS_MAX) return null;
  const slowdowns = long.map((indices) => {
    const start = samples.sentMs[indices[0] as number] as number;
    const end = Math.max(...indices.map((index) => samples.endMs[index] as number));
    return (end - start) / Math.max(1, aloneMs(workload, indices, config));
  });
  const total = slowdowns.reduce((sum, value) => sum + value, 0);
  const squares = slowdowns.reduce((sum, value) => sum + value * value, 0);
  return {
    slowdown: { mean: total / slowdowns.length, worst: Math.max(...slowdowns) },
    jain: (total * total) / (slowdowns.length * squares),
  };
}

/** The conversation's turns one after the other, with their pauses, on a worker nobody else uses. */
function aloneMs({ turns, blockTokens }: Workload, indices: readonly number[], config: ReplayConfig): number {
  const worker = new SimWorker({
    blocks: config.blocks,
    blockTokens,
    timing: config.timing,
    sink: { stored: () => {}, removed: () => {} },
  });
  let now = 0;
  indices.forEach((index, n) => {
    const turn = turns[index] as Turn;
    if (n > 0) now += turn.delayMs;
    now += runAlone(worker, requestOf(turn, index), now);
  });
  return now;
}

function runAlone(worker: SimWorker, request: SimRequest, start: number): number {
  worker.submit(request);
  let spent = 0;
  for (let pass = worker.pass(start); pass !== null; pass = worker.pass(start + spent))
    spent += pass.durationMs;
  return spent;
}

function requestOf({ promptTokens, outputTokens, blocks, session }: Turn, index: number): SimRequest {
  return { id: `alone${index}`, promptTokens, outputTokens, blocks, priority: 0, session };
}
