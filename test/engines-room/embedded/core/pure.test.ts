/** The core's decisions without a device: hashes, blocks, slots, chunks, log probabilities, guards. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHECKED_STRUCTS,
  defaultProblems,
  expectedDefaults,
} from '../../../../src/engines/embedded/core/abi.js';
import { blockHash, chainRoot } from '../../../../src/engines/embedded/core/block-hash.js';
import { BlockTable } from '../../../../src/engines/embedded/core/block-table.js';
import { nextChunk, paddedRows, reusableBlocks } from '../../../../src/engines/embedded/core/chunk-plan.js';
import { grammarDepth, requireShallow } from '../../../../src/engines/embedded/core/grammar-depth.js';
import { logprobsOf } from '../../../../src/engines/embedded/core/logprobs.js';
import { libraryFiles, packageName } from '../../../../src/engines/embedded/core/platform-package.js';
import { chooseSlot, type SlotView } from '../../../../src/engines/embedded/core/slot-choice.js';
import { LIMITS } from '../../../../src/limits.js';

const facts = { modelSha256: 'm', libraryVersion: '0.4.0-dev', kvType: 'f16', rope: '0/1/8192' };
const tokens = Uint32Array.from({ length: 64 }, (_, at) => at);

// Computed with Python's hashlib from the definition.
const ROOT = 1557099295169603635n;
const FIRST = 16730451062843287494n;

describe('block hashes', () => {
  it('are a fixed function: they name pages that outlive the process', () => {
    const root = chainRoot(facts, '');
    expect(root).toBe(ROOT);
    expect(blockHash(root, tokens)).toBe(FIRST);
  });

  it('depend on each fact, the salt, the parent and each token', () => {
    const roots = [
      chainRoot(facts, ''),
      chainRoot(facts, 's'),
      ...Object.keys(facts).map((field) => chainRoot({ ...facts, [field]: 'other' }, '')),
    ];
    expect(new Set(roots).size).toBe(roots.length);
    const changed = tokens.slice();
    changed[63] = 64;
    expect(new Set([blockHash(1n, tokens), blockHash(2n, tokens), blockHash(1n, changed)]).size).toBe(3);
  });

  it('read a part of an array as that part alone', () => {
    const longer = Uint32Array.from({ length: 192 }, (_, at) => at % 64);
    expect(blockHash(7n, longer.subarray(64, 128))).toBe(blockHash(7n, tokens));
  });
});

describe('block events', () => {
  const block = (hash: bigint, parent: bigint | null) => ({ hash, parent, tokens, salt: '' });

  it('run together along one chain only', () => {
    const table = new BlockTable();
    for (const [hash, parent] of [
      [1n, null],
      [2n, 1n],
      [7n, null],
      [3n, 2n],
    ] as const)
      table.acquire(block(hash, parent));
    expect(table.takeEvents()).toMatchObject([
      { type: 'stored', hashes: [1n, 2n], parent: null, tokens: { length: 128 } },
      { type: 'stored', hashes: [7n], parent: null },
      { type: 'stored', hashes: [3n], parent: 2n },
    ]);
    expect(table.takeEvents()).toEqual([]);
  });

  it('come with the first holder and the last, and a release of nothing is a bug', () => {
    const table = new BlockTable();
    table.acquire(block(1n, null));
    table.acquire(block(1n, null));
    table.release([1n]);
    expect(table.takeEvents()).toHaveLength(1);
    table.release([1n]);
    expect(table.takeEvents()).toEqual([{ type: 'removed', hashes: [1n], medium: 'GPU' }]);
    expect(() => table.release([1n])).toThrow(/not held/);
  });
});

describe('chunks', () => {
  it('tile the prompt; all but the tail are whole blocks from a block boundary', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_000 }),
        fc.nat(),
        fc.infiniteStream(fc.boolean()),
        (total, start, aloneness) => {
          let done = (start % (reusableBlocks(total) + 1)) * 64;
          while (done < total) {
            const isAlone = aloneness.next().value;
            const rows = nextChunk(done, total, isAlone);
            const isTail = done === total - (total % 64);
            expect(done % 64).toBe(0);
            expect(rows).toBeGreaterThan(0);
            if (isTail) expect(rows).toBe(total % 64);
            else expect(rows % 64).toBe(0);
            expect(rows).toBeLessThanOrEqual(isAlone ? 256 : 64);
            done += rows;
          }
          expect(done).toBe(total);
        },
      ),
    );
  });

  it('fill a tail up to a block where that is measured to be faster, never a single row', () => {
    const least = (position: number): number =>
      Array.from({ length: 64 }, (_, rows) => rows).find((rows) => paddedRows(position, rows) === 64) ?? 64;
    // Measured break-even: never, 38, 31, 25 and 21 rows.
    expect([0, 512, 1_024, 2_048, 4_096].map(least)).toEqual([61, 41, 33, 27, 22]);
    fc.assert(
      fc.property(fc.nat(100_000), fc.integer({ min: 1, max: 256 }), (position, rows) => {
        const padded = paddedRows(position, rows);
        expect([rows, 64]).toContain(padded);
        expect(padded).toBeGreaterThanOrEqual(rows);
        if (rows === 1) expect(padded).toBe(1);
      }),
    );
  });

  it('leave at least one token of a cached prompt to compute', () => {
    expect([1, 64, 65, 128, 129].map(reusableBlocks)).toEqual([0, 0, 1, 1, 2]);
  });
});

describe('the slot for a prompt', () => {
  const view = (id: number, fields: Partial<SlotView> = {}): SlotView => ({
    id,
    priority: 60,
    isPromised: false,
    isBusy: false,
    lastUsed: id,
    heldTokens: 640,
    matchedBlocks: 0,
    lostBlocks: 0,
    lostPrefilledBlocks: 0,
    uniqueBlocks: 10,
    ...fields,
  });

  it('is none when all are busy', () => {
    expect(chooseSlot([view(0, { isBusy: true })])).toBeNull();
  });

  it('is an empty one, else the least recently used, when nothing matches', () => {
    expect(chooseSlot([view(1), view(2, { uniqueBlocks: 0 })])).toEqual({
      slot: 2,
      copyFrom: null,
      blocks: 0,
    });
    expect(chooseSlot([view(2), view(1), view(0, { isBusy: true })])).toEqual({
      slot: 1,
      copyFrom: null,
      blocks: 0,
    });
  });

  it('keeps what was promised, then what is worth more, then what was used last', () => {
    const promised = view(0, { isPromised: true, priority: 20 });
    const finished = view(9, { priority: 10 });
    expect(chooseSlot([promised, view(1), view(2), finished])).toMatchObject({ slot: 9 });
    expect(chooseSlot([promised, view(1), view(2)])).toMatchObject({ slot: 1 });
    expect(chooseSlot([promised, view(3, { isPromised: true, priority: 80 })])).toMatchObject({ slot: 0 });
    expect(chooseSlot([view(1), promised, view(2, { uniqueBlocks: 0, isPromised: true })])).toMatchObject({
      slot: 2,
    });
  });

  it('is the conversation that goes on, though its last answer is trimmed', () => {
    const going = view(5, { matchedBlocks: 8, lostBlocks: 2, lostPrefilledBlocks: 0 });
    expect(chooseSlot([view(1), going])).toEqual({ slot: 5, copyFrom: null, blocks: 8 });
  });

  it('is another one, with a copy, when the match belongs to a busy or a valuable conversation', () => {
    const busy = view(5, { matchedBlocks: 8, isBusy: true });
    expect(chooseSlot([view(1), view(2), busy])).toEqual({ slot: 1, copyFrom: 5, blocks: 8 });
    const valuable = view(5, { matchedBlocks: 8, lostBlocks: 4, lostPrefilledBlocks: 4 });
    expect(chooseSlot([view(1), view(2), valuable])).toEqual({ slot: 1, copyFrom: 5, blocks: 8 });
  });

  it('is the match itself when it is the least recently used anyway', () => {
    const old = view(0, { matchedBlocks: 8, lostBlocks: 4, lostPrefilledBlocks: 4 });
    expect(chooseSlot([old, view(1)])).toEqual({ slot: 0, copyFrom: null, blocks: 8 });
  });

  it('copies from the holder with the least to copy', () => {
    const long = view(5, { matchedBlocks: 8, isBusy: true, heldTokens: 8_000 });
    const short = view(6, { matchedBlocks: 8, isBusy: true, heldTokens: 700 });
    expect(chooseSlot([view(1), long, short])).toMatchObject({ copyFrom: 6 });
  });

  it('is always idle, never copies onto itself, and gets the longest match there is', () => {
    const viewArb = fc.record({
      isBusy: fc.boolean(),
      lastUsed: fc.nat(50),
      heldTokens: fc.nat(5_000),
      matchedBlocks: fc.nat(20),
      lostBlocks: fc.nat(9),
      lostPrefilledBlocks: fc.nat(9),
      uniqueBlocks: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(viewArb, { minLength: 1, maxLength: 8 }), (fields) => {
        const views = fields.map((field, id) => view(id, field));
        const choice = chooseSlot(views);
        expect(choice === null).toBe(views.every(({ isBusy }) => isBusy));
        if (choice === null) return;
        expect(views[choice.slot]!.isBusy).toBe(false);
        expect(choice.copyFrom).not.toBe(choice.slot);
        expect(choice.blocks).toBe(Math.max(...views.map(({ matchedBlocks }) => matchedBlocks)));
        const source = views[choice.copyFrom ?? choice.slot]!;
        if (choice.blocks > 0) expect(source.matchedBlocks).toBe(choice.blocks);
      }),
    );
  });
});

describe('log probabilities', () => {
  it('sum to one and name the most likely tokens first', () => {
    const logitsArb = fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(logitsArb, fc.nat(5), (values, count) => {
        const logits = Float32Array.from(values);
        const all = logprobsOf(logits, 0, logits.length);
        const sum = all.top.reduce((total, { logprob }) => total + Math.exp(logprob), 0);
        expect(sum).toBeCloseTo(1, 5);
        const sorted = all.top.map(({ logprob }) => logprob);
        expect(sorted).toEqual([...sorted].sort((a, b) => b - a));
        expect(logprobsOf(logits, 0, count).top).toEqual(all.top.slice(0, count));
        expect(all.top.find(({ token }) => token === 0)?.logprob).toBe(all.logprob);
      }),
    );
  });
});

describe('grammar guard', () => {
  it('counts groups outside of literals, classes and comments', () => {
    expect(grammarDepth('root ::= ( "((" ( [(] | x ) )* # (((')).toBe(2);
    expect(grammarDepth('root ::= "\\"(" [\\](] ( "a" )')).toBe(1);
  });

  it('refuses what would overflow the parser', () => {
    const deep = `root ::= ${'('.repeat(LIMITS.grammarDepth + 1)}`;
    expect(() => requireShallow(deep)).toThrow(/nested deeper/);
    expect(() => requireShallow(`root ::= "${'a'.repeat(LIMITS.grammarBytes)}"`)).toThrow(/larger/);
    expect(() => requireShallow('root ::= ("a" | ("b"))')).not.toThrow();
  });
});

describe('the interface check', () => {
  it('names every field that differs', () => {
    const defaults = expectedDefaults('llama_context_params');
    expect(defaultProblems('llama_context_params', defaults)).toEqual([]);
    const shifted = { ...defaults, n_ctx: 2_048, kv_unified: true };
    expect(defaultProblems('llama_context_params', shifted)).toEqual([
      'llama_context_params.n_ctx is 2048, expected 512',
      'llama_context_params.kv_unified is true, expected false',
    ]);
  });

  it('would notice a struct that lost or gained a field in the middle', () => {
    for (const struct of CHECKED_STRUCTS) {
      const entries = Object.entries(expectedDefaults(struct));
      const moved = Object.fromEntries(entries.map(([field], at) => [field, entries[at + 1]?.[1] ?? null]));
      expect(defaultProblems(struct, moved).length).toBeGreaterThan(2);
    }
  });
});

describe('the platform package', () => {
  it('has a name for the six platforms, none for others', () => {
    expect(packageName('darwin', 'arm64')).toBe('mac-arm64-metal');
    expect(packageName('win32', 'x64')).toBe('win-x64');
    expect(packageName('freebsd', 'x64')).toBeNull();
  });

  it('says what is missing when it is not whole', () => {
    expect(() => libraryFiles('/nonexistent')).toThrow(/engine embedded is not available.*holds no file/);
  });
});
