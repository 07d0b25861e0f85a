/** Page files broken at random: a miss, or the very page that was written; never anything else. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DirectoryPlace } from '../../src/cache/directory-place.js';
import { decodeHead, encodeHead, factsOf, HEAD_BYTES } from '../../src/cache/page-format.js';
import { NAMESPACE, page } from '../cache/pages.js';
import { CASES, everyCase, wounded } from './support/cases.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-fuzz-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const PAGES = [page(1), page(2n ** 60n, { parent: 1n, origin: 'decode', priority: 100, expiresAt: 1e12 })];

describe('a page', () => {
  it('with a broken head is none, whatever was broken', async () => {
    const heads = PAGES.map((one) => encodeHead(one, NAMESPACE));
    await everyCase(
      (mutator) => wounded(mutator.of(heads), mutator),
      (bytes) => {
        const found = decodeHead(bytes, NAMESPACE);
        if (found === null) return;
        // Only what lies behind the head may have changed.
        expect(heads.some((head) => head.equals(bytes.subarray(0, HEAD_BYTES)))).toBe(true);
      },
    );
  });

  it('with a broken file is read whole or is a miss', async () => {
    const place = new DirectoryPlace({ tier: 'disk', dir, namespace: NAMESPACE, isDurable: false });
    const [one] = PAGES;
    await place.write(one!);
    const file = path.join(dir, NAMESPACE, '00', '0000000000000001.page');
    const whole = readFileSync(file);
    const misses = { absent: 0, corrupt: 0, failed: 0, read: 0 };
    await everyCase(
      (mutator) => wounded(whole, mutator),
      async (bytes) => {
        writeFileSync(file, bytes);
        const views = [new Uint8Array(100), new Uint8Array(156)];
        const found = await place.read(1n, views);
        if (typeof found === 'string') {
          misses[found] += 1;
          return;
        }
        misses.read += 1;
        expect(found).toEqual(factsOf(one!));
        expect(Buffer.concat(views).equals(Buffer.from(one!.payload))).toBe(true);
      },
    );
    expect(misses.corrupt).toBeGreaterThan(CASES / 2);
    expect(misses.failed).toBe(0);
  });
});
