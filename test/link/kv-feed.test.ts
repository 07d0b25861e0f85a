/** The feed against real ZMQ sockets that behave like an engine's publisher and replay socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { encode } from '@msgpack/msgpack';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Router, XPublisher } from 'zeromq';
import { createKvFeed, type KvFeed, type KvFeedOptions } from '../../src/link/kv-feed.js';
import { batchOf } from '../../src/link/kv-replay.js';
import type { EventEndpoints } from '../../src/plan/types.js';
import { blockSeed, hashBlocks } from '../../src/prompt/hash/block-hash.js';
import { createBlockIndex } from '../../src/router/index/create-index.js';
import { loadPolicy } from '../../src/router/policies/load-policy.js';
import { createRouter } from '../../src/router/router.js';
import { kvBatches, kvReplay } from './support/fixtures.js';

type Framing = 'topic' | 'plain' | 'bare';

/** Publishes on loopback, keeps the last `bufferMax` batches, answers replays in one of the known framings. */
class ZmqEngine {
  readonly #topic: string;
  readonly #framing: Framing;
  readonly #bufferMax: number;
  #publisher = new XPublisher({ sendHighWaterMark: 0, linger: 0 });
  #router = new Router({ sendHighWaterMark: 0, linger: 0 });
  #serving: Promise<void> = Promise.resolve();
  #buffer: [Buffer, Buffer][] = [];
  replays = 0;

  constructor(options: { topic?: string; framing?: Framing; bufferMax?: number } = {}) {
    this.#topic = options.topic ?? '';
    this.#framing = options.framing ?? 'topic';
    this.#bufferMax = options.bufferMax ?? 10_000;
  }

  get endpoints(): EventEndpoints {
    return {
      events: this.#publisher.lastEndpoint as string,
      replay: this.#router.lastEndpoint as string,
      topic: this.#topic,
    };
  }

  async start(
    at: { events: string; replay: string } = { events: 'tcp://127.0.0.1:*', replay: 'tcp://127.0.0.1:*' },
  ): Promise<this> {
    await this.#publisher.bind(at.events);
    await this.#router.bind(at.replay);
    this.#serving = this.#serve();
    return this;
  }

  /** Keeps a batch for replay and, unless it is to be lost, publishes it. */
  async publish(sequence: number, payload: Uint8Array, isLost = false): Promise<void> {
    const number = Buffer.alloc(8);
    number.writeBigUInt64BE(BigInt(sequence));
    this.#buffer = [...this.#buffer, [number, Buffer.from(payload)] as [Buffer, Buffer]].slice(
      -this.#bufferMax,
    );
    if (!isLost) await this.#publisher.send([this.#topic, number, payload]);
  }

  /** Resolves once somebody's subscription is in: what is published before is lost, as ZMQ has it. */
  async subscribed(): Promise<void> {
    await this.#publisher.receive();
  }

  async close(): Promise<void> {
    this.#publisher.close();
    this.#router.close();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    for await (const [id, ...rest] of this.#router) {
      this.replays += 1;
      const start = (rest.at(-1) as Buffer).readBigUInt64BE();
      for (const [number, payload] of this.#buffer) {
        if (number.readBigUInt64BE() >= start)
          await this.#router.send([id as Buffer, ...this.#frames(number, payload)]);
      }
      await this.#router.send([id as Buffer, ...this.#frames(Buffer.alloc(8, 255), Buffer.alloc(0))]);
    }
  }

  #frames(number: Buffer, payload: Buffer): Buffer[] {
    const empty = Buffer.alloc(0);
    if (this.#framing === 'bare') return [number, payload];
    return this.#framing === 'plain'
      ? [empty, number, payload]
      : [empty, Buffer.from(this.#topic), number, payload];
  }
}

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function engine(options: ConstructorParameters<typeof ZmqEngine>[0] = {}): Promise<ZmqEngine> {
  const started = await new ZmqEngine(options).start();
  open.push(started);
  return started;
}

interface Followed {
  feed: KvFeed;
  /** What the sink was told, in words. */
  told: string[];
  warnings: string[];
  gaps: { expected: number; got: number; isFilled: boolean }[];
}

function follow(endpoints: EventEndpoints, options: Partial<KvFeedOptions> = {}): Followed {
  const told: string[] = [];
  const warnings: string[] = [];
  const gaps: Followed['gaps'] = [];
  const feed = createKvFeed({
    worker: 'w0',
    endpoints,
    blockTokens: 2,
    replaySilenceMs: 300,
    sink: {
      stored: (tier, parent, engineHashes, localHashes) => {
        expect(localHashes).toHaveLength(engineHashes.length);
        told.push(`+${tier} ${parent ?? 'root'} ${engineHashes.join(',')}`);
      },
      removed: (tier, hashes) => told.push(`-${tier} ${hashes.join(',')}`),
      cleared: () => told.push('cleared'),
      dropAll: () => told.push('dropped'),
    },
    observer: { onGap: (gap) => gaps.push(gap), onWarning: (_code, message) => warnings.push(message) },
    ...options,
  });
  open.push(feed);
  return { feed, told, warnings, gaps };
}

let clock = 0;
const batch = (...events: unknown[]): Uint8Array => {
  clock += 1;
  return encode([clock, events, 0], { useBigInt64: true });
};
const store = (hash: number, parent: number | null = null): Uint8Array =>
  batch({
    type: 'BlockStored',
    block_hashes: [hash],
    parent_block_hash: parent,
    token_ids: [hash, 1],
    block_size: 2,
    medium: 'GPU',
  });
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5_000, interval: 5 });

describe('KV feed', () => {
  it.each([['int'], ['bytes']] as const)('follows a real vLLM’s batches, %s hashes', async (form) => {
    const topic = form === 'bytes' ? 'kv@ev32@tiny' : '';
    const vllm = await engine({ topic });
    const { feed, told } = follow(vllm.endpoints, { blockTokens: form === 'int' ? 128 : 32 });
    await feed.whenSynced();
    const names = [
      '1-prompt',
      '3-extension',
      '4-decode-fills-blocks',
      '5-cache-salt',
      '6-session-id',
      '7-eviction',
      '8-reset',
    ];
    const batches = names.flatMap((name) => kvBatches(form, name));
    for (const frames of batches) {
      const raw = batchOf(frames);
      if (raw !== null) await vllm.publish(raw.sequence, raw.payload);
    }
    await until(() => expect(feed.stats().batches).toBe(batches.length));
    expect(feed.stats()).toMatchObject({ gaps: 0, resyncs: 0, decodeErrors: 0, ignored: 0 });
    // The prompt after the reset fills blocks of 32 tokens, none of 128.
    const afterReset = told.slice(told.indexOf('cleared') + 1);
    expect(afterReset.map((line) => line.slice(0, 9))).toEqual(form === 'int' ? [] : ['+gpu root']);
    const removed = told.filter((line) => line.startsWith('-gpu')).flatMap((line) => line.split(','));
    expect(removed.length).toBeGreaterThan(10);
    // Each parent was told before its child.
    const known = new Set<string>();
    for (const line of told) {
      const [sign, parent, hashes] = line.split(' ');
      if (sign !== '+gpu') continue;
      if (parent !== 'root') expect(known).toContain(parent);
      for (const hash of (hashes as string).split(',')) known.add(hash);
    }
  });

  it('an engine that has published before is caught up with, in every replay framing', async () => {
    for (const framing of ['topic', 'plain', 'bare'] as const) {
      const late = await engine({ framing });
      await late.publish(0, store(1));
      await late.publish(1, store(2, 1));
      const { feed, told } = follow(late.endpoints);
      await feed.whenSynced();
      expect(told).toEqual(['+gpu root 1', '+gpu 1 2']);
    }
  });

  it('engines that connect instead of being connected to are heard, and heard again after a restart', async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-feed-'));
    const events = `ipc://${dir}/in`;
    const { feed, told, warnings } = follow({ events, replay: '', topic: 'kv@pod', isBound: true });
    /** As llm-d's simulator does: topic `kv@POD@MODEL`, numbers from 0 in each run. */
    const run = async (batches: Uint8Array[]): Promise<void> => {
      const publisher = new XPublisher({ sendHighWaterMark: 0, linger: 1_000 });
      publisher.connect(events);
      await publisher.receive();
      for (const [number, payload] of batches.entries()) {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64BE(BigInt(number));
        await publisher.send(['kv@pod@model', bytes, payload]);
      }
      const expected = feed.stats().batches + batches.length;
      await until(() => expect(feed.stats().batches).toBe(expected));
      publisher.close();
    };
    await run([store(1), store(2, 1)]);
    await run([store(3)]);
    // Dropped for the connection that nobody can ask about, and again for the numbers.
    expect(told).toEqual(['+gpu root 1', '+gpu 1 2', 'dropped', 'dropped', '+gpu root 3']);
    expect(warnings).toEqual([]);
    await feed.close();
    rmSync(dir, { recursive: true });
  });

  it('an engine that starts later is picked up', async () => {
    // Files of our own: a free port could be taken by another test before the engine binds it.
    const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-feed-'));
    const at = (name: string) => `ipc://${path.join(dir, name)}`;
    const { told } = follow({ events: at('events'), replay: at('replay'), topic: '' });
    const started = await new ZmqEngine().start({ events: at('events'), replay: at('replay') });
    open.push(started);
    await started.publish(0, store(1));
    await until(() => expect(told).toEqual(['+gpu root 1']));
    rmSync(dir, { recursive: true, force: true });
  });

  it('a lost batch is asked for again and told as a filled gap', async () => {
    const lossy = await engine();
    const { feed, told, gaps } = follow(lossy.endpoints);
    await feed.whenSynced();
    await lossy.publish(0, store(1));
    await lossy.publish(1, store(2, 1), true);
    await lossy.publish(2, store(3, 2));
    await until(() => expect(told).toEqual(['+gpu root 1', '+gpu 1 2', '+gpu 2 3']));
    expect(gaps).toEqual([{ expected: 1, got: 2, isFilled: true }]);
  });

  it('a gap beyond the buffer drops the worker’s blocks and goes on', async () => {
    const lossy = await engine({ bufferMax: 1 });
    const { feed, told, gaps } = follow(lossy.endpoints);
    await feed.whenSynced();
    await lossy.publish(0, store(1));
    await until(() => expect(told).toHaveLength(1));
    await lossy.publish(1, store(2, 1), true);
    await lossy.publish(2, store(3));
    await until(() => expect(told).toEqual(['+gpu root 1', 'dropped', '+gpu root 3']));
    expect(gaps).toEqual([{ expected: 1, got: 2, isFilled: false }]);
    expect(feed.stats()).toMatchObject({ gaps: 1, resyncs: 1 });
  });

  it('a gap without any replay socket drops too', async () => {
    const lossy = await engine();
    const { feed, told, gaps } = follow({ ...lossy.endpoints, replay: '' });
    await Promise.all([feed.whenSynced(), lossy.subscribed()]);
    await lossy.publish(0, store(1));
    await lossy.publish(2, store(3));
    await until(() => expect(told).toEqual(['+gpu root 1', 'dropped', '+gpu root 3']));
    expect(gaps).toEqual([{ expected: 1, got: 2, isFilled: false }]);
  });

  it('an engine that starts anew voids what was known', async () => {
    const first = await new ZmqEngine().start();
    const { endpoints } = first;
    const { feed, told } = follow(endpoints);
    await feed.whenSynced();
    await first.publish(0, store(1));
    await first.publish(1, store(2, 1));
    await until(() => expect(told).toHaveLength(2));
    await first.close();
    const second = await new ZmqEngine().start(endpoints);
    open.push(second);
    await second.subscribed();
    await second.publish(0, store(7));
    await until(() => expect(told).toEqual(['+gpu root 1', '+gpu 1 2', 'dropped', '+gpu root 7']));
    expect(feed.stats().resyncs).toBe(1);
  });

  it('what cannot be read is counted and said once, and the feed goes on', async () => {
    const odd = await engine();
    const { feed, told, warnings } = follow(odd.endpoints);
    await feed.whenSynced();
    await odd.publish(0, Buffer.from([0xc1]));
    await odd.publish(1, Buffer.from('garbage'));
    await odd.publish(
      2,
      batch({ type: 'Tomorrow' }, { type: 'Tomorrow' }, ['BlockStored', ['x'], null, [1, 2], 2]),
    );
    await odd.publish(3, batch(['BlockStored', [4], null, [1, 2, 3], 3]));
    await odd.publish(4, store(1));
    await until(() => expect(told).toEqual(['+gpu root 1']));
    expect(feed.stats()).toMatchObject({ decodeErrors: 3, ignored: 3 });
    expect(warnings).toHaveLength(3);
    expect(warnings.join()).toContain('Tomorrow');
  });

  it('loses nothing in a burst of 20,000 batches', async () => {
    const busy = await engine({ bufferMax: 1 });
    const { feed, gaps } = follow(busy.endpoints);
    await feed.whenSynced();
    const payload = batch();
    for (let n = 0; n < 20_000; n++) await busy.publish(n, payload);
    await until(() => expect(feed.stats().batches).toBe(20_000));
    expect(gaps).toEqual([]);
  });

  it('closes while a replay is unanswered, and twice', async () => {
    const mute = await engine();
    const { feed } = follow({ ...mute.endpoints, replay: 'tcp://127.0.0.1:9' }, { replaySilenceMs: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await feed.close();
    await feed.close();
    await feed.whenSynced();
  });
});

describe('feed and router together', () => {
  it('the router finds a recorded prompt, its extension, and nothing after the reset', async () => {
    const vllm = await engine();
    const router = createRouter({ index: createBlockIndex(), policy: loadPolicy('kv') });
    router.addWorker({ id: 'w0', blockTokens: 128, kvBlocks: 16, feed: 'events' });
    router.setEligible('w0', true);
    const { feed } = follow(vllm.endpoints, { blockTokens: 128, sink: router.feedSink('w0') });
    await feed.whenSynced();
    const blocksOf = (count: number): number => {
      const tokens = Uint32Array.from({ length: count }, (_, n) => 1000 + n);
      const localHashes = hashBlocks(tokens, 128, blockSeed({}));
      const input = {
        requestId: 'r',
        promptTokens: count,
        blockTokens: 128,
        localHashes,
        priority: 0,
        strictPriority: 0,
      };
      return router.score(input)[0]?.overlap.gpu ?? -1;
    };
    const held: number[] = [];
    for (const name of ['1-prompt', '3-extension', '8-reset']) {
      for (const frames of kvBatches('int', name)) {
        const published = feed.stats().batches;
        await vllm.publish(published, frames[2] as Buffer);
        await until(() => expect(feed.stats().batches).toBe(published + 1));
      }
      held.push(blocksOf(600));
    }
    expect(held).toEqual([2, 4, 0]);
  });
});

describe('replay answers of a real vLLM', () => {
  it('end with number -1 behind empty frames', () => {
    const [last, end] = kvReplay('from_0');
    expect(batchOf(last as Buffer[])?.sequence).toBeGreaterThan(0);
    expect(batchOf(end as Buffer[])).toMatchObject({ sequence: -1 });
    expect(kvReplay('from_the_future').map((frames) => batchOf(frames)?.sequence)).toEqual([-1]);
  });
});
