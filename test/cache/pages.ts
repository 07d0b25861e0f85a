/** Pages for tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';
import type { Page, PageFacts } from '../../src/cache/types.js';

export const NAMESPACE = '0123456789abcdef0123456789abcdef';
const scratch: string[] = [];

afterEach(() => {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true });
});

export function folder(base: string = os.tmpdir()): string {
  const dir = mkdtempSync(path.join(base, 'dynamo-cache-'));
  scratch.push(dir);
  return dir;
}

export function facts(key: number | bigint, over: Partial<PageFacts> = {}): PageFacts {
  return {
    key: BigInt(key),
    parent: null,
    localHash: BigInt(key) * 7n,
    origin: 'prefill',
    priority: 60,
    expiresAt: 0,
    ...over,
  };
}

export function page(key: number | bigint, over: Partial<Page> = {}): Page {
  const payload = Uint8Array.from({ length: 256 }, (_, at) => (at * 31 + Number(BigInt(key) % 251n)) & 255);
  return { ...facts(key), tokens: Uint32Array.from({ length: 64 }, (_, at) => at), payload, ...over };
}

/** Keys 1…n, each the parent of the next. */
export function chain(length: number, from = 1, over: Partial<PageFacts> = {}): PageFacts[] {
  return Array.from({ length }, (_, at) =>
    facts(from + at, { parent: at === 0 ? null : BigInt(from + at - 1), ...over }),
  );
}
