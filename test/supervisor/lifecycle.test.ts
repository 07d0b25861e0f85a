/** The lifecycle table: every state × event, and what no sequence of events may do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import {
  isAtRest,
  type Lifecycle,
  type LifecycleEvent,
  STOPPED,
  transition,
} from '../../src/supervisor/lifecycle.js';
import type { LifecycleState } from '../../src/supervisor/types.js';

const EVENTS: Record<string, LifecycleEvent> = {
  start: { type: 'start' },
  ready: { type: 'ready' },
  late: { type: 'late', reason: 'late' },
  exited: { type: 'exited', at: 0, reason: 'crash', isRetryable: true },
  fatal: { type: 'exited', at: 0, reason: 'fatal', isRetryable: false },
  pause_over: { type: 'pause_over' },
  stop: { type: 'stop' },
};

/** State → event → `state effects`; what is not named leaves everything as it is. */
const TABLE: Record<LifecycleState, Record<string, string>> = {
  stopped: { start: 'starting spawn' },
  failed: { start: 'starting spawn', stop: 'stopped' },
  starting: {
    ready: 'ready',
    late: 'starting kill',
    exited: 'restarting pause',
    fatal: 'failed',
    stop: 'draining terminate',
  },
  ready: { exited: 'restarting pause', fatal: 'failed', stop: 'draining terminate' },
  restarting: { pause_over: 'starting spawn', stop: 'stopped cancel_pause' },
  draining: { exited: 'stopped', fatal: 'stopped' },
};
const STATES = Object.keys(TABLE) as LifecycleState[];

describe('the lifecycle table', () => {
  const cells = STATES.flatMap((state) => Object.keys(EVENTS).map((event) => [state, event] as const));
  it.each(cells)('%s × %s', (state, event) => {
    const before: Lifecycle = { ...STOPPED, state };
    const { next, effects } = transition(before, EVENTS[event]!, LIMITS);
    const told = [next.state, ...effects.map(({ type }) => type)].join(' ');
    expect(told).toBe(TABLE[state][event] ?? state);
    if (TABLE[state][event] === undefined) expect(next).toBe(before);
  });

  it('a worker that was late is failed for good when it is gone, and cannot become ready before', () => {
    const late = run([EVENTS['start']!, EVENTS['late']!]);
    expect(transition(late, EVENTS['ready']!, LIMITS).next).toBe(late);
    expect(transition(late, EVENTS['exited']!, LIMITS).next).toMatchObject({
      state: 'failed',
      reason: 'late',
      condemned: null,
    });
  });

  it('a start after a failure begins with a whole budget', () => {
    const failed = { ...STOPPED, state: 'failed' as const, restartsAt: [1, 2, 3], restarts: 3, reason: 'x' };
    expect(transition(failed, EVENTS['start']!, LIMITS).next).toEqual({ ...STOPPED, state: 'starting' });
  });
});

describe('the restart budget', () => {
  const crash = (at: number): LifecycleEvent => ({ type: 'exited', at, reason: 'crash', isRetryable: true });

  it('doubles the pause up to its bound, then fails with the count', () => {
    let now = run([EVENTS['start']!]);
    const pauses: number[] = [];
    for (let at = 0; now.state !== 'failed'; at++) {
      const { next, effects } = transition(now, crash(at), { ...LIMITS, restartBackoffMaxMs: 1_000 });
      for (const effect of effects) if (effect.type === 'pause') pauses.push(effect.ms);
      now = next.state === 'failed' ? next : transition(next, EVENTS['pause_over']!, LIMITS).next;
    }
    expect(pauses).toEqual([250, 500, 1_000, 1_000, 1_000]);
    expect(now.reason).toBe('crash (after 5 restarts)');
  });

  it('forgets restarts older than the window', () => {
    let now = run([EVENTS['start']!]);
    for (let turn = 0; turn < 50; turn++) {
      now = transition(now, crash(turn * LIMITS.restartWindowMs), LIMITS).next;
      expect(now.state).toBe('restarting');
      expect(now.restartsAt).toHaveLength(1);
      now = transition(now, EVENTS['pause_over']!, LIMITS).next;
    }
    expect(now.restarts).toBe(50);
  });
});

describe('any sequence of events', () => {
  const sequence = fc.array(
    fc.oneof(
      fc.constantFrom(...Object.values(EVENTS).filter(({ type }) => type !== 'exited')),
      fc.record({
        type: fc.constant('exited' as const),
        at: fc.nat(1_000_000),
        reason: fc.string(),
        isRetryable: fc.boolean(),
      }),
    ),
    { maxLength: 60 },
  );

  it('keeps to the legal states, with never two processes and never more restarts than the budget', () => {
    fc.assert(
      fc.property(sequence, (events) => {
        let now = STOPPED;
        for (const event of ascending(events)) {
          const { next, effects } = transition(now, event, LIMITS);
          expect(STATES).toContain(next.state);
          // What was asked to spawn has to exit before the next spawn.
          if (effects.some(({ type }) => type === 'spawn')) {
            expect(isAtRest(now.state) || now.state === 'restarting').toBe(true);
          }
          expect(next.restartsAt.length).toBeLessThanOrEqual(LIMITS.restartsMax);
          now = next;
        }
      }),
    );
  });

  it('never spawns after a stop, until it is started again', () => {
    fc.assert(
      fc.property(sequence, sequence, (before, after) => {
        let now = transition(run(before), { type: 'stop' }, LIMITS).next;
        for (const event of after.filter(({ type }) => type !== 'start')) {
          const { next, effects } = transition(now, event, LIMITS);
          expect(effects.filter(({ type }) => type === 'spawn' || type === 'pause')).toEqual([]);
          expect(['stopped', 'draining']).toContain(next.state);
          now = next;
        }
      }),
    );
  });
});

function run(events: LifecycleEvent[]): Lifecycle {
  return events.reduce((now, event) => transition(now, event, LIMITS).next, STOPPED);
}

/** Time does not go back. */
function ascending(events: LifecycleEvent[]): LifecycleEvent[] {
  let at = 0;
  return events.map((event) => {
    if (event.type !== 'exited') return event;
    at += event.at;
    return { ...event, at };
  });
}
