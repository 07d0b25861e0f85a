/** In which order waiting requests are looked at. */
import type { RouteInput } from './types.js';

export const QUEUE_ORDERS = ['shortest', 'fcfs', 'lcfs', 'wspt'] as const;

/**
 * `shortest`: least prompt left to compute first, waiting counts in its favour, and who waited long goes by arrival;
 * `fcfs`, `lcfs`: by arrival, first or last; `wspt`: prompt left to compute ÷ (1 + priority).
 */
export type QueueOrder = (typeof QUEUE_ORDERS)[number];

export interface Ordered {
  input: Pick<RouteInput, 'strictPriority' | 'priority'>;
  since: number;
  /** Counts up. */
  arrival: number;
  /** Milliseconds of prefill it needs where its conversation lives. */
  workMs: number;
}

/** A millisecond of waiting outweighs this many of prefill. */
const PATIENCE = 0.1;
const TAGGED_PATIENCE = 1 / 3;
/** Requests of each class, with a priority and without, that are looked at. */
export const WINDOW = 64;

/** Whether somebody asked for it to go before others. */
export const isTagged = ({ input }: Pick<Ordered, 'input'>): boolean =>
  input.strictPriority > 0 || input.priority > 0;

/** Share of the usual waits after which it takes any worker or reserves its best: a request with a priority is less patient. */
export const patienceOf = (one: Pick<Ordered, 'input'>): number => (isTagged(one) ? TAGGED_PATIENCE : 1);

/** The first of each class that may be tried, both by arrival, in the order to try them. */
export function tryOrder<T extends Ordered>(
  { tagged, others }: { tagged: readonly T[]; others: readonly T[] },
  { order, now, ageMs, may }: { order: QueueOrder; now: number; ageMs: number; may(one: T): boolean },
): T[] {
  const compare = (a: T, b: T): number => byClass(a, b) || within(a, b, { order, now, ageMs });
  return [...firstOf(tagged, may), ...firstOf(others, may)].sort(compare);
}

/** Those held back do not count: they would keep everybody behind them from being looked at. */
function firstOf<T>(waiters: readonly T[], may: (one: T) => boolean): T[] {
  const first: T[] = [];
  for (const waiter of waiters) {
    if (first.length === WINDOW) break;
    if (may(waiter)) first.push(waiter);
  }
  return first;
}

/** Who leaves a queue that is too long: of the least important the one that came last. There is at least one. */
export function lastInLine<T extends Ordered>(waiting: readonly T[]): T {
  return waiting.reduce((last, one) => ((byClass(one, last) || one.arrival - last.arrival) > 0 ? one : last));
}

function byClass(a: Ordered, b: Ordered): number {
  return b.input.strictPriority - a.input.strictPriority || b.input.priority - a.input.priority;
}

function within(
  a: Ordered,
  b: Ordered,
  { order, now, ageMs }: { order: QueueOrder; now: number; ageMs: number },
): number {
  if (order === 'fcfs') return a.arrival - b.arrival;
  if (order === 'lcfs') return b.arrival - a.arrival;
  if (order === 'wspt') return weighted(a) - weighted(b) || a.arrival - b.arrival;
  const [aIsOld, bIsOld] = [now - a.since > ageMs, now - b.since > ageMs];
  if (aIsOld || bIsOld) return Number(bIsOld) - Number(aIsOld) || a.arrival - b.arrival;
  const rank = (one: Ordered): number => one.workMs - PATIENCE * (now - one.since);
  return rank(a) - rank(b) || a.arrival - b.arrival;
}

const weighted = ({ workMs, input }: Ordered): number => workMs / (1 + Math.max(0, input.priority));
