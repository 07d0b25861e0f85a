/** `dynamo cache stats` as a person reads it. */
import type { Snapshot, TierSnapshot, WarmSnapshot } from '../telemetry/types.js';

export type CacheFacts = Pick<Snapshot, 'tiers' | 'warm' | 'hitRate' | 'tokens' | 'readWriteRatio'>;

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function cacheStatsText({ tiers, warm, hitRate, tokens, readWriteRatio }: CacheFacts): string {
  const total = hitRate.total === null ? 'no requests yet' : percent(hitRate.total);
  return [
    `hit rate ${total} of ${tokens.prompt} prompt tokens · read/write ${(readWriteRatio ?? 0).toFixed(1)}`,
    '',
    [
      'tier'.padEnd(8),
      'size'.padStart(20),
      'pages'.padStart(8),
      'of hits'.padStart(9),
      'read'.padStart(10),
      'written'.padStart(10),
      'evicted'.padStart(8),
      'misses'.padStart(7),
      '  promises kept / broken',
    ].join(''),
    ...tiers.flatMap((tier) => tierLines(tier, tokens.cached)),
    ...warmLines(warm),
  ].join('\n');
}

function tierLines(tier: TierSnapshot, cached: number): string[] {
  const isEngine = tier.name === 'gpu';
  const size = isEngine
    ? 'engine memory'
    : `${bytes(tier.bytes)} / ${tier.bytesMax === null ? '∞' : bytes(tier.bytesMax)}`;
  const line = [
    tier.name.padEnd(8),
    size.padStart(20),
    String(tier.blocks).padStart(8),
    (cached === 0 ? '-' : percent(tier.hitTokens / cached)).padStart(9),
    (isEngine ? '-' : bytes(tier.readBytes)).padStart(10),
    (isEngine ? '-' : bytes(tier.writtenBytes)).padStart(10),
    String(tier.evicted).padStart(8),
    String(tier.misses ?? '-').padStart(7),
    isEngine ? '' : `  ${tier.promisesKept ?? 0} / ${tier.promisesBroken ?? 0}`,
  ].join('');
  const classes = Object.entries(tier.classes ?? {}).map(([name, count]) => `${name}: ${count}`);
  return [
    line,
    ...(isEngine ? [] : [flowLine(tier)]),
    ...(classes.length === 0 ? [] : [`        pages by priority  ${classes.join(', ')}`]),
    ...(tier.fault ? [`        NOT IN USE: ${tier.fault}`] : []),
  ];
}

function flowLine({ rates = { readBytes: 0, writtenBytes: 0 }, oldestMs, dropped }: TierSnapshot): string {
  return [
    `        now ${bytes(rates.readBytes)}/s read, ${bytes(rates.writtenBytes)}/s written`,
    ...(oldestMs === null || oldestMs === undefined ? [] : [`longest unused ${ago(oldestMs)}`]),
    ...(dropped ? [`${dropped} pages not written: too slow`] : []),
  ].join(', ');
}

function ago(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

/** Beside everything above: no figure of requests counts it. */
function warmLines({ causes, computedTokens, promptTokens, share, promises }: WarmSnapshot): string[] {
  const ways = Object.entries(causes).map(([cause, outcomes]) => {
    const counts = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`);
    return `        ${cause}  ${counts.join(', ')}`.replaceAll('_', ' ');
  });
  const { kept, broken } = promises;
  if (kept + broken > 0)
    ways.push(`        ${kept} lifetimes kept, ${broken} not, on engines that keep none`);
  if (ways.length === 0) return [];
  const part = share === null ? '' : ` (${percent(share)} of all computed)`;
  return ['', `computed ahead  ${computedTokens} of ${promptTokens} prompt tokens${part}`, ...ways];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function bytes(count: number): string {
  const power = count < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(count) / 10));
  return `${(count / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}
