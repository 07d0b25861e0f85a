/** Trace files of every form, broken at random: a workload whose turns can be replayed, or an error with its place. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DynamoError } from '../../src/errors.js';
import { readWorkload } from '../../src/replay/read.js';
import { CASES, everyCase, wounded, woundedLines } from './support/cases.js';

const lines = (...rows: object[]): string => `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`;
const BASES = [
  // A recording of ours.
  lines(
    { schema: 'dynamo.recording.v1', model: 'm', blockTokens: 64, startedAt: 1_000 },
    {
      id: 'a',
      session: 's',
      sentMs: 0,
      firstTokenMs: 5,
      endMs: 9,
      promptTokens: 192,
      cachedTokens: 0,
      outputTokens: 3,
      priority: 0,
      keep: 0,
      blocks: ['1', '2', '3'],
      parts: [
        ['system', 100],
        ['conversation', 92],
      ],
    },
    {
      id: 'b',
      session: 's',
      parent: 't',
      sentMs: 20,
      firstTokenMs: null,
      endMs: 30,
      promptTokens: 256,
      cachedTokens: 192,
      outputTokens: 1,
      priority: 5,
      keep: 3,
      blocks: ['4'],
      parts: [],
    },
  ),
  // Mooncake rows.
  lines(
    { timestamp: 0, input_length: 1_100, output_length: 5, hash_ids: [1, 2, 3] },
    { timestamp: 250, input_length: 900, output_length: 2, hash_ids: [1, 4] },
  ),
  // Closed-loop rows.
  lines(
    { session_id: 's', timestamp: 0, input_length: 128, output_length: 4, hash_ids: [1, 2], priority: 3 },
    { session_id: 's', delay: 100, input_length: 192, output_length: 4, hash_ids: [1, 2, 3] },
  ),
  // Claude Code sessions.
  JSON.stringify({
    id: 's',
    block_size: 64,
    requests: [
      { in: 192, out: 5, hash_ids: [1, 2, 3], t: 0, api_time: 1 },
      { in: 256, out: 5, hash_ids: [1, 2, 3, 4], t: 2, api_time: 1 },
    ],
  }),
  // Its logs.
  lines(
    {
      type: 'user',
      sessionId: 's',
      timestamp: '2026-01-01T00:00:00.000Z',
      message: { role: 'user', content: 'hi' },
    },
    {
      type: 'assistant',
      sessionId: 's',
      timestamp: '2026-01-01T00:00:02.000Z',
      message: {
        id: 'm',
        role: 'assistant',
        content: [{ type: 'text', text: 'ho' }],
        usage: { input_tokens: 5, cache_read_input_tokens: 100, output_tokens: 3 },
      },
    },
  ),
];
const WORDS = [
  '-1',
  '1e308',
  'null',
  '"x"',
  '[]',
  '{}',
  '9007199254740993',
  '0.5',
  'true',
  '[1,"1",null]',
  '"__proto__"',
  ',',
  '}',
  '"',
  '\\',
  '\u0000',
];
const options = { blockTokens: 64, traceBlockTokens: null, staggerMs: 1_000, maxDelayMs: 30_000 };

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-fuzz-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a trace file', () => {
  it('as it should be is read, in every form', async () => {
    for (const [at, base] of BASES.entries()) {
      const file = path.join(dir, `whole-${at}.jsonl`);
      writeFileSync(file, base);
      expect((await readWorkload([file], options)).turns.length, base).toBeGreaterThan(0);
    }
  });

  it('that is broken at random is a workload within its own bounds, or an error that names the place', async () => {
    const ends = { read: 0, refused: 0 };
    const file = path.join(dir, 'broken.jsonl');
    await everyCase(
      (mutator) => {
        const base = mutator.of(BASES);
        return mutator.next(3) === 0
          ? wounded(Buffer.from(base), mutator).toString('utf8')
          : woundedLines(base, mutator, WORDS);
      },
      async (text) => {
        writeFileSync(file, text);
        try {
          const { turns } = await readWorkload([file], options);
          ends.read += 1;
          turns.forEach(({ promptTokens, outputTokens, atMs, delayMs, after }, at) => {
            for (const value of [promptTokens, outputTokens, atMs, delayMs])
              expect(Number.isFinite(value) && value >= 0).toBe(true);
            for (const earlier of after) expect(earlier).toBeLessThan(at);
          });
        } catch (error) {
          if (!(error instanceof DynamoError)) throw error;
          expect(['trace_invalid', 'usage']).toContain(error.code);
          ends.refused += 1;
        }
      },
    );
    expect(Math.min(ends.read, ends.refused)).toBeGreaterThan(CASES / 10);
  });
});
