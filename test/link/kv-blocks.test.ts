import { describe, expect, it } from 'vitest';
import { BlockMapper } from '../../src/link/kv-blocks.js';
import type { StoredEvent } from '../../src/link/kv-event.js';
import { decodeBatch } from '../../src/link/kv-events.js';
import { blockSeed, hashBlocks } from '../../src/prompt/hash/block-hash.js';
import { kvBatches } from './support/fixtures.js';

const tokens = Uint32Array.from({ length: 8 }, (_, n) => n + 1);

function event(change: Partial<StoredEvent> = {}): StoredEvent {
  return {
    type: 'stored',
    hashes: BigUint64Array.of(11n, 12n),
    parent: null,
    tokens,
    blockTokens: 4,
    medium: 'GPU',
    loraName: null,
    cacheSalt: null,
    extraKeys: [],
    group: 0,
    kind: 'full_attention',
    ...change,
  };
}

function locals(mapper: BlockMapper, stored: StoredEvent): bigint[] | string {
  const mapped = mapper.stored(stored);
  return mapped.ok ? [...mapped.blocks.localHashes] : mapped.code;
}

const hashes = (facts: Parameters<typeof blockSeed>[0] = {}, from = tokens): bigint[] => [
  ...hashBlocks(from, 4, blockSeed(facts)),
];

describe('blocks of events', () => {
  it('recorded blocks hash like the prompt they came from', () => {
    const { events } = decodeBatch(kvBatches('int', '1-prompt')[0]?.[2] as Buffer);
    const mapped = new BlockMapper(128).stored(events[0] as StoredEvent);
    const prompt = Uint32Array.from({ length: 300 }, (_, n) => 1000 + n);
    expect(mapped.ok && [...mapped.blocks.localHashes]).toEqual([...hashBlocks(prompt, 128, blockSeed({}))]);
  });

  it('a salt told with the first block holds for the blocks that continue it', () => {
    const mapper = new BlockMapper(4);
    expect(locals(mapper, event({ extraKeys: [['tenant'], null] }))).toEqual(hashes({ cacheSalt: 'tenant' }));
    const next = event({ hashes: BigUint64Array.of(13n, 14n), parent: 12n, extraKeys: [null, null] });
    expect(locals(mapper, next)).toEqual(hashes({ cacheSalt: 'tenant' }));
    mapper.removed({ type: 'removed', told: 1, hashes: BigUint64Array.of(14n), medium: 'GPU', group: 0 });
    expect(locals(mapper, event({ hashes: BigUint64Array.of(15n, 16n), parent: 14n }))).toEqual(hashes());
  });

  it('LoRA name and salt are told apart; a salt in its own field counts (SGLang)', () => {
    const lora = event({ loraName: 'adapter', extraKeys: [['adapter', 'tenant'], ['adapter']] });
    expect(locals(new BlockMapper(4), lora)).toEqual(hashes({ loraName: 'adapter', cacheSalt: 'tenant' }));
    const plain = event({ loraName: 'adapter', extraKeys: [['adapter'], ['adapter']] });
    expect(locals(new BlockMapper(4), plain)).toEqual(hashes({ loraName: 'adapter' }));
    expect(locals(new BlockMapper(4), event({ parent: 9n, cacheSalt: 't' }))).toEqual(
      hashes({ cacheSalt: 't' }),
    );
  });

  it('blocks from the first image on are left out', () => {
    const image = ['image-hash', 3];
    expect(locals(new BlockMapper(4), event({ extraKeys: [null, [image]] }))).toEqual(hashes().slice(0, 1));
    expect(locals(new BlockMapper(4), event({ extraKeys: [[image], null] }))).toBe('kv_no_tokens');
    expect(locals(new BlockMapper(4), event({ extraKeys: [null, ['image-hash']] }))).toEqual(
      hashes().slice(0, 1),
    );
  });

  it.each([
    [null, 'gpu'],
    ['GPU', 'gpu'],
    ['cpu', 'cpu'],
    ['CPU_PINNED', 'cpu'],
    ['STORAGE', 'disk'],
    ['DISK', 'disk'],
    ['EXTERNAL', 'remote'],
    ['REMOTE', 'remote'],
  ])('medium %s is tier %s', (medium, tier) => {
    const mapped = new BlockMapper(4).stored(event({ medium }));
    expect(mapped.ok && mapped.blocks.tier).toBe(tier);
  });

  it('what cannot be placed says why', () => {
    const mapper = new BlockMapper(4);
    expect(locals(mapper, event({ medium: 'TAPE' }))).toBe('kv_medium');
    expect(locals(mapper, event({ kind: 'sliding_window', group: 1 }))).toBe('kv_group');
    expect(locals(mapper, event({ kind: null, group: 1 }))).toBe('kv_group');
    expect(locals(mapper, event({ blockTokens: 8, hashes: BigUint64Array.of(11n) }))).toBe('kv_block_size');
    expect(locals(mapper, event({ tokens: new Uint32Array(0), medium: 'CPU' }))).toBe('kv_no_tokens');
  });

  it('a hybrid model’s full-attention group may have any number, and removals follow it', () => {
    const mapper = new BlockMapper(4);
    expect(locals(mapper, event({ group: 2 }))).toEqual(hashes());
    expect(
      mapper.removed({ type: 'removed', told: 1, hashes: BigUint64Array.of(11n), medium: 'GPU', group: 2 })
        .ok,
    ).toBe(true);
    expect(
      mapper.removed({ type: 'removed', told: 1, hashes: BigUint64Array.of(11n), medium: 'GPU', group: 0 })
        .ok,
    ).toBe(false);
  });
});
