import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBatch, engineHash, type KvEvent, type StoredEvent } from '../../src/link/kv-events.js';
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
    const known = new Set(evicted.flatMap((event) => (event.type === 'stored' ? event.hashes : [])));
    const removed = evicted.flatMap((event) => (event.type === 'removed' ? event.hashes : []));
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
      hashes: [7n],
      parent: null,
      blockTokens: 2,
      medium: null,
      group: null,
      extraKeys: [],
    });
    expect(events.slice(1)).toEqual([
      { type: 'removed', hashes: [7n], medium: 'CPU', group: null },
      { type: 'cleared' },
      { type: 'unknown', name: 'Later' },
    ]);
  });

  it('signed hashes are the same unsigned ones; 0 gets another name everywhere', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (signed) => {
        const unsigned = BigInt.asUintN(64, signed);
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64BE(unsigned);
        expect(engineHash(signed)).toBe(engineHash(unsigned));
        expect(engineHash(bytes)).toBe(engineHash(unsigned));
        expect(engineHash(Buffer.concat([Buffer.alloc(24, 9), bytes]))).toBe(engineHash(unsigned));
        if (unsigned !== 0n) expect(engineHash(signed)).toBe(unsigned);
      }),
    );
    expect(engineHash(0)).not.toBe(0n);
    const { events } = decodeBatch(
      batch({ type: 'BlockStored', block_hashes: [5], parent_block_hash: 0, token_ids: [1], block_size: 1 }),
    );
    expect(stored(events[0]).parent).toBe(engineHash(0n));
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
