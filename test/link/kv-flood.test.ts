/** A flood of events through real sockets into the real index, with requests being routed meanwhile. */
import { encode } from '@msgpack/msgpack';
import { expect, it, vi } from 'vitest';
import { XPublisher } from 'zeromq';
import { createKvFeed } from '../../src/link/kv-feed.js';
import { blockSeed, hashBlocks } from '../../src/prompt/hash/block-hash.js';
import { createBlockIndex } from '../../src/router/index/create-index.js';
import { loadPolicy } from '../../src/router/policies/load-policy.js';
import { createRouter } from '../../src/router/router.js';

const BATCHES = 2_000;
const EVENTS_PER_BATCH = 500;
const BLOCK = 4;

/** Events that store and remove by turns, in the positional form; no block is ever stored twice. */
function floodBatch(n: number): Uint8Array {
  const events: unknown[] = [];
  for (let at = 0; at < EVENTS_PER_BATCH; at += 2) {
    const id = n * EVENTS_PER_BATCH + at + 1;
    const stays = at % 10 === 0;
    events.push(['BlockStored', [id], null, [id, 1, 2, 3], BLOCK, null, 'GPU']);
    events.push(stays ? ['BlockRemoved', [id + 2 ** 31], 'GPU'] : ['BlockRemoved', [id], 'GPU']);
  }
  return encode([n, events, 0]);
}

function sequence(n: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(n));
  return bytes;
}

it('a million events: none is lost, and requests are served meanwhile', async () => {
  const batches = Array.from({ length: BATCHES }, (_, n) => floodBatch(n));
  const publisher = new XPublisher({ sendHighWaterMark: 0, linger: 0 });
  await publisher.bind('tcp://127.0.0.1:*');
  const index = createBlockIndex();
  const router = createRouter({ index, policy: loadPolicy('kv') });
  router.addWorker({ id: 'w0', blockTokens: BLOCK, kvBlocks: 0, feed: 'events' });
  router.setEligible('w0', true);
  const gaps: unknown[] = [];
  const feed = createKvFeed({
    worker: 'w0',
    endpoints: { events: publisher.lastEndpoint as string, replay: '', topic: '' },
    blockTokens: BLOCK,
    sink: router.feedSink('w0'),
    observer: { onGap: (gap) => gaps.push(gap) },
  });
  await Promise.all([feed.whenSynced(), publisher.receive()]);

  const localHashes = hashBlocks(
    Uint32Array.from({ length: 400 }, (_, n) => n),
    BLOCK,
    blockSeed({}),
  );
  const request = { promptTokens: 400, blockTokens: BLOCK, localHashes, priority: 0, strictPriority: 0 };
  let served = 0;
  let isFlooded = false;
  const serving = (async () => {
    while (!isFlooded) {
      const requestId = `r${served}`;
      const placement = await router.route({ ...request, requestId }, new AbortController().signal);
      placement.abandon();
      served += 1;
      await new Promise(setImmediate);
    }
  })();
  for (const [n, payload] of batches.entries()) {
    await publisher.send(['', sequence(n), payload]);
    // The publisher is another process in life.
    if (n % 20 === 0) await new Promise(setImmediate);
  }
  await vi.waitFor(() => expect(feed.stats().batches).toBe(BATCHES), { timeout: 50_000, interval: 5 });
  isFlooded = true;
  await serving;

  expect(feed.stats()).toMatchObject({ events: 1_000_000, gaps: 0, resyncs: 0, decodeErrors: 0, ignored: 0 });
  expect(gaps).toEqual([]);
  // Without its time slices the feed lets through a handful: it reads what is there without ever waiting.
  expect(served).toBeGreaterThan(200);
  expect(index.stats()).toMatchObject({ blocks: (BATCHES * EVENTS_PER_BATCH) / 10, refused: 0 });
  await feed.close();
  publisher.close();
});
