import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdmissionQueue, type Hold } from '../../src/router/queue.js';
import { DEFAULT_SETTINGS } from '../../src/router/settings.js';
import type { RouteInput } from '../../src/router/types.js';
import { FakeClock } from './support/fake-clock.js';
import { input } from './support/rig.js';

interface Sent {
  id: string;
}

function queue(queueMax = 100): {
  queue: AdmissionQueue<Sent>;
  clock: FakeClock;
  sent: string[];
  enter(id: string, more?: Partial<RouteInput>, signal?: AbortSignal): Promise<Sent>;
  state: { places: number; hold: Hold };
} {
  const clock = new FakeClock();
  const sent: string[] = [];
  const state: { places: number; hold: Hold } = { places: 0, hold: 'busy' };
  const made = new AdmissionQueue<Sent>(
    clock,
    { ...DEFAULT_SETTINGS, queueMax },
    {
      attempt: ({ requestId }) => {
        if (state.places === 0) return state.hold;
        state.places -= 1;
        sent.push(requestId);
        return { id: requestId };
      },
      isHeldBack: () => false,
      workMs: ({ promptTokens }) => promptTokens,
      retryAfterSeconds: (waiting) => waiting + 1,
      detail: (hold) => `because ${hold}`,
    },
  );
  const enter = (
    id: string,
    more: Partial<RouteInput> = {},
    signal = new AbortController().signal,
  ): Promise<Sent> => {
    const promise = made.enter(input([], { requestId: id, ...more }), signal);
    promise.catch(() => {});
    return promise;
  };
  return { queue: made, clock, sent, enter, state };
}

describe('admission queue', () => {
  it('sends at once what can be sent', async () => {
    const { enter, state, queue: made } = queue();
    state.places = 1;
    expect(await enter('a')).toEqual({ id: 'a' });
    expect(made.size).toBe(0);
  });

  it('goes by strict priority, priority, arrival', () => {
    const request = fc.record({ strictPriority: fc.nat(2), priority: fc.integer({ min: -2, max: 2 }) });
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 20 }), (requests) => {
        const { enter, state, queue: made, sent } = queue();
        requests.forEach((one, n) => void enter(String(n), one));
        expect(made.size).toBe(requests.length);
        state.places = requests.length;
        made.pump();
        const wanted = requests
          .map((one, n) => ({ ...one, n }))
          .sort((a, b) => b.strictPriority - a.strictPriority || b.priority - a.priority || a.n - b.n);
        expect(sent).toEqual(wanted.map(({ n }) => String(n)));
      }),
    );
  });

  it('a later equal does not overtake; a more important one does', async () => {
    const { enter, state, sent, queue: made } = queue();
    void enter('first');
    state.places = 1;
    void enter('second');
    expect(sent).toEqual(['first']);
    state.places = 1;
    await enter('urgent', { priority: 1 });
    expect(sent).toEqual(['first', 'urgent']);
    expect(made.size).toBe(1);
  });

  it('refuses over its bound with a time to come back', async () => {
    const { enter } = queue(2);
    void enter('a');
    void enter('b');
    await expect(enter('c')).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 3, status: 529 });
  });

  it('gives a place in a full queue to who is more important, and refuses who came last of the others', async () => {
    const { enter, state, sent, queue: made } = queue(2);
    const [a, b] = [enter('a'), enter('b', { priority: -1 })];
    const urgent = enter('urgent', { priority: 1 });
    await expect(b).rejects.toMatchObject({ code: 'overloaded' });
    await expect(enter('c')).rejects.toMatchObject({ code: 'overloaded' });
    const first = enter('first', { strictPriority: 1 });
    await expect(a).rejects.toMatchObject({ code: 'overloaded' });
    await expect(enter('late', { priority: 1 })).rejects.toMatchObject({ code: 'overloaded' });
    state.places = 2;
    made.pump();
    await Promise.all([first, urgent]);
    expect(sent).toEqual(['first', 'urgent']);
    expect(made.size).toBe(0);
  });

  it('each reason has its own patience, counted from when it began', async () => {
    const { enter, clock, state, queue: made } = queue();
    state.hold = 'not_ready';
    const starting = enter('starting');
    clock.advance(DEFAULT_SETTINGS.readyWaitMs - 1);
    expect(made.size).toBe(1);
    state.hold = 'busy';
    made.pump();
    clock.advance(DEFAULT_SETTINGS.queueWaitMs - 1);
    expect(made.size).toBe(1);
    clock.advance(1);
    await expect(starting).rejects.toMatchObject({ code: 'overloaded' });
    state.hold = 'not_ready';
    const never = enter('never');
    clock.advance(DEFAULT_SETTINGS.readyWaitMs);
    await expect(never).rejects.toMatchObject({ code: 'not_ready', fields: { detail: 'because not_ready' } });
    expect(clock.timers).toBe(0);
  });

  it('an aborted request leaves, and leaves nothing behind', async () => {
    const { enter, clock, state, sent, queue: made } = queue();
    const abort = new AbortController();
    const gone = enter('gone', {}, abort.signal);
    const stays = enter('stays');
    abort.abort();
    await expect(gone).rejects.toMatchObject({ code: 'client_closed' });
    state.places = 1;
    made.pump();
    expect(await stays).toEqual({ id: 'stays' });
    expect([sent, made.size, clock.timers]).toEqual([['stays'], 0, 0]);
    await expect(enter('late', {}, abort.signal)).rejects.toMatchObject({ code: 'client_closed' });
  });
});
