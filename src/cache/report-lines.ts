/**
 * What workers tell the catalogue, one JSON value per line over a unix socket in the stack's private folder. Hashes
 * are 16 hexadecimal digits: u64 does not fit a JSON number.
 */
import type { Tier } from '../router/types.js';
import { keyText } from './page-format.js';
import type { PageFacts, PageTier, PageUse, ReadMiss } from './types.js';

export type Report =
  | { type: 'hello'; worker: string; namespace: string; pageBytes: number; pageTokens: number }
  | { type: 'stored'; tier: PageTier; pages: PageFacts[] }
  | { type: 'used'; tier: Tier; pages: PageUse[]; isWarm: boolean }
  | { type: 'dropped'; tier: PageTier; pages: number }
  | { type: 'missed'; tier: PageTier; keys: bigint[]; why: ReadMiss }
  | { type: 'fault'; tier: PageTier; message: string | null };

const TIERS: ReadonlySet<unknown> = new Set(['cpu', 'disk', 'remote']);
const MISSES: ReadonlySet<unknown> = new Set(['absent', 'corrupt', 'failed']);

export function encodeReport(report: Report): string {
  return `${JSON.stringify(report, (_name, value: unknown) => (typeof value === 'bigint' ? keyText(value) : value))}\n`;
}

/** Null for a line that is no report. */
export function decodeReport(line: string): Report | null {
  const value = parsed(line);
  if (value === null) return null;
  if (value['type'] === 'hello') return hello(value);
  if (value['type'] === 'used') return used(value);
  if (!TIERS.has(value['tier'])) return null;
  const tier = value['tier'] as PageTier;
  const keys = hashes(value['keys']);
  switch (value['type']) {
    case 'stored': {
      const pages = Array.isArray(value['pages']) ? value['pages'].map(facts) : [null];
      return pages.includes(null) ? null : { type: 'stored', tier, pages: pages as PageFacts[] };
    }
    case 'missed':
      return keys === null || !MISSES.has(value['why'])
        ? null
        : { type: 'missed', tier, keys, why: value['why'] as ReadMiss };
    case 'dropped':
      return isCount(value['pages']) ? { type: 'dropped', tier, pages: value['pages'] } : null;
    case 'fault': {
      const message = value['message'];
      return message === null || typeof message === 'string' ? { type: 'fault', tier, message } : null;
    }
    default:
      return null;
  }
}

function hello(value: Record<string, unknown>): Report | null {
  const { worker, namespace, pageBytes, pageTokens } = value;
  if (typeof worker !== 'string' || typeof namespace !== 'string' || !/^[0-9a-f]{32}$/.test(namespace))
    return null;
  return isCount(pageBytes) && isCount(pageTokens)
    ? { type: 'hello', worker, namespace, pageBytes, pageTokens }
    : null;
}

function used(value: Record<string, unknown>): Report | null {
  const tier = value['tier'];
  if (tier !== 'gpu' && !TIERS.has(tier)) return null;
  const pages = Array.isArray(value['pages']) ? value['pages'].map(use) : [null];
  if (pages.includes(null)) return null;
  return {
    type: 'used',
    tier: tier as Tier,
    pages: pages as PageUse[],
    isWarm: value['isWarm'] === true,
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function use(value: unknown): PageUse | null {
  if (typeof value !== 'object' || value === null) return null;
  const { key, priority, expiresAt } = value as Record<string, unknown>;
  const own = hash(key);
  if (own === null || typeof priority !== 'number' || typeof expiresAt !== 'number') return null;
  return { key: own, priority, expiresAt };
}

function facts(value: unknown): PageFacts | null {
  if (typeof value !== 'object' || value === null) return null;
  const { key, parent, localHash, origin, priority, expiresAt } = value as Record<string, unknown>;
  const [own, above, local] = [hash(key), parent === null ? 0n : hash(parent), hash(localHash)];
  if (own === null || above === null || local === null) return null;
  if (typeof priority !== 'number' || typeof expiresAt !== 'number') return null;
  return {
    key: own,
    parent: parent === null ? null : above,
    localHash: local,
    origin: origin === 'decode' ? 'decode' : 'prefill',
    priority,
    expiresAt,
  };
}

function hashes(value: unknown): bigint[] | null {
  if (!Array.isArray(value)) return null;
  const all = value.map(hash);
  return all.includes(null) ? null : (all as bigint[]);
}

function hash(value: unknown): bigint | null {
  return typeof value === 'string' && /^[0-9a-f]{16}$/.test(value) ? BigInt(`0x${value}`) : null;
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
