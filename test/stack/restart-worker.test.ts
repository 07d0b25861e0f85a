/** The order in which a worker is drained and replaced, under a clock of the test's own. */
import { describe, expect, it } from 'vitest';
import { WorkerRestarts } from '../../src/stack/restart-worker.js';
import type { LifecycleState } from '../../src/supervisor/types.js';

function stack({ state = 'ready' as LifecycleState, endsAt = 0, isServing = true } = {}) {
  const done: string[] = [];
  let now = 0;
  const restarts = new WorkerRestarts(
    {
      isServing: () => isServing,
      stateOf: (worker) => (worker === 'w0' ? state : undefined),
      running: () => (now < endsAt ? 2 : 0),
      drain: () => void done.push(`drain at ${now}`),
      replace: async () => void done.push(`replace at ${now}`),
    },
    {
      drainMs: 1_000,
      now: () => now,
      sleep: async (ms) => {
        now += ms;
      },
    },
  );
  return { restarts, done };
}

describe('restarting a worker', () => {
  it('waits for what runs there', async () => {
    const { restarts, done } = stack({ endsAt: 400 });
    expect(await restarts.restart('w0')).toEqual({ worker: 'w0', running: 2, cutOff: 0, ms: 400 });
    expect(done).toEqual(['drain at 0', 'replace at 400']);
  });

  it('waits no longer than the drain time, and says what was cut off', async () => {
    const { restarts, done } = stack({ endsAt: 9_000 });
    expect(await restarts.restart('w0')).toMatchObject({ running: 2, cutOff: 2 });
    expect(done).toEqual(['drain at 0', 'replace at 1000']);
  });

  it('replaces at once a worker that does not serve', async () => {
    const { restarts, done } = stack({ state: 'failed' });
    await restarts.restart('w0');
    expect(done).toEqual(['replace at 0']);
  });

  it('is refused for an unknown worker, twice at once, and while the stack does not serve', async () => {
    const { restarts, done } = stack({ endsAt: 400 });
    await expect(restarts.restart('w9')).rejects.toThrow('There is no worker w9.');
    const first = restarts.restart('w0');
    await expect(restarts.restart('w0')).rejects.toThrow('being restarted already');
    await first;
    await restarts.restart('w0');
    expect(done.filter((step) => step.startsWith('replace'))).toHaveLength(2);
    await expect(stack({ isServing: false }).restarts.restart('w0')).rejects.toThrow('starting or stopping');
  });
});
