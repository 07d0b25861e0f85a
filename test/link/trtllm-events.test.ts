import { describe, expect, it } from 'vitest';
import { TrtllmEvents } from '../../src/link/trtllm-events.js';
import { localsOf, rig, tokens } from '../router/support/rig.js';

const BLOCK = 16;

/** A worker's events into a real router; `held` = blocks of a prompt per tier. */
function follow(blocksMax = 1_000) {
  const made = rig({ workers: [{}] });
  const events = new TrtllmEvents({ blockTokens: BLOCK, sink: made.router.feedSink('w0'), blocksMax });
  const held = (prompt: readonly number[]) => {
    const localHashes = hashesOf(prompt);
    const input = {
      promptTokens: prompt.length + 1,
      blockTokens: BLOCK,
      localHashes,
      priority: 0,
      strictPriority: 0,
    };
    return made.router.score({ requestId: 'r', ...input })[0]?.overlap;
  };
  return { events, held };
}

const hashesOf = (prompt: readonly number[]) => localsOf(prompt, BLOCK);

let next = 0;
const event = (data: unknown, more: object = {}) => ({ event_id: next++, window_size: 4_096, data, ...more });

const block = (hash: number | string, ids: readonly number[], more: object = {}) => ({
  type: 'stored_block',
  block_hash: hash,
  tokens: ids.map((id) => ({ type: 'unique_token', token_id: id, token_extra_id: 0 })),
  cache_level: 0,
  priority: 35,
  ...more,
});

function stored(
  prompt: readonly number[],
  hashes: (number | string)[],
  parent: number | string | null = null,
  more = {},
) {
  const blocks = hashes.map((hash, n) => block(hash, prompt.slice(n * BLOCK, (n + 1) * BLOCK), more));
  return { type: 'stored', parent_hash: parent, blocks };
}

const level = (hash: number, from: number, to: number) => ({
  type: 'updated',
  block_hash: hash,
  cache_level: { type: 'event_diff', old_value: from, new_value: to },
});

describe('TensorRT-LLM’s events', () => {
  const prompt = tokens(1, 4 * BLOCK);

  it('build the index: a chain in one event, its continuation by parent, removals', () => {
    const { events, held } = follow();
    next = 0;
    const applied = events.apply([
      event({ type: 'created', num_blocks_per_cache_level: [100, 0] }),
      event(stored(prompt, [11, 12])),
      event(stored(prompt.slice(2 * BLOCK), [13, 14], 12)),
    ]);
    expect(applied).toMatchObject({ events: 3, ignored: 0, unreadable: 0, gaps: [], restarts: 0 });
    expect(held(prompt)).toEqual({ gpu: 4, cpu: 0, disk: 0, remote: 0 });
    events.apply([event({ type: 'removed', block_hashes: [13, 14] })]);
    expect(held(prompt)?.gpu).toBe(2);
  });

  it('follow a block to the host and back', () => {
    const { events, held } = follow();
    next = 0;
    events.apply([event(stored(prompt, [11, 12, 13])), event(level(12, 0, 1)), event(level(13, 0, 1))]);
    expect(held(prompt)).toMatchObject({ gpu: 1, cpu: 2 });
    events.apply([event(level(12, 1, 0))]);
    expect(held(prompt)).toMatchObject({ gpu: 2, cpu: 1 });
    // A change of priority alone moves nothing.
    events.apply([
      event({ type: 'updated', block_hash: 12, cache_level: null, priority: { old_value: 1, new_value: 9 } }),
    ]);
    expect(held(prompt)).toMatchObject({ gpu: 2, cpu: 1 });
    events.apply([event({ type: 'removed', block_hashes: [13] })]);
    expect(held(prompt)).toMatchObject({ gpu: 2, cpu: 0 });
  });

  it('take hashes beyond 2^53, negative ones and digests, the same wherever they occur', () => {
    const { events, held } = follow();
    next = 0;
    const large = JSON.parse('17446744073709551615') as number;
    events.apply([event(stored(prompt, [large, -5, 'ab'.repeat(32)]))]);
    expect(held(prompt)?.gpu).toBe(3);
    events.apply([event({ type: 'removed', block_hashes: ['ab'.repeat(32)] })]);
    expect(held(prompt)?.gpu).toBe(2);
    events.apply([event({ type: 'removed', block_hashes: [large] })]);
    expect(held(prompt)?.gpu).toBe(0);
  });

  it('leave out partial blocks, pictures, and narrow attention windows', () => {
    const { events, held } = follow();
    next = 0;
    const partial = { type: 'stored', parent_hash: 12, blocks: [block(13, prompt.slice(32, 40))] };
    const picture = {
      type: 'stored',
      parent_hash: 12,
      blocks: [block(14, prompt.slice(32, 48), { mm_keys: [{}] })],
    };
    const extra = stored(prompt.slice(32), [15], 12);
    (extra.blocks[0]?.tokens[3] as { token_extra_id: number }).token_extra_id = 7;
    const applied = events.apply([
      event(stored(prompt, [11, 12])),
      event(partial),
      event(picture),
      event(extra),
      event(stored(prompt.slice(32), [16], 12), { window_size: 128 }),
    ]);
    expect(applied).toMatchObject({ ignored: 4, otherSize: null });
    expect(held(prompt)?.gpu).toBe(2);
    // A wider window than any before: those were not the whole prefix.
    events.apply([event(stored(tokens(3, BLOCK), [31]), { window_size: 8_192 })]);
    expect(held(prompt)?.gpu).toBe(0);
    expect(held(tokens(3, BLOCK))?.gpu).toBe(1);
  });

  it('with numbers missing are not believed any more; a new run begins anew', () => {
    const { events, held } = follow();
    next = 0;
    events.apply([event(stored(prompt, [11, 12]))]);
    next = 9;
    expect(events.apply([event(stored(tokens(2, BLOCK), [21]))]).gaps).toEqual([{ expected: 1, got: 9 }]);
    expect(held(prompt)?.gpu).toBe(0);
    expect(held(tokens(2, BLOCK))?.gpu).toBe(1);
    next = 0;
    expect(events.apply([event(stored(prompt, [31, 32]))]).restarts).toBe(1);
    expect(held(tokens(2, BLOCK))?.gpu).toBe(0);
    expect(held(prompt)?.gpu).toBe(2);
  });

  it('count each attention rank’s numbers for themselves', () => {
    const { events } = follow();
    const one = { event_id: 5, attention_dp_rank: 0, data: stored(prompt, [11]) };
    const other = { event_id: 900, attention_dp_rank: 1, data: stored(prompt, [11]) };
    expect(events.apply([one, other, { ...one, event_id: 6 }, { ...other, event_id: 901 }])).toMatchObject({
      gaps: [],
      restarts: 0,
    });
  });

  it('name another block size, survive nonsense, and keep their bound', () => {
    const { events, held } = follow(2);
    next = 0;
    const wide = { type: 'stored', parent_hash: null, blocks: [block(1, tokens(5, 2 * BLOCK))] };
    const nonsense = [null, 7, {}, { event_id: 'x' }, { event_id: 1, data: { type: 'stored', blocks: 3 } }];
    expect(events.apply([event(wide), ...nonsense])).toMatchObject({ otherSize: 32, unreadable: 5 });
    expect(() => events.apply({ error: 'off' })).toThrow(TypeError);
    next = 2;
    events.apply([event(stored(prompt, [11, 12, 13])), event(level(11, 0, 1))]);
    // The oldest was forgotten, so it cannot be followed: it leaves the gpu, and that is all.
    expect(held(prompt)).toMatchObject({ gpu: 0, cpu: 0 });
  });
});
