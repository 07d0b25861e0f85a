import { describe, expect, it } from 'vitest';
import { watchAttached } from '../../src/supervisor/attached.js';
import { FakeClock } from '../router/support/fake-clock.js';

function rig(isHealthy: boolean) {
  const clock = new FakeClock();
  const states: string[] = [];
  const engine = { isHealthy };
  const watch = watchAttached([{ id: 'w0', probe: async () => engine.isHealthy }], {
    clock,
    observer: { onState: (_worker, state) => states.push(state), onLog: () => {} },
  });
  const second = async () => {
    clock.advance(1_000);
    await new Promise(setImmediate);
  };
  return { watch, states, engine, second, clock };
}

describe('an attached worker', () => {
  it('serves as soon as it answers, and is not given up for one unanswered probe', async () => {
    const { watch, states, engine, second } = rig(true);
    await watch.start();
    engine.isHealthy = false;
    await second();
    expect(states).toEqual(['starting', 'ready']);
    await second();
    expect(states).toEqual(['starting', 'ready', 'failed']);
    engine.isHealthy = true;
    await second();
    expect(states.at(-1)).toBe('ready');
  });

  it('that is down at first is picked up when it comes', async () => {
    const { watch, states, engine, second } = rig(false);
    await watch.start();
    await second();
    engine.isHealthy = true;
    await second();
    expect(states).toEqual(['starting', 'failed', 'ready']);
  });

  it('is not asked any more after the stop', async () => {
    const { watch, states, clock } = rig(true);
    await watch.start();
    await watch.stop({ isGraceful: true });
    expect(states.at(-1)).toBe('stopped');
    expect(clock.timers).toBe(0);
  });

  it('is restarted by its owner, not by us', async () => {
    const { watch } = rig(true);
    await watch.start();
    await expect(watch.restart('w0')).rejects.toThrow('w0 is not ours');
    await watch.stop({ isGraceful: true });
  });
});
