import { describe, expect, it } from 'vitest';
import { DynamoError } from '../../src/errors.js';
import { LIMITS } from '../../src/limits.js';
import { createPolledFeed } from '../../src/link/polled-feed.js';
import { FakeClock } from '../router/support/fake-clock.js';

type Answer = unknown[] | Error | Record<string, unknown>;

const stored = (id: number, hash = id + 1) => ({
  event_id: id,
  data: {
    type: 'stored',
    parent_hash: null,
    blocks: [{ block_hash: hash, tokens: [{ token_id: hash }, { token_id: 2 }], cache_level: 0 }],
  },
});
const refusal = (): DynamoError => new DynamoError('engine_error', { worker: 'w0', detail: 'Not Found' });
const lost = (): DynamoError => new DynamoError('engine_lost', { worker: 'w0', detail: 'gone' });

function poll(answers: Answer[]) {
  const clock = new FakeClock();
  const told: string[] = [];
  let asked = 0;
  const feed = createPolledFeed({
    worker: 'w0',
    blockTokens: 2,
    after: (ms, run) => clock.after(ms, run),
    sink: {
      stored: (tier, _parent, hashes) => told.push(`+${tier} ${hashes.join()}`),
      removed: (tier, hashes) => told.push(`-${tier} ${hashes.join()}`),
      cleared: () => told.push('cleared'),
      dropAll: () => told.push('dropped'),
    },
    observer: {
      onGap: ({ expected, got }) => told.push(`gap ${expected} ${got}`),
      onWarning: (code) => told.push(code),
    },
    onUnsupported: (detail) => told.push(`unsupported: ${detail}`),
    poll: async () => {
      asked += 1;
      const answer = answers.shift() ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const rounds = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      await new Promise(setImmediate);
      clock.advance(LIMITS.eventPollMs);
    }
    await new Promise(setImmediate);
  };
  return { feed, told, rounds, clock, asked: () => asked };
}

describe('a feed that has to ask', () => {
  it('asks at once and again, and tells what came in order', async () => {
    const { feed, told, rounds } = poll([[stored(0)], [], [stored(1), stored(2)]]);
    await feed.whenSynced();
    await rounds(2);
    expect(told).toEqual(['+gpu 1', '+gpu 2', '+gpu 3']);
    expect(feed.stats()).toMatchObject({ batches: 2, events: 3, gaps: 0, resyncs: 0 });
    await feed.close();
  });

  it('goes on asking an engine that is down, and drops what it cannot be sure of', async () => {
    const { feed, told, rounds } = poll([[stored(0)], lost(), lost(), lost(), lost(), [stored(7)]]);
    await rounds(6);
    expect(told).toEqual(['+gpu 1', 'dropped', '+gpu 8', 'gap 1 7']);
    expect(feed.stats()).toMatchObject({ gaps: 1, resyncs: 1 });
    await feed.close();
  });

  it('gives up on an engine that refuses three times running, and says so once', async () => {
    const { feed, told, rounds, asked } = poll([
      refusal(),
      { detail: 'events are off' },
      refusal(),
      [stored(0)],
    ]);
    await rounds(6);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^unsupported: .*Not Found/);
    expect(asked()).toBe(3);
    await feed.whenSynced();
  });

  it('asks nothing after it was closed', async () => {
    const { feed, rounds, asked, clock } = poll([]);
    await rounds(1);
    await feed.close();
    const before = asked();
    await rounds(3);
    expect(asked()).toBe(before);
    expect(clock.timers).toBe(0);
  });
});
