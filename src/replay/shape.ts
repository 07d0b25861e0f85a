/** A recorded workload bent to a question: who has a priority, how fast requests come, how much memory there is. Pure. */
import type { Workload } from './types.js';

export const TAG_PRIORITY = 100;

export interface Shape {
  /** Every nth conversation gets a priority, all others none; undefined = as recorded. */
  every?: number | undefined;
  /** What comes at a fixed time comes this many times as fast; 1 unless given. */
  speed?: number | undefined;
}

export function shaped(workload: Workload, { every, speed = 1 }: Shape): Workload {
  if (every === undefined && speed === 1) return workload;
  const priorityOf = (session: number): number => (isTagged(session, every ?? 1) ? TAG_PRIORITY : 0);
  return {
    ...workload,
    turns: workload.turns.map((turn) => ({
      ...turn,
      atMs: turn.atMs / speed,
      priority: every === undefined ? turn.priority : priorityOf(turn.session),
    })),
    notes: [
      ...workload.notes,
      ...(every === undefined ? [] : [`one conversation of ${every} has priority ${TAG_PRIORITY}`]),
      ...(speed === 1 ? [] : [`fixed times are ${speed} times as fast`]),
    ],
  };
}

export const isTagged = (session: number, every: number): boolean => session % every === 0;

/** KV blocks of each worker so that all together are `capacity` of the distinct blocks. */
export function blocksFor(
  { uniqueBlocks }: Pick<Workload, 'uniqueBlocks'>,
  { capacity, workers }: { capacity: number; workers: number },
): number {
  return Math.max(1, Math.round((capacity * uniqueBlocks) / workers));
}
