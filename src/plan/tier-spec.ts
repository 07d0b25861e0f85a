/** Tiers as a user or a recipe writes them: `cpu=8GiB,disk=50GiB:/path,remote=s3://bucket/prefix`. Pure. */
import { DynamoError } from '../errors.js';
import type { TierPlan } from './types.js';

const UNITS: Record<string, number> = {
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};
const NAMES = ['cpu', 'disk', 'remote'] as const;
const SCHEMES = /^(s3|redis|rediss|valkey):\/\//;

/** In the order pages go down. `none` or an empty text = no tiers. Throws `usage`. */
export function parseTiers(text: string): TierPlan[] {
  if (text === '' || text === 'none') return [];
  const tiers = text.split(',').map(parseTier);
  for (const { name } of tiers) {
    if (tiers.filter((tier) => tier.name === name).length > 1)
      throw invalid(text, `\`${name}\` is named twice`);
  }
  return NAMES.flatMap((name) => tiers.find((tier) => tier.name === name) ?? []);
}

/** Sentences about tiers that gain little: each lower one should be larger than the one above. */
export function tierWarnings(tiers: readonly TierPlan[]): string[] {
  return tiers.slice(1).flatMap((tier, index) => {
    const above = tiers[index]!;
    const isSmaller = tier.bytesMax !== null && above.bytesMax !== null && tier.bytesMax <= above.bytesMax;
    return isSmaller
      ? [
          `the ${tier.name} tier is not larger than the ${above.name} tier above it: it keeps nothing the other has lost`,
        ]
      : [];
  });
}

/** `8GiB`, `1.5TiB`, `500MB` in bytes; null for anything else. */
export function sizeBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([MGT]i?B)$/.exec(text);
  const bytes = match === null ? 0 : Math.floor(Number(match[1]) * UNITS[match[2]!]!);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : null;
}

function parseTier(text: string): TierPlan {
  const at = text.indexOf('=');
  const name = NAMES.find((known) => known === text.slice(0, at));
  if (at < 0 || name === undefined) throw invalid(text, `a tier is one of ${NAMES.join(', ')}`);
  const value = text.slice(at + 1);
  if (name === 'remote') return remoteTier(value);
  const colon = value.indexOf(':');
  const bytesMax = sizeBytes(colon < 0 ? value : value.slice(0, colon));
  const place = colon < 0 ? null : value.slice(colon + 1);
  if (bytesMax === null) throw invalid(text, 'a size looks like 8GiB');
  if (place !== null && !place.startsWith('/')) throw invalid(text, 'a folder is given by its full path');
  return { name, bytesMax, at: place };
}

/** `s3://bucket/prefix`, optionally with a size in front: `100GiB:s3://bucket`. */
function remoteTier(value: string): TierPlan {
  const match = /^(?:([^:/]+):)?([a-z0-9]+:\/\/.+)$/.exec(value);
  const bytesMax = match?.[1] === undefined ? null : sizeBytes(match[1]);
  const url = match?.[2] ?? '';
  if (!SCHEMES.test(url)) throw invalid(`remote=${value}`, 'a remote tier is an s3:// or redis:// address');
  if (match?.[1] !== undefined && bytesMax === null)
    throw invalid(`remote=${value}`, 'a size looks like 100GiB');
  return { name: 'remote', bytesMax, at: url };
}

function invalid(text: string, expected: string): DynamoError {
  return new DynamoError('usage', {
    detail: `\`--tiers ${text}\` is not possible: ${expected}.`,
    remedy: 'Write for example --tiers cpu=8GiB,disk=50GiB:/path,remote=s3://bucket/prefix, or --tiers none.',
  });
}
