/** KV events over real sockets: as vLLM sends them, in order, and again for who missed some. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { decode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Dealer, Subscriber } from 'zeromq';
import type { CoreKvEvent } from '../../../src/engines/embedded/types.js';
import { EventPublisher } from '../../../src/engines/events/publisher.js';
import { ReplayBuffer } from '../../../src/engines/events/replay-buffer.js';
import type { EventEndpoints } from '../../../src/plan/types.js';

type Batch = [seconds: number, events: Record<string, unknown>[], rank: number];

const recorded = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../../fixtures/vllm/kv-events.json'), 'utf8'),
) as { int: Record<string, string[][]> };

function recordedBatch(name: string, at = 0): Batch {
  const frames = recorded.int[name]?.[at] as string[];
  return batchOf(Buffer.from(frames[2] as string, 'base64'));
}

function batchOf(payload: Uint8Array): Batch {
  return decode(payload, { useBigInt64: true }) as Batch;
}

let dir: string;
let endpoints: EventEndpoints;
let publisher: EventPublisher;
let subscriber: Subscriber;

beforeEach(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-events-'));
  endpoints = { events: `ipc://${dir}/events`, replay: `ipc://${dir}/replay`, topic: 'kv@w0' };
  publisher = await EventPublisher.open(endpoints);
  subscriber = new Subscriber({ receiveHighWaterMark: 0, linger: 0, receiveTimeout: 5_000 });
  subscriber.subscribe('');
  subscriber.connect(endpoints.events);
  await connected();
});

afterEach(async () => {
  subscriber.close();
  await publisher.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A PUB socket forgets what it sends before it knows of its subscriber, so it is asked until one batch came. */
async function connected(): Promise<void> {
  subscriber.receiveTimeout = 50;
  for (;;) {
    publisher.publish([{ type: 'cleared' }]);
    if (await subscriber.receive().catch(() => null)) break;
  }
  while (await subscriber.receive().catch(() => null));
  subscriber.receiveTimeout = 5_000;
}

function stored(first: number, fields: Partial<Extract<CoreKvEvent, { type: 'stored' }>> = {}): CoreKvEvent {
  const tokens = Uint32Array.from({ length: 128 }, (_, at) => first + at);
  const hashes = [0xffff_ffff_ffff_fff0n, 7n];
  return {
    type: 'stored',
    hashes,
    parent: null,
    tokens,
    blockTokens: 64,
    salt: '',
    medium: 'GPU',
    ...fields,
  };
}

async function received(): Promise<{ topic: string; sequence: bigint; batch: Batch }> {
  const [topic, sequence, payload] = (await subscriber.receive()) as [Buffer, Buffer, Buffer];
  return { topic: topic.toString(), sequence: sequence.readBigUInt64BE(), batch: batchOf(payload) };
}

/** Every frame of every answer to a replay from `first`. */
async function replay(first: bigint): Promise<Buffer[][]> {
  const dealer = new Dealer({ linger: 0, receiveTimeout: 5_000 });
  dealer.connect(endpoints.replay);
  const start = Buffer.alloc(8);
  start.writeBigUInt64BE(first);
  await dealer.send([Buffer.alloc(0), start]);
  const answers: Buffer[][] = [];
  while (answers.at(-1)?.[2]?.readBigInt64BE() !== -1n) answers.push(await dealer.receive());
  dealer.close();
  return answers;
}

describe('a batch', () => {
  it.each<[string, CoreKvEvent, Record<string, unknown>]>([
    [
      '1-prompt',
      stored(5),
      { block_hashes: [0xffff_ffff_ffff_fff0n, 7n], parent_block_hash: null, extra_keys: [null, null] },
    ],
    ['3-extension', stored(5, { parent: 9n }), { parent_block_hash: 9n }],
    ['5-cache-salt', stored(5, { salt: 'tenant-a' }), { extra_keys: [['tenant-a'], null] }],
  ])("has the fields of vLLM's %s, in their order", async (name, event, fields) => {
    publisher.publish([event]);
    const { topic, batch } = await received();
    const [seconds, [sent], rank] = batch;
    const [, [expected]] = recordedBatch(name);
    expect(topic).toBe('kv@w0');
    expect(rank).toBe(0);
    expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(60);
    expect(Object.keys(sent ?? {})).toEqual(Object.keys(expected ?? {}));
    expect(sent).toMatchObject({
      ...fields,
      type: 'BlockStored',
      block_size: 64,
      token_ids: Array.from({ length: 128 }, (_, at) => 5 + at),
    });
    const constant = ['type', 'lora_id', 'lora_name', 'medium', 'group_idx', 'kv_cache_spec_kind'];
    for (const key of constant) expect(sent?.[key]).toEqual(expected?.[key]);
  });

  it('keeps removals and stores in the order they happened; a salted continuation names no salt', async () => {
    publisher.publish([
      { type: 'removed', hashes: [3n, 2n], medium: 'GPU' },
      stored(5, { parent: 1n, salt: 'tenant-a' }),
      { type: 'cleared' },
    ]);
    const [, [removed, next, cleared]] = (await received()).batch;
    const [, [expected]] = recordedBatch('7-eviction');
    expect(Object.keys(removed ?? {})).toEqual(Object.keys(expected ?? {}));
    expect(removed).toEqual({ type: 'BlockRemoved', block_hashes: [3n, 2n], medium: 'GPU', group_idx: 0 });
    expect(next?.['extra_keys']).toEqual([null, null]);
    expect(cleared).toEqual(recordedBatch('8-reset')[1][0]);
  });

  it('is never lost in a burst, and numbered without gaps', async () => {
    const count = 3_000;
    for (let at = 0; at < count; at += 1) publisher.publish([stored(at)]);
    const first = (await received()).sequence;
    for (let at = 1; at < count; at += 1) {
      const { sequence, batch } = await received();
      expect(sequence).toBe(first + BigInt(at));
      expect((batch[1][0]?.['token_ids'] as number[])[0]).toBe(at);
    }
  });
});

describe('a replay', () => {
  it('gives what was kept from a number on, then the end, to each who asks', async () => {
    publisher.publish([stored(1)]);
    const { sequence } = await received();
    publisher.publish([stored(2)]);
    const [first, second] = await Promise.all([replay(sequence), replay(0n)]);
    expect(first).toHaveLength(3);
    const [empty, topic, number, payload] = first?.[0] as Buffer[];
    expect([empty?.length, topic?.toString(), number?.readBigUInt64BE()]).toEqual([0, 'kv@w0', sequence]);
    expect((batchOf(payload as Buffer)[1][0]?.['token_ids'] as number[])[0]).toBe(1);
    expect(first?.at(-1)?.map((frame) => frame.toString('hex'))).toEqual(['', '', 'ffffffffffffffff', '']);
    expect(second).toHaveLength(Number(sequence) + 3);
  });

  it('from the future is only the end, and nonsense is not answered but does no harm', async () => {
    expect(await replay(1_000_000n)).toHaveLength(1);
    expect(await replay(2n ** 64n - 1n)).toHaveLength(1);
    const dealer = new Dealer({ linger: 0 });
    dealer.connect(endpoints.replay);
    await dealer.send([Buffer.from('nonsense')]);
    await dealer.send([]);
    dealer.close();
    expect((await replay(0n)).length).toBeGreaterThan(0);
  });
});

describe('sockets', () => {
  it('are removed at the end; those of a dead process do not stop a new one', async () => {
    expect(existsSync(`${dir}/events`)).toBe(true);
    await publisher.close();
    expect([existsSync(`${dir}/events`), existsSync(`${dir}/replay`)]).toEqual([false, false]);
    writeFileSync(`${dir}/events`, '');
    publisher = await EventPublisher.open(endpoints);
    expect(await replay(0n)).toHaveLength(1);
  });

  it('that cannot be bound are told with their address', async () => {
    const wrong = { ...endpoints, events: `ipc://${dir}/missing/events` };
    await expect(EventPublisher.open(wrong)).rejects.toThrow(`${dir}/missing/events`);
  });

  it('may be TCP', async () => {
    const free = { events: 'tcp://127.0.0.1:*', replay: 'tcp://127.0.0.1:*', topic: '' };
    const other = await EventPublisher.open(free);
    await other.close();
  });
});

describe('the batches kept', () => {
  it('are the last ones, by number, whatever the capacity', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.nat(60),
        fc.bigInt(0n, 80n),
        (capacity, count, first) => {
          const buffer = new ReplayBuffer(capacity);
          for (let at = 0; at < count; at += 1) expect(buffer.add(Uint8Array.of(at))).toBe(at);
          const all = Array.from({ length: count }, (_, at) => at);
          const expected = all.filter((at) => at >= count - capacity && BigInt(at) >= first);
          expect([...buffer.from(first)].map(({ sequence }) => sequence)).toEqual(expected);
          expect([...buffer.from(first)].map(({ payload }) => payload[0])).toEqual(expected);
        },
      ),
    );
  });

  it('may be pushed out while they are read', () => {
    const buffer = new ReplayBuffer(3);
    for (let at = 0; at < 3; at += 1) buffer.add(Uint8Array.of(at));
    const reading = buffer.from(0n);
    expect(reading.next().value).toMatchObject({ sequence: 0 });
    for (let at = 3; at < 6; at += 1) buffer.add(Uint8Array.of(at));
    expect([...reading].map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
  });
});
