import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KvEvent, StoredEvent } from '../../src/link/kv-event.js';
import { decodeBatch, engineHash } from '../../src/link/kv-events.js';
import { kvBatches } from './support/fixtures.js';

const payload = (form: 'int' | 'bytes', name: string): Buffer => kvBatches(form, name)[0]?.[2] as Buffer;
const batch = (...events: unknown[]): Uint8Array => encode([1.5, events, 0], { useBigInt64: true });

function stored(event: KvEvent | undefined): StoredEvent {
  if (event?.type !== 'stored') throw new Error(`not a store: ${event?.type}`);
  return event;
}

describe('recorded batches', () => {
  it('a prompt: root, full blocks, unsigned hashes beyond 2^53', () => {
    const { events, timestamp, unreadable } = decodeBatch(payload('int', '1-prompt'));
    const event = stored(events[0]);
    expect([events.length, unreadable]).toEqual([1, 0]);
    expect(timestamp).toBeGreaterThan(1.7e9);
    expect(event).toMatchObject({
      parent: null,
      blockTokens: 128,
      medium: 'GPU',
      group: 0,
      kind: 'full_attention',
      loraName: null,
    });
    expect(event.hashes).toHaveLength(2);
    expect(event.hashes.every((hash) => hash > 2n ** 53n && hash < 2n ** 64n)).toBe(true);
    expect([...event.tokens.subarray(0, 3), event.tokens.length]).toEqual([1000, 1001, 1002, 256]);
  });

  it('32-byte hashes become their last 8 bytes, the same in stores, parents and removals', () => {
    const first = stored(decodeBatch(payload('bytes', '1-prompt')).events[0]);
    const next = stored(decodeBatch(payload('bytes', '3-extension')).events[0]);
    expect(first.hashes[0]).toBe(0xd0f10cad6e0ec692n);
    expect(next.parent).toBe(first.hashes.at(-1));
    const evicted = kvBatches('bytes', '7-eviction').flatMap(
      (frames) => decodeBatch(frames[2] as Buffer).events,
    );
    const known = new Set(evicted.flatMap((event) => (event.type === 'stored' ? [...event.hashes] : [])));
    const removed = evicted.flatMap((event) => (event.type === 'removed' ? [...event.hashes] : []));
    expect(removed.length).toBeGreaterThan(10);
    expect(removed.some((hash) => known.has(hash))).toBe(true);
  });

  it('a reset is a clear followed by the next store', () => {
    expect(decodeBatch(payload('bytes', '8-reset')).events.map((event) => event.type)).toEqual([
      'cleared',
      'stored',
    ]);
  });

  it('a salt is told with the first block', () => {
    expect(stored(decodeBatch(payload('int', '5-cache-salt')).events[0]).extraKeys).toEqual([
      ['tenant-a'],
      null,
    ]);
  });
});

describe('other forms', () => {
  it('positional events with trailing fields left out', () => {
    const { events } = decodeBatch(
      batch(
        ['BlockStored', [7], null, [1, 2], 2],
        ['BlockRemoved', [7], 'CPU'],
        ['AllBlocksCleared'],
        ['Later', 1],
      ),
    );
    expect(stored(events[0])).toMatchObject({
      hashes: BigUint64Array.of(7n),
      parent: null,
      blockTokens: 2,
      medium: null,
      group: null,
      extraKeys: [],
    });
    expect(events.slice(1)).toEqual([
      { type: 'removed', hashes: BigUint64Array.of(7n), told: 1, medium: 'CPU', group: null },
      { type: 'cleared' },
      { type: 'unknown', name: 'Later' },
    ]);
  });

  it('signed hashes are the same unsigned ones, byte strings their last 64 bits; 0 gets another name everywhere', () => {
    const signed = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(fc.oneof(signed, fc.bigInt({ min: -300n, max: 300n })), (hash) => {
        const unsigned = BigInt.asUintN(64, hash);
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64BE(unsigned);
        const forms = [hash, unsigned, bytes, Buffer.concat([Buffer.alloc(24, 9), bytes])];
        if (hash === BigInt.asIntN(32, hash)) forms.push(Number(hash) as unknown as bigint);
        const { events } = decodeBatch(batch(['BlockRemoved', forms]));
        const name = engineHash(hash);
        expect(events).toMatchObject([{ hashes: BigUint64Array.from(forms, () => name) }]);
        expect(name === unsigned).toBe(unsigned !== 0n);
        const parents = forms.map((parent) => ['BlockStored', [5], parent, [1], 1]);
        expect(decodeBatch(batch(...parents)).events.map((event) => stored(event).parent)).toEqual(
          forms.map(() => name),
        );
      }),
    );
    expect(engineHash(0n)).not.toBe(0n);
  });

  it('removals that follow each other on one medium become one, however their hashes are written', () => {
    const removal = (hash: unknown, medium = 'GPU'): unknown => ({
      type: 'BlockRemoved',
      block_hashes: Array.isArray(hash) ? hash : [hash],
      medium,
      group_idx: 0,
    });
    const long = Buffer.alloc(32, 7);
    const store = ['BlockStored', [9], null, [1], 1];
    const cases: [unknown[], (string | bigint)[][]][] = [
      [
        [removal(2n ** 63n), removal(2n ** 62n), removal(3), removal([4, 5]), removal(2n ** 61n)],
        [[5n, 'GPU', 2n ** 63n, 2n ** 62n, 3n, 4n, 5n, 2n ** 61n]],
      ],
      [
        [removal(2n ** 63n), removal(2n ** 62n, 'CPU'), removal(2n ** 61n, 'CPU')],
        [
          [1n, 'GPU', 2n ** 63n],
          [2n, 'CPU', 2n ** 62n, 2n ** 61n],
        ],
      ],
      [
        [removal(long), removal(Buffer.concat([long, Buffer.alloc(1)])), removal(long)],
        [[3n, 'GPU', 0x0707_0707_0707_0707n, 0x0707_0707_0707_0700n, 0x0707_0707_0707_0707n]],
      ],
      [
        [removal(2n ** 63n), store, removal(2n ** 62n)],
        [
          [1n, 'GPU', 2n ** 63n],
          [1n, 'GPU', 2n ** 62n],
        ],
      ],
      [[removal(2n ** 63n), removal('text'), removal(2n ** 62n)], [[2n, 'GPU', 2n ** 63n, 2n ** 62n]]],
    ];
    for (const [events, expected] of cases) {
      const decoded = decodeBatch(batch(...events));
      const removals = decoded.events.filter((event) => event.type === 'removed');
      expect(removals.map((event) => [BigInt(event.told), event.medium, ...event.hashes])).toEqual(expected);
      expect(decoded.told + decoded.unreadable).toBe(events.length);
    }
  });

  it('reads any event as a general msgpack decoder does, and nothing from bytes that are cut off', () => {
    const u64 = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
    const token = fc.oneof(fc.nat({ max: 127 }), fc.nat({ max: 70_000 }), fc.nat({ max: 2 ** 32 - 1 }));
    const event = fc.record({
      hashes: fc.array(u64, { minLength: 1, maxLength: 40 }),
      token,
      extra: fc.oneof(
        fc.constant(null),
        fc.string(),
        fc.dictionary(fc.string(), fc.anything({ maxDepth: 2 })),
      ),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 6 }), fc.nat(), (list, cut) => {
        const written = list.map(({ hashes, token: first, extra }) => ({
          type: 'BlockStored',
          later: JSON.parse(JSON.stringify(extra ?? null)) as unknown,
          block_hashes: hashes,
          token_ids: hashes.flatMap((_, n) => [first, (n * 7_919) % 150_000]),
          block_size: 2,
        }));
        const bytes = batch(...written);
        const { events, unreadable } = decodeBatch(bytes);
        expect(unreadable).toBe(0);
        expect(events.map((each) => ({ ...stored(each) }))).toMatchObject(
          written.map(({ block_hashes, token_ids }) => ({
            hashes: BigUint64Array.from(block_hashes),
            tokens: Uint32Array.from(token_ids),
          })),
        );
        // The last byte is a rank nobody needs.
        expect(() => decodeBatch(bytes.subarray(0, cut % (bytes.length - 1)))).toThrow();
      }),
    );
  });

  it('an unreadable event is counted and does not take the others along', () => {
    const good = ['BlockRemoved', [7]];
    const wrong = [
      ['BlockStored', ['text'], null, [1], 1],
      ['BlockStored', [1], null, [1, 2, 3], 2],
      ['BlockStored', [1], null, [1], 0],
      ['BlockRemoved', 7],
      'AllBlocksCleared',
      null,
    ];
    const { events, unreadable } = decodeBatch(batch(...wrong, good));
    expect([events.length, unreadable]).toEqual([1, wrong.length]);
  });

  it('random bytes throw or answer, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(decodeBatch(bytes).events).toBeInstanceOf(Array);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
