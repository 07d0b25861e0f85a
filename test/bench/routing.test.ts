/** The routing benchmark on small sessions of its own: what it runs, and that what it says of the figures is so. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchRouting, type RoutingBenchResult } from '../../src/bench/routing/bench.js';
import { claimsOf, meansOf } from '../../src/bench/routing/claims.js';
import { routingText } from '../../src/bench/routing/text.js';

const dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-routing-'));
let result: RoutingBenchResult;

/** Eight sessions of four turns with 20 blocks of tools, then twelve single requests. */
beforeAll(async () => {
  for (let session = 0; session < 8; session++) {
    const requests = Array.from({ length: 4 }, (_, turn) => {
      const blocks = 20 + 30 * (turn + 1);
      const hash_ids = Array.from({ length: blocks }, (_, id) => id);
      return { t: turn * 20, think_time: 2, in: blocks * 64, out: 30, hash_ids };
    });
    const file = path.join(dir, `s${session}.json`);
    writeFileSync(file, JSON.stringify({ block_size: 64, tool_tokens: 20 * 64, requests }));
  }
  const rows = Array.from({ length: 12 }, (_, n) =>
    JSON.stringify({
      timestamp: n * 40,
      input_length: 2_048,
      output_length: 9,
      hash_ids: [0, 1, 2, 100 + n],
    }),
  );
  const openLoop = `${dir}.jsonl`;
  writeFileSync(openLoop, rows.join('\n'));
  result = await benchRouting({ sessions: [dir], openLoop, seed: 1, note: () => {} });
});

afterAll(() => {
  for (const made of [dir, `${dir}.jsonl`]) rmSync(made, { recursive: true, force: true });
});

describe('the routing benchmark', () => {
  it('gives every capacity, router and variant a row, memory by the distinct blocks of the variant', () => {
    const cells = result.rows.filter(({ part }) => part === 'capacity');
    expect(cells).toHaveLength(3 * 5 * 4);
    const quarter = cells.filter(({ f, router }) => f === 0.25 && router === 'kv');
    // 8 × 140 blocks, or 8 × 120 and the tools once.
    expect(quarter.map(({ blocks }) => blocks)).toEqual([70, 70, 70, 61]);
    expect(result.rows.filter(({ f }) => f === null)).toHaveLength(8);
  });

  it('means are of the variants, the longest wait is the longest', () => {
    const means = meansOf(result.rows);
    const rows = result.rows.filter(({ part, router }) => part === 'pausing' && router.startsWith('kv'));
    const mean = means.find(({ part }) => part === 'pausing');
    const sum = rows.reduce((total, { figures }) => total + figures.hitRate, 0);
    expect(mean?.figures.hitRate).toBeCloseTo(sum / rows.length, 10);
    expect(mean?.figures.longestWaitS).toBe(Math.max(...rows.map(({ figures }) => figures.longestWaitS)));
  });

  it('says of each thing asked for whether it was reached, by the figures', () => {
    const means = meansOf(result.rows);
    const claims = claimsOf(means);
    expect(claims.length).toBeGreaterThan(15);
    for (const { what, value, bound, isReached } of claims) {
      expect(what).toMatch(/[≤≥]/);
      expect(isReached).toBe(what.includes('≥') ? value >= bound : value <= bound);
    }
    const text = routingText(result, { means, claims });
    expect(text).toContain('f = 0.25, kv, pause 60 s');
    expect(text.match(/^(yes|NO )/gm)).toHaveLength(claims.length);
  });

  it('has no claims about parts it did not run', () => {
    const means = meansOf(result.rows.filter(({ f }) => f !== null));
    expect(claimsOf(means).some(({ what }) => /open loop|overload/.test(what))).toBe(false);
  });
});
