/** The parts of the page, one function each. */
import type { Distribution } from '../../telemetry/metrics/types.js';
import type { HistoryPoint } from '../../telemetry/run-history.js';
import type { ReportData } from '../types.js';
import { columnChart, stackedBar, timeChart, turnBars } from './charts.js';
import { bytes, count, escapeHtml, percent, seconds } from './text.js';

export function overTimeSection({ history }: ReportData): string {
  const { stepMs, points } = history;
  const first = points[0];
  if (first === undefined) return section('Hit rate over time', '', '<p>No request has ended yet.</p>');
  const by = new Map(points.map((point) => [Math.round((point.at - first.at) / stepMs), point]));
  const steps = Math.max(...by.keys()) + 1;
  const values = (pick: (point: HistoryPoint) => number | null) =>
    Array.from({ length: steps }, (_, at) => {
      const point = by.get(at);
      return point === undefined ? null : pick(point);
    });
  const share = (pick: (point: HistoryPoint) => number) => (point: HistoryPoint) =>
    point.promptTokens === 0 ? null : Math.min(1, pick(point) / point.promptTokens);
  const rate = timeChart({
    label: 'Hit rate and reachable hit rate over time',
    stepMs,
    top: 1,
    format: (value) => `${Math.round(100 * value)} %`,
    lines: [
      { name: 'hit rate', tone: 0, values: values(share((point) => point.cachedTokens)) },
      { name: 'reachable', tone: 1, values: values(share((point) => point.reachableTokens)) },
    ],
  });
  const firstToken = timeChart({
    label: 'Mean time to first token over time',
    stepMs,
    format: seconds,
    lines: [
      {
        name: 'mean time to first token',
        tone: 2,
        values: values((point) =>
          point.firstTokens === 0 ? null : point.ttftMs / point.firstTokens / 1_000,
        ),
      },
    ],
  });
  const told = `Of each ${stepMs / 1_000} s; steps without a request are gaps.`;
  return section('Hit rate over time', told, `<div class="two">${rate}${firstToken}</div>`);
}

export function latencySection({ distributions }: ReportData): string {
  if (distributions.length === 0) return '';
  const rows = distributions.map(({ name, help, distribution, p50, p95, p99 }) => {
    const figures = [p50, p95, p99].map((value) => `<td class="n">${seconds(value)}</td>`).join('');
    const mean = seconds(distribution.sum / distribution.count);
    return `<tr><td>${name}</td>${figures}<td class="n">${mean}</td><td class="n">${distribution.count}</td><td>${escapeHtml(help)}</td></tr>`;
  });
  const heads =
    '<th></th><th class="n">p50</th><th class="n">p95</th><th class="n">p99</th><th class="n">mean</th><th class="n">values</th><th></th>';
  const charts = distributions.map(
    ({ name, distribution }) =>
      `<div><h3>${name}</h3>${columnChart({ label: `Distribution of ${name}`, bars: barsOf(distribution) })}</div>`,
  );
  const told =
    'Of all values of the run. A bar holds what took at most what stands below it, and more than the bar before.';
  return section('Latency', told, `${table(heads, rows)}<div class="two">${charts.join('')}</div>`);
}

function barsOf({
  bounds,
  counts,
  count: all,
}: Distribution): { name: string; value: number; note: string }[] {
  return Array.from({ length: bounds.length + 1 }, (_, at) => {
    const value = counts[at] ?? 0;
    const bound = bounds[at];
    const name = bound === undefined ? 'more' : seconds(bound);
    return { name, value, note: shareWords(all === 0 ? 0 : value / all) };
  });
}

/** Whole percent; what is there is never told as nothing. */
const shareWords = (share: number): string =>
  share > 0 && share < 0.005 ? '< 1 %' : `${Math.round(100 * share)} %`;

export function tierSection({ tiers, kinds }: ReportData): string {
  if (tiers === null) return '';
  const shares = tiers.map(({ name, hitTokens }, tone) => ({
    name: `${name} ${count(hitTokens)} tokens`,
    tone,
    value: hitTokens,
  }));
  const rows = tiers.map((tier) => {
    const isMemory = tier.name === 'gpu';
    const cells = [
      count(tier.hitTokens),
      count(tier.blocks),
      isMemory ? '–' : bytes(tier.bytes),
      isMemory || tier.bytesMax === null ? '–' : bytes(tier.bytesMax),
      isMemory ? '–' : bytes(tier.writtenBytes),
      isMemory ? '–' : bytes(tier.readBytes),
      isMemory ? '–' : count(tier.evicted),
      tier.promisesKept === undefined
        ? '–'
        : `${tier.promisesKept} of ${tier.promisesKept + (tier.promisesBroken ?? 0)}`,
    ];
    return `<tr><td>${tier.name}</td>${cells.map((cell) => `<td class="n">${cell}</td>`).join('')}<td>${escapeHtml(tier.fault ?? '')}</td></tr>`;
  });
  const names = ['hit tokens', 'blocks', 'size', 'of', 'written', 'read back', 'evicted', 'promises kept'];
  const heads = `<th>tier</th>${names.map((name) => `<th class="n">${name}</th>`).join('')}<th></th>`;
  return section(
    'Tier flow',
    'Where the tokens that were hit came from, and what went down to each tier and came back.',
    `${stackedBar('Hit tokens by tier', shares)}${table(heads, rows)}${kindTable(kinds)}`,
  );
}

function kindTable(kinds: ReportData['kinds']): string {
  if (kinds === null) return '';
  const rows = Object.entries(kinds).map(([kind, { tokens, cached }]) => {
    const share = tokens === 0 ? null : Math.min(1, cached / tokens);
    return `<tr><td>${kind.replace('_', ' ')}</td><td>${shareBar(share)}</td><td class="n">${percent(share)}</td><td class="n">${count(tokens)}</td></tr>`;
  });
  const heads = '<th>kind of text</th><th>of it hit</th><th class="n">hit</th><th class="n">tokens</th>';
  return table(heads, rows);
}

export function missSection({ misses }: ReportData): string {
  if (misses.length === 0) return '';
  const most = Math.max(1, ...misses.map(({ computedTokens }) => computedTokens));
  const rows = misses.map(
    ({ cause, requests, computedTokens, repeatedTokens }) =>
      `<tr><td>${escapeHtml(cause)}</td><td>${shareBar(computedTokens / most)}</td><td class="n">${count(computedTokens)}</td><td class="n">${count(repeatedTokens)}</td><td class="n">${requests}</td></tr>`,
  );
  const heads =
    '<th>cause</th><th></th><th class="n">tokens computed</th><th class="n">of them again</th><th class="n">requests</th>';
  const told = 'Prompt tokens that were computed, by why they had not been read from a cache.';
  return section('Misses by cause', told, table(heads, rows));
}

export function sessionSection({ sessions }: ReportData): string {
  if (sessions.length === 0) return '';
  const rows = sessions.map(({ id, harness, role, parent, requests, hitRate, turns }) => {
    const known = turns.map((turn) => percent(turn)).join(', ');
    const who = [harness, role].filter((word) => word !== null).join(' ');
    return `<tr><td class="id" title="${escapeHtml(id)}">${escapeHtml(id)}</td><td>${escapeHtml(who)}</td><td class="n">${requests}</td><td class="n">${percent(hitRate)}</td><td>${turnBars(turns, `Hit rate by turn: ${known}`)}</td><td class="id">${escapeHtml(parent ?? '')}</td></tr>`;
  });
  const heads =
    '<th>session</th><th></th><th class="n">requests</th><th class="n">hit rate</th><th>by turn</th><th>started by</th>';
  return section('Sessions', `The ${sessions.length} shown, hit rate turn by turn.`, table(heads, rows));
}

const section = (title: string, told: string, content: string): string =>
  `<section><h2>${title}</h2>${told === '' ? '' : `<p>${told}</p>`}${content}</section>`;

const table = (heads: string, rows: readonly string[]): string =>
  `<div class="wide"><table><thead><tr>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;

const shareBar = (share: number | null): string =>
  `<div class="share"><div style="width:${((share ?? 0) * 100).toFixed(1)}%"></div></div>`;
