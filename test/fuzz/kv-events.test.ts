/**
 * Goal: no bytes on an event socket throw past the decoder, take memory that was not sent, or place blocks that were not
 * told. Method: real batches of every engine's form, as values and as bytes, broken at random.
 */
import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { BlockMapper } from '../../src/link/kv-blocks.js';
import { decodeBatch, type KvBatch } from '../../src/link/kv-events.js';
import { requireSaneShape } from '../../src/link/msgpack-shape.js';
import { Mutator } from '../gateway/support/mutate.js';
import { CASES, everyCase, SEED, wounded } from './support/cases.js';

const HASH = 12_345_678_901_234_567_890n;
const TOKENS = Array.from({ length: 128 }, (_, at) => (at * 7_919) % 150_000);
const BASES: unknown[] = [
  // vLLM's positional form, short and long.
  [
    1.5,
    [
      ['BlockStored', [HASH, 5n], null, TOKENS, 64, null, 'GPU'],
      ['BlockRemoved', [HASH], 'GPU'],
    ],
    0,
  ],
  [
    1.5,
    [
      [
        'BlockStored',
        [new Uint8Array(32).fill(7)],
        HASH,
        TOKENS.slice(64),
        64,
        null,
        'CPU',
        'lora',
        [['salt']],
        0,
        'full_attention',
        null,
        'LOCAL',
      ],
      ['AllBlocksCleared'],
    ],
    3,
  ],
  // SGLang's maps.
  {
    ts: 2,
    events: [
      {
        type: 'BlockStored',
        block_hashes: [1, -2],
        parent_block_hash: 3,
        token_ids: TOKENS,
        block_size: 64,
        medium: 'gpu',
        cache_salt: 's',
      },
    ],
  },
  [0, [['AllBlocksCleared'], ['Unknown', 1], ['BlockRemoved', [-1n, 0], null, 1]], null],
];

/** Bounds every batch must keep, and what it does to a mapper. */
function check(batch: KvBatch, bytes: number): void {
  const mapper = new BlockMapper(64);
  let tokens = 0;
  for (const event of batch.events) {
    if (event.type === 'stored') {
      tokens += event.tokens.length;
      const mapped = mapper.stored(event);
      if (mapped.ok) {
        const { engineHashes, localHashes } = mapped.blocks;
        expect(engineHashes.length).toBe(localHashes.length);
        expect(engineHashes.length * 64).toBeLessThanOrEqual(event.tokens.length);
        expect(engineHashes).not.toContain(0n);
      }
    } else if (event.type === 'removed') mapper.removed(event);
  }
  expect(tokens + batch.events.length + batch.unreadable).toBeLessThanOrEqual(bytes);
}

function decoded(bytes: Buffer): KvBatch | null {
  try {
    return decodeBatch(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return null;
  }
}

const packed = (value: unknown): Buffer => {
  try {
    return Buffer.from(encode(value, { useBigInt64: true }));
  } catch {
    return Buffer.alloc(0);
  }
};

describe('a batch of KV events', () => {
  it('of wounded bytes is read or refused, and never longer than it is', async () => {
    const bases = BASES.map(packed);
    const ends = { read: 0, refused: 0 };
    await everyCase(
      (mutator) => wounded(mutator.of(bases), mutator),
      (bytes) => {
        const batch = decoded(bytes);
        ends[batch === null ? 'refused' : 'read'] += 1;
        if (batch !== null) check(batch, bytes.length);
      },
    );
    // Most wounds hit a token or a hash, which may be any number.
    expect(Math.min(ends.read, ends.refused)).toBeGreaterThan(CASES / 40);
  });

  it('of odd values is read or refused, event by event', async () => {
    // JSON has no 64-bit integers and no byte strings: the mutator works on texts of the same shape.
    const bases = BASES.map(
      (base) =>
        JSON.parse(
          JSON.stringify(base, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
        ) as unknown,
    );
    let read = 0;
    await everyCase(
      (mutator) => packed(JSON.parse(mutator.text(bases))),
      (bytes) => {
        const batch = decoded(bytes);
        if (batch === null) return;
        read += 1;
        check(batch, bytes.length);
      },
    );
    expect(read).toBeGreaterThan(CASES / 4);
  });

  it('that only says it is long takes no memory', () => {
    const mutator = new Mutator(SEED);
    const heads = [
      [0xdd, 0x01, 0xc9, 0xc3, 0x80],
      [0xdf, 0x01, 0xc9, 0xc3, 0x80],
      [0xdc, 0xff, 0xff],
      [0xde, 0xff, 0xff],
      [0x9f],
      [0x8f],
    ];
    const before = process.memoryUsage().rss;
    for (let run = 0; run < 200; run += 1) {
      const nested = Buffer.from(Array.from({ length: 40 }, () => mutator.of(heads)).flat());
      expect(() => decodeBatch(nested)).toThrow(RangeError);
    }
    // 40 bytes of such heads took 2 GB.
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });

  it('as every engine sends it has a sane shape', () => {
    for (const base of BASES) requireSaneShape(packed(base));
    const long = {
      text: 'x'.repeat(70_000),
      short: 'x'.repeat(300),
      bytes: [new Uint8Array(300), new Uint8Array(70_000)],
      floats: [1.5, -1, -200, -40_000, -3e9, 1e300],
      many: Array.from({ length: 70_000 }, (_, at) => at),
      flags: [true, false, null, new Date(0)],
    };
    requireSaneShape(packed(long));
    requireSaneShape(packed(Object.fromEntries(long.many.map((at) => [`k${at}`, at]))));
  });
});
