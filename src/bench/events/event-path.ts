/** `dynamo bench events`: from an engine's socket to the index, as the stack does it. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKvFeed, type KvFeedStats } from '../../link/kv-feed.js';
import { createBlockIndex } from '../../router/index/create-index.js';
import { loadPolicy } from '../../router/policies/load-policy.js';
import { createRouter } from '../../router/router.js';
import { collectGarbage } from '../quiet.js';
import { type Spread, spread } from '../statistics.js';
import { BLOCK_TOKENS, BLOCKS_PER_ROUND, STEP_BLOCKS, STEPS } from './batches.js';

export interface EventPathResult {
  definition: string;
  /** By the time of all of this process's threads together: what one core can do. */
  blocksPerCpuSecond: Spread;
  /** By the clock, with the socket's own thread beside. */
  blocksPerSecond: Spread;
  blocks: number;
  batches: number;
  feed: KvFeedStats;
  index: { blocks: number; orphans: number; refused: number };
}

/** Rounds before the clock starts: the code is compiled by then, and the cache full. */
const WARM_UP_ROUNDS = 4;

export async function benchEvents(rounds: number): Promise<EventPathResult> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dynamo-events-'));
  const endpoint = `ipc://${folder}/events`;
  const publisher = fork(fileURLToPath(new URL('./publisher-main.js', import.meta.url)), [
    endpoint,
    String(WARM_UP_ROUNDS + rounds),
  ]);
  try {
    await listening(publisher);
    return await follow(endpoint, rounds);
  } finally {
    publisher.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Mark {
  ms: number;
  cpuMs: number;
}

async function follow(endpoint: string, rounds: number): Promise<EventPathResult> {
  const index = createBlockIndex();
  const router = createRouter({ index, policy: loadPolicy('kv') });
  router.addWorker({ id: 'w0', blockTokens: BLOCK_TOKENS, kvBlocks: 0, feed: 'events' });
  collectGarbage();
  const marks: Mark[] = [];
  let batches = 0;
  let done: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  const feed = createKvFeed({
    worker: 'w0',
    endpoints: { events: endpoint, replay: '', topic: '' },
    blockTokens: BLOCK_TOKENS,
    sink: router.feedSink('w0'),
    observer: {
      onBatch: () => {
        batches += 1;
        if (batches % STEPS !== 0) return;
        marks.push(mark());
        if (marks.length === WARM_UP_ROUNDS + rounds) done();
      },
    },
  });
  await finished;
  const stats = feed.stats();
  await feed.close();
  const timed = marks.slice(WARM_UP_ROUNDS - 1);
  const rate = (part: keyof Mark): Spread =>
    spread(
      timed.slice(1).map((end, n) => (BLOCKS_PER_ROUND * 1_000) / (end[part] - (timed[n] as Mark)[part])),
    );
  const { blocks, orphans, refused } = index.stats();
  return {
    definition: `vLLM's batches of ${STEP_BLOCKS} blocks of ${BLOCK_TOKENS} tokens stored and as many removed one by one, msgpack over ipc from another process; read, hashed, in the index and in what the router remembers for misses`,
    blocksPerCpuSecond: rate('cpuMs'),
    blocksPerSecond: rate('ms'),
    blocks: BLOCKS_PER_ROUND * rounds,
    batches: STEPS * rounds,
    feed: stats,
    index: { blocks, orphans, refused },
  };
}

function mark(): Mark {
  const { user, system } = process.cpuUsage();
  return { ms: performance.now(), cpuMs: (user + system) / 1_000 };
}

/** Resolves when its socket is bound, so that a subscription finds it. */
function listening(publisher: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    publisher.once('message', () => resolve());
    publisher.once('error', reject);
    publisher.once('exit', (code) => reject(new Error(`the publisher of the benchmark ended with ${code}`)));
  });
}
