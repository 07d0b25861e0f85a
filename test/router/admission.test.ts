import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/router/settings.js';
import type { Placement } from '../../src/router/types.js';
import { outcomeOf, rig, tokens } from './support/rig.js';

/** What became of a promise by now. */
async function settled(promise: Promise<Placement>): Promise<Placement | 'waiting'> {
  await new Promise(setImmediate);
  return Promise.race([promise, Promise.resolve('waiting' as const)]);
}

const room = { kvBlocks: 20 };

describe('late binding', () => {
  it('keeps a request until a worker has room for its prompt and answer', async () => {
    const { route } = rig({ workers: [room] });
    const first = await route(tokens(1, 200), { osl: 16 });
    const second = route(tokens(2, 200), { osl: 16 });
    expect(await settled(second)).toBe('waiting');
    first.firstToken();
    expect(await settled(second)).toBe('waiting');
    first.finish(outcomeOf(first));
    expect(await settled(second)).toMatchObject({ worker: 'w0' });
  });

  it('counts what a request shares with running ones as room: it is held once', async () => {
    const { route } = rig({ workers: [room] });
    await route(tokens(1, 200), { osl: 16 });
    const apart = route(tokens(2, 160), { osl: 16 });
    const beside = route([...tokens(1, 192), ...tokens(3, 64)], { osl: 16 });
    expect(await settled(beside)).toMatchObject({ worker: 'w0' });
    expect(await settled(apart)).toBe('waiting');
  });

  it('gives an idle worker anything, however large', async () => {
    const { route } = rig({ workers: [room] });
    expect(await settled(route(tokens(1, 2_000)))).toMatchObject({ worker: 'w0' });
  });

  it('waits a moment for the worker that holds the prefix, then takes one that can start', async () => {
    const { route, serve, clock } = rig({ workers: [room, room] });
    const warm = await serve(tokens(1, 160), [], { sessionId: 's', osl: 1 });
    const busy = await route(tokens(2, 128), { sessionId: 'other', osl: 16, workerPin: warm.worker });
    expect(busy.worker).toBe(warm.worker);
    const back = route([...tokens(1, 160), ...tokens(9, 32)], { sessionId: 's', osl: 1 });
    expect(await settled(back)).toBe('waiting');
    clock.advance(DEFAULT_SETTINGS.holdForBestMs + 1);
    const placed = await settled(back);
    expect(placed).not.toBe('waiting');
    expect((placed as Placement).worker).not.toBe(warm.worker);
  });

  it.each([
    { priority: 0, isPatient: true },
    { priority: 1, isPatient: false },
  ])('lets one of priority $priority wait for its best worker: still after half the time? $isPatient', async ({
    priority,
    isPatient,
  }) => {
    const { route, serve, clock } = rig({ workers: [room, room] });
    const warm = await serve(tokens(1, 160), [], { sessionId: 's', osl: 1 });
    await route(tokens(2, 128), { sessionId: 'other', osl: 16, workerPin: warm.worker });
    const back = route([...tokens(1, 160), ...tokens(9, 32)], { sessionId: 's', priority, osl: 1 });
    expect(await settled(back)).toBe('waiting');
    clock.advance(DEFAULT_SETTINGS.holdForBestMs / 2);
    expect(((await settled(back)) === 'waiting') === isPatient).toBe(true);
  });

  it('reserves its best worker for one that waited long: later small ones do not slip in for ever', async () => {
    const { route, clock } = rig({ workers: [room] });
    const running = await route(tokens(1, 160), { osl: 1 });
    const large = route(tokens(2, 240), { osl: 1 });
    expect(await settled(large)).toBe('waiting');
    clock.advance(DEFAULT_SETTINGS.reserveAfterMs + 1);
    const small = route(tokens(3, 32), { osl: 1 });
    expect(await settled(small)).toBe('waiting');
    running.finish(outcomeOf(running));
    expect(await settled(large)).toMatchObject({ worker: 'w0' });
  });

  it('keeps room for idle conversations with a priority', async () => {
    const { route, serve } = rig({ workers: [room] });
    await serve(tokens(1, 144), [], { sessionId: 'urgent', priority: 5, osl: 1 });
    const running = await route(tokens(2, 64), { osl: 1 });
    // 4 blocks run and 6 are pinned: 10 are left, and 11 needed.
    const untagged = route(tokens(3, 160), { osl: 1 });
    expect(await settled(untagged)).toBe('waiting');
    expect(await settled(route(tokens(4, 160), { priority: 1, osl: 1 }))).toMatchObject({ worker: 'w0' });
    running.finish(outcomeOf(running));
  });

  it('sends at once under policies that do not bind late', async () => {
    const { route } = rig({ workers: [room], policyName: 'dynamo' });
    for (const topic of [1, 2, 3]) {
      expect(await settled(route(tokens(topic, 300)))).toMatchObject({ worker: 'w0' });
    }
  });
});
