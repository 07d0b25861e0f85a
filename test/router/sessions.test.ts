import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { SessionBook } from '../../src/router/sessions.js';
import { FakeClock } from './support/fake-clock.js';

const blocks = (...names: number[]): BigUint64Array => BigUint64Array.from(names, BigInt);
const none = blocks();

function book(): { sessions: SessionBook; clock: FakeClock } {
  const clock = new FakeClock();
  return { sessions: new SessionBook(clock, 300), clock };
}

describe('sessions', () => {
  it('are known by id, or by the last prompt a new one continues', () => {
    const { sessions } = book();
    const named = sessions.started(undefined, 's', blocks(1, 2), {
      worker: 'a',
      contextBlocks: 3,
      seenBlocks: 0,
      isTagged: false,
    });
    expect(sessions.find('s', none, 0)).toBe(named);
    const unnamed = sessions.started(undefined, undefined, blocks(5, 6), {
      worker: 'b',
      contextBlocks: 3,
      seenBlocks: 0,
      isTagged: false,
    });
    expect(sessions.find(undefined, blocks(5, 6, 7, 8), 3)).toBe(unnamed);
    expect(sessions.find(undefined, blocks(5, 9), 1)).toBeUndefined();
    // The next turn is found at its own last block from now on.
    sessions.started(unnamed, undefined, blocks(5, 6, 7, 8), {
      worker: 'b',
      contextBlocks: 5,
      seenBlocks: 0,
      isTagged: false,
    });
    expect(sessions.find(undefined, blocks(5, 6, 7, 8, 9), 4)).toBe(unnamed);
    expect(sessions.size).toBe(2);
  });

  it('a prompt without a full block and without an id has no session', () => {
    expect(
      book().sessions.started(undefined, undefined, none, {
        worker: 'a',
        contextBlocks: 1,
        seenBlocks: 0,
        isTagged: false,
      }),
    ).toBeUndefined();
  });

  it('live context counts on the home, without the session that asks, until it is idle too long', () => {
    const { sessions, clock } = book();
    const one = sessions.started(undefined, 'one', none, {
      worker: 'a',
      contextBlocks: 10,
      seenBlocks: 0,
      isTagged: false,
    });
    const two = sessions.started(undefined, 'two', none, {
      worker: 'a',
      contextBlocks: 7,
      seenBlocks: 0,
      isTagged: false,
    });
    expect(sessions.live('a', undefined).liveBlocks).toBe(17);
    expect(sessions.live('a', one).liveBlocks).toBe(7);
    if (one === undefined || two === undefined) throw new Error('no session');
    sessions.ended(one, { worker: 'a', outputTokens: 5, contextBlocks: 10 });
    clock.advance(LIMITS.sessionLiveMs + 1);
    expect(sessions.live('a', undefined).liveBlocks).toBe(7);
    sessions.started(one, 'one', none, { worker: 'b', contextBlocks: 11, seenBlocks: 0, isTagged: false });
    expect([sessions.live('a', undefined).liveBlocks, sessions.live('b', undefined).liveBlocks]).toEqual([
      7, 11,
    ]);
    sessions.ended(two, null);
    clock.advance(LIMITS.sessionLiveMs + 1);
    expect([sessions.live('a', undefined).liveBlocks, sessions.live('b', undefined).liveBlocks]).toEqual([
      0, 11,
    ]);
  });

  it('that are over hold no context and are known no more, once nothing of them runs', () => {
    const { sessions } = book();
    const start = () =>
      sessions.started(sessions.named('s'), 's', none, {
        worker: 'a',
        contextBlocks: 10,
        seenBlocks: 0,
        isTagged: false,
      });
    const session = start();
    start();
    if (session === undefined) throw new Error('no session');
    sessions.ended(session, { worker: 'a', outputTokens: 5, contextBlocks: 10 });
    sessions.forget(session);
    expect(sessions.live('a', undefined).liveBlocks).toBe(10);
    sessions.ended(session, { worker: 'a', outputTokens: 5, contextBlocks: 10 });
    sessions.forget(session);
    expect([sessions.live('a', undefined).liveBlocks, sessions.named('s')]).toEqual([0, undefined]);
  });

  it('a side question does not move a long conversation; a second short prompt does', () => {
    const { sessions } = book();
    const session = sessions.started(undefined, 's', none, {
      worker: 'a',
      contextBlocks: 100,
      seenBlocks: 0,
      isTagged: false,
    });
    sessions.started(session, 's', none, { worker: 'b', contextBlocks: 3, seenBlocks: 0, isTagged: false });
    expect(session).toMatchObject({ home: 'a', contextBlocks: 100 });
    sessions.started(session, 's', none, { worker: 'b', contextBlocks: 20, seenBlocks: 0, isTagged: false });
    expect(session).toMatchObject({ home: 'b', contextBlocks: 20 });
    expect([sessions.live('a', undefined).liveBlocks, sessions.live('b', undefined).liveBlocks]).toEqual([
      0, 20,
    ]);
  });

  it('expect the output asked for, else their own mean, else everybody’s, else the default, within the bound', () => {
    const { sessions } = book();
    const session = sessions.started(undefined, 's', none, {
      worker: 'a',
      contextBlocks: 1,
      seenBlocks: 0,
      isTagged: false,
    });
    expect(sessions.expectedOutput(session, {})).toBe(300);
    if (session === undefined) throw new Error('no session');
    sessions.ended(session, { worker: 'a', outputTokens: 40, contextBlocks: 4 });
    expect(sessions.live('a', undefined).liveBlocks).toBe(4);
    expect(sessions.expectedOutput(session, {})).toBe(40);
    expect(sessions.expectedOutput(undefined, {})).toBe(40);
    expect(sessions.expectedOutput(session, { osl: 900 })).toBe(900);
    expect(sessions.expectedOutput(session, { maxTokens: 8 })).toBe(8);
  });

  it('the least recently used go first, and their context with them', () => {
    const { sessions } = book();
    for (let n = 0; n <= LIMITS.sessionsKept; n++) {
      sessions.started(undefined, `s${n}`, none, {
        worker: 'a',
        contextBlocks: 1,
        seenBlocks: 0,
        isTagged: false,
      });
    }
    expect(sessions.size).toBe(LIMITS.sessionsKept);
    expect(sessions.find('s0', none, 0)).toBeUndefined();
    expect(sessions.live('a', undefined).liveBlocks).toBe(LIMITS.sessionsKept);
  });
});
