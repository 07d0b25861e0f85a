/** The cache view: how much was hit, from which tier, of which kind of text, and why the rest was not. */
import type { MissCause } from '../../telemetry/miss-cause.js';
import type { Snapshot, TierSnapshot, TokensByKind } from '../../telemetry/types.js';
import { bytes, compactCount, percent } from '../format.js';
import { bar, clip, type Glyphs, type Line, seg, stackedBar } from '../line.js';
import { type Column, tableLines } from '../table.js';
import { cacheLines, ruleLine } from './panels.js';
import type { Room } from './room.js';

export function cacheView(snapshot: Snapshot, { columns, glyphs }: Room): Line[] {
  const { tiers, byKind, misses } = snapshot;
  return [
    // Its last line names the tiers, which have a table of their own here.
    ...cacheLines(snapshot, columns, glyphs).slice(0, -1),
    ruleLine('tiers', columns, glyphs),
    ...tierLines(tiers, columns, glyphs),
    ruleLine('kinds of prompt text', columns, glyphs),
    ...kindLines(byKind, columns, glyphs),
    ruleLine('why prompts were not read from a cache', columns, glyphs),
    ...missLines(misses, columns, glyphs),
  ];
}

function tierLines(tiers: readonly TierSnapshot[], columns: number, glyphs: Glyphs): Line[] {
  const sum = tiers.reduce((total, { hitTokens }) => total + hitTokens, 0);
  const width = Math.min(48, columns - 14);
  const stacked: Line = [
    seg('hits'.padEnd(13)),
    seg(
      stackedBar(
        tiers.map(({ hitTokens }) => hitTokens),
        width,
        glyphs,
      ),
      'accent',
    ),
  ];
  const share = (tokens: number) => (sum === 0 ? null : tokens / sum);
  const figure = (title: string, size: number, rank: number, text: (tier: TierSnapshot) => string) => ({
    title,
    width: size,
    rank,
    isFigure: true,
    cell: (tier: TierSnapshot) => seg(text(tier)),
  });
  const all: Column<TierSnapshot>[] = [
    {
      title: 'tier',
      width: 9,
      rank: 0,
      cell: (tier) => seg(`${glyphs.parts[tiers.indexOf(tier) % glyphs.parts.length]} ${tier.name}`, 'title'),
    },
    figure('hits', 7, 0, ({ hitTokens }) => percent(share(hitTokens))),
    figure('tokens', 7, 0, ({ hitTokens }) => compactCount(hitTokens)),
    figure('blocks', 7, 6, ({ blocks }) => compactCount(blocks)),
    figure('size', 9, 1, (tier) => (tier.name === 'gpu' ? '-' : bytes(tier.bytes))),
    figure('of', 9, 5, ({ name, bytesMax }) => (name === 'gpu' || bytesMax === null ? '-' : bytes(bytesMax))),
    figure('read', 9, 2, (tier) => (tier.name === 'gpu' ? '-' : bytes(tier.readBytes))),
    figure('written', 9, 2, (tier) => (tier.name === 'gpu' ? '-' : bytes(tier.writtenBytes))),
    figure('read/s', 9, 4, ({ rates }) => (rates === undefined ? '-' : bytes(rates.readBytes))),
    figure('written/s', 9, 4, ({ rates }) => (rates === undefined ? '-' : bytes(rates.writtenBytes))),
    figure('evicted', 8, 3, ({ evicted }) => compactCount(evicted)),
    figure('promises', 9, 3, promises),
    {
      title: 'state',
      width: 8,
      rank: 3,
      grows: true,
      cell: ({ fault }) => (fault ? seg(`fault: ${fault}`, 'bad') : seg('works', 'dim')),
    },
  ];
  return [clip(stacked, columns), ...tableLines(tiers, all, columns)];
}

/** Kept of those that were made and have ended. */
const promises = ({ promisesKept: kept, promisesBroken: broken }: TierSnapshot): string =>
  kept === undefined ? '-' : `${compactCount(kept)}/${compactCount(kept + (broken ?? 0))}`;

const KINDS: [keyof TokensByKind, string][] = [
  ['system', 'system'],
  ['tools', 'tools'],
  ['conversation', 'conversation'],
  ['tool_result', 'tool results'],
  ['reasoning', 'reasoning'],
  ['output', 'output'],
];

function kindLines(byKind: TokensByKind, columns: number, glyphs: Glyphs): Line[] {
  const sum = KINDS.reduce((total, [kind]) => total + byKind[kind].tokens, 0);
  const width = Math.min(24, Math.max(6, columns - 44));
  const head: Line = [
    seg(
      `${'kind'.padEnd(13)}${'of it hit'.padEnd(width)}${'hit'.padStart(9)}${'tokens'.padStart(9)}${'of all'.padStart(9)}`,
      'dim',
    ),
  ];
  const rows = KINDS.map(([kind, name]): Line => {
    const { tokens, cached } = byKind[kind];
    const hit = tokens === 0 ? null : Math.min(1, cached / tokens);
    return [
      seg(name.padEnd(13)),
      seg(bar(hit, width, glyphs), 'good'),
      seg(percent(hit).padStart(9), hit === null ? 'dim' : 'plain'),
      seg(compactCount(tokens).padStart(9)),
      seg(percent(sum === 0 ? null : tokens / sum).padStart(9), 'dim'),
    ];
  });
  return [head, ...rows].map((line) => clip(line, columns));
}

function missLines(misses: Snapshot['misses'], columns: number, glyphs: Glyphs): Line[] {
  const rows = (
    Object.entries(misses) as [
      MissCause,
      { requests: number; computedTokens: number; repeatedTokens: number },
    ][]
  ).sort(([, a], [, b]) => b.computedTokens - a.computedTokens);
  if (rows.length === 0) return [[seg('no request has ended yet', 'dim')]];
  const most = Math.max(1, ...rows.map(([, { computedTokens }]) => computedTokens));
  const width = Math.min(24, Math.max(4, columns - 50));
  const head: Line = [
    seg(
      `${'cause'.padEnd(18)}${'computed'.padStart(9)}${'again'.padStart(8)}${'requests'.padStart(10)}`,
      'dim',
    ),
  ];
  const lines = rows.map(
    ([cause, { requests, computedTokens, repeatedTokens }]): Line => [
      seg(cause.replaceAll('_', ' ').padEnd(18)),
      seg(compactCount(computedTokens).padStart(9)),
      seg(compactCount(repeatedTokens).padStart(8), repeatedTokens > 0 ? 'warn' : 'dim'),
      seg(compactCount(requests).padStart(10)),
      seg(`  ${bar(computedTokens / most, width, glyphs)}`, 'accent'),
    ],
  );
  return [head, ...lines].map((line) => clip(line, columns));
}
