/** Families as text: OpenMetrics 1.0 or Prometheus' older format, which differ in the names of counters and in the end. */
import type { Distribution, Family, Labels, Sample } from './types.js';

export type MetricsFormat = 'openmetrics' | 'prometheus';

export const CONTENT_TYPES: Record<MetricsFormat, string> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
};

/** What a scraper asks for; the older format for one that says nothing, as browsers and curl. */
export function formatFor(accept: string | undefined): MetricsFormat {
  return accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'prometheus';
}

/** Families without a sample are left out. */
export function expositionText(families: readonly Family[], format: MetricsFormat): string {
  const lines: string[] = [];
  for (const family of families) familyLines(family, format, lines);
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

/** OpenMetrics wants the unit told where a name ends in one. */
const UNITS = ['seconds', 'bytes', 'tokens', 'blocks', 'celsius', 'watts', 'ratio'];

function familyLines(family: Family, format: MetricsFormat, lines: string[]): void {
  const { name, help, type } = family;
  const start = lines.length;
  const suffix = SUFFIXES[type];
  if (family.type === 'histogram')
    for (const [labels, distribution] of family.samples)
      histogramLines(name, labels, distribution, lines, format);
  else for (const sample of family.samples) sampleLine(`${name}${suffix}`, sample, lines);
  if (lines.length === start) return;
  const isOpen = format === 'openmetrics';
  const told = isOpen || family.type === 'histogram' ? name : `${name}${suffix}`;
  const unit = UNITS.find((one) => name.endsWith(`_${one}`));
  lines.splice(
    start,
    0,
    `# HELP ${told} ${help.replace(/[\\\n]/g, (char) => (char === '\n' ? '\\n' : '\\\\'))}`,
    `# TYPE ${told} ${isOpen ? type : PROMETHEUS_TYPES[type]}`,
    ...(isOpen && unit !== undefined && type !== 'info' ? [`# UNIT ${told} ${unit}`] : []),
  );
}

const SUFFIXES = { counter: '_total', gauge: '', info: '_info', unknown: '', histogram: '' } as const;
const PROMETHEUS_TYPES = {
  counter: 'counter',
  gauge: 'gauge',
  info: 'gauge',
  unknown: 'untyped',
  histogram: 'histogram',
} as const;

function sampleLine(name: string, [labels, value]: Sample, lines: string[]): void {
  if (value === null) return;
  const text = labelText(labels);
  lines.push(text === '' ? `${name} ${value}` : `${name}{${text}} ${value}`);
}

function histogramLines(
  name: string,
  labels: Labels,
  { bounds, counts, sum, count }: Distribution,
  lines: string[],
  format: MetricsFormat,
): void {
  const text = labelText(labels);
  const before = text === '' ? '' : `${text},`;
  let below = 0;
  for (const [index, bound] of bounds.entries()) {
    below += counts[index] ?? 0;
    lines.push(`${name}_bucket{${before}le="${boundText(bound, format)}"} ${below}`);
  }
  lines.push(`${name}_bucket{${before}le="+Inf"} ${count}`);
  const braces = text === '' ? '' : `{${text}}`;
  lines.push(`${name}_sum${braces} ${sum}`, `${name}_count${braces} ${count}`);
}

/** OpenMetrics writes bounds as floats: `1.0`, not `1`. */
const boundText = (bound: number, format: MetricsFormat): string =>
  format === 'openmetrics' && Number.isInteger(bound) ? `${bound}.0` : `${bound}`;

function labelText(labels: Labels): string {
  let text = '';
  for (const name in labels) text += `${text === '' ? '' : ','}${name}="${escaped(labels[name]!)}"`;
  return text;
}

function escaped(value: string): string {
  return /[\\"\n]/.test(value)
    ? value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
    : value;
}
