/**
 * A worker's life as a table: state × event → state and effects. Pure: the owner (worker-process.ts) carries the
 * effects out and sends what comes of them back as events.
 */
import type { LifecycleState } from './types.js';

export type LifecycleEvent =
  | { type: 'start' }
  /** The engine answered its health path. */
  | { type: 'ready' }
  /** It did not within the engine's own limit; `reason` says so. */
  | { type: 'late'; reason: string }
  /** The process is gone, whatever the cause. `at` in milliseconds of the owner's clock. */
  | { type: 'exited'; at: number; reason: string; isRetryable: boolean }
  | { type: 'pause_over' }
  | { type: 'stop' };

export type Effect =
  | { type: 'spawn' }
  /** Ends the process at once: it is useless and holds memory. */
  | { type: 'kill' }
  /** Asks it to end; the owner kills it at the deadline. */
  | { type: 'terminate' }
  | { type: 'pause'; ms: number }
  | { type: 'cancel_pause' };

export interface Lifecycle {
  state: LifecycleState;
  /** Times of restarts within the window, oldest first. */
  restartsAt: number[];
  /** Restarts since the start, for display. */
  restarts: number;
  /** Why the running process is condemned: its exit is final. */
  condemned: string | null;
  /** Why it is not serving. */
  reason: string | null;
}

export interface RestartBudget {
  restartsMax: number;
  restartWindowMs: number;
  restartBackoffMs: number;
  restartBackoffMaxMs: number;
}

export interface Transition {
  next: Lifecycle;
  effects: Effect[];
}

export const STOPPED: Lifecycle = {
  state: 'stopped',
  restartsAt: [],
  restarts: 0,
  condemned: null,
  reason: null,
};

/** Events that mean nothing in a state leave it as it is: each may arrive late, when its cause is over. */
export function transition(now: Lifecycle, event: LifecycleEvent, budget: RestartBudget): Transition {
  const same: Transition = { next: now, effects: [] };
  switch (event.type) {
    case 'start':
      return isAtRest(now.state)
        ? { next: { ...STOPPED, state: 'starting' }, effects: [{ type: 'spawn' }] }
        : same;
    case 'ready':
      return now.state === 'starting' && now.condemned === null
        ? { next: { ...now, state: 'ready', reason: null }, effects: [] }
        : same;
    case 'late':
      return now.state === 'starting'
        ? { next: { ...now, condemned: event.reason }, effects: [{ type: 'kill' }] }
        : same;
    case 'pause_over':
      return now.state === 'restarting'
        ? { next: { ...now, state: 'starting' }, effects: [{ type: 'spawn' }] }
        : same;
    case 'stop':
      return stopped(now);
    case 'exited':
      return exited(now, event, budget);
  }
}

export const isAtRest = (state: LifecycleState): boolean => state === 'stopped' || state === 'failed';

function stopped(now: Lifecycle): Transition {
  if (now.state === 'starting' || now.state === 'ready') {
    return { next: { ...now, state: 'draining' }, effects: [{ type: 'terminate' }] };
  }
  if (now.state === 'restarting')
    return { next: { ...now, state: 'stopped' }, effects: [{ type: 'cancel_pause' }] };
  return { next: now.state === 'failed' ? { ...now, state: 'stopped' } : now, effects: [] };
}

function exited(
  now: Lifecycle,
  event: Extract<LifecycleEvent, { type: 'exited' }>,
  budget: RestartBudget,
): Transition {
  if (now.state === 'draining') return { next: { ...now, state: 'stopped', condemned: null }, effects: [] };
  if (now.state !== 'starting' && now.state !== 'ready') return { next: now, effects: [] };
  const restartsAt = now.restartsAt.filter((at) => event.at - at < budget.restartWindowMs);
  const failed = (reason: string): Transition => ({
    next: { ...now, state: 'failed', restartsAt, condemned: null, reason },
    effects: [],
  });
  if (now.condemned !== null) return failed(now.condemned);
  if (!event.isRetryable) return failed(event.reason);
  if (restartsAt.length >= budget.restartsMax) {
    return failed(
      restartsAt.length === 0 ? event.reason : `${event.reason} (after ${restartsAt.length} restarts)`,
    );
  }
  const ms = Math.min(budget.restartBackoffMs * 2 ** restartsAt.length, budget.restartBackoffMaxMs);
  const restarting: Lifecycle = {
    ...now,
    state: 'restarting',
    restartsAt: [...restartsAt, event.at],
    restarts: now.restarts + 1,
    reason: event.reason,
  };
  return { next: restarting, effects: [{ type: 'pause', ms }] };
}
