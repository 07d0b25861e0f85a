import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchIndex } from '../../src/bench/block-index.js';
import { agentsCorpus, chatsCorpus } from '../../src/bench/index-corpora.js';
import { readCorpus } from '../../src/bench/index-operations.js';
import { DynamoError } from '../../src/errors.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'dynamo-corpus-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function corpusFile(words: bigint[]): string {
  const file = path.join(folder, 'small.bin');
  writeFileSync(file, Buffer.from(BigUint64Array.from(words).buffer));
  return file;
}

const header = (kind: bigint, worker: bigint, count: bigint) => kind | (worker << 8n) | (count << 32n);

describe('index benchmark', () => {
  it('reads a corpus file and counts what its operations do', () => {
    const store = [header(2n, 3n, 2n), 0n, 101n, 1n, 102n, 2n];
    const query = [header(1n, 0n, 3n), 1n, 2n, 3n];
    const removal = [header(3n, 3n, 1n), 102n];
    const corpus = readCorpus(corpusFile([...store, ...query, ...removal, ...query]));
    expect(corpus).toMatchObject({ name: 'small', workers: 4, blocksPerWorker: 2 });
    const result = benchIndex(corpus, 'js', 1, 0);
    expect(result).toMatchObject({ queryBlocks: 6, storedBlocks: 2, removedBlocks: 1, hitBlocks: 3 });
    expect(result.blockOpsPerSecond.median).toBeGreaterThan(0);
  });

  it('refuses a file that is no corpus', () => {
    for (const words of [[], [header(7n, 0n, 1n), 1n], [header(1n, 0n, 5n), 1n]]) {
      expect(() => readCorpus(corpusFile(words))).toThrow(DynamoError);
    }
  });

  it('finds exactly the blocks that its own corpora contain', { timeout: 60_000 }, () => {
    for (const corpus of [agentsCorpus(), chatsCorpus()]) {
      const { hitsExact, hitBlocks, bytesPerBlock } = benchIndex(corpus, 'wasm', 1, 0);
      expect({ hitsExact, hitBlocks }).toEqual({ hitsExact: true, hitBlocks: corpus.hitBlocks });
      expect(hitBlocks).toBeGreaterThan(0);
      expect(bytesPerBlock).toBeLessThan(64);
    }
  });
});
