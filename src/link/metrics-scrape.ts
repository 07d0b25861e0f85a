/** The few figures we read from a worker's Prometheus text. */
import type { MetricNames } from '../engines/capabilities.js';
import { LIMITS } from '../limits.js';
import type { WorkerLink } from './types.js';

/** Null where the text does not say. */
export interface EngineMetrics {
  running: number | null;
  waiting: number | null;
  /** 0..1. */
  kvUsage: number | null;
}

/** Scrapes `/metrics`. Rejects with a DynamoError. */
export async function scrapeMetrics(
  link: WorkerLink,
  names: MetricNames,
  rank?: number,
): Promise<EngineMetrics> {
  return parseMetrics(await link.text('/metrics'), names, rank);
}

/**
 * Sums a counter over its label sets (one per data-parallel rank) and averages the usage. Lines it cannot
 * read are skipped; text beyond the bound is not read. With `rank` only that rank's samples count (label `engine`).
 */
export function parseMetrics(text: string, names: MetricNames, rank?: number): EngineMetrics {
  const bounded = text.length > LIMITS.metricsBytes ? text.slice(0, LIMITS.metricsBytes) : text;
  const label = rank === undefined ? '' : `engine="${rank}"`;
  const usage = valuesOf(bounded, names.kvUsage, label);
  return {
    running: sum(valuesOf(bounded, names.running, label)),
    waiting: sum(valuesOf(bounded, names.waiting, label)),
    kvUsage: usage.length === 0 ? null : (sum(usage) as number) / usage.length,
  };
}

function valuesOf(text: string, name: string, label: string): number[] {
  const values: number[] = [];
  if (name === '') return values;
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + name.length)) {
    if (at > 0 && text[at - 1] !== '\n') continue;
    const lineEnd = text.indexOf('\n', at);
    const rest = text.slice(at + name.length, lineEnd === -1 ? text.length : lineEnd);
    const value = rest.includes(label) ? sampleOf(rest) : null;
    if (value !== null) values.push(value);
  }
  return values;
}

/** `rest` is what follows the name: labels in braces, the value, maybe a timestamp. */
function sampleOf(rest: string): number | null {
  const first = rest[0];
  if (first !== '{' && first !== ' ' && first !== '\t') return null;
  const after = first === '{' ? rest.slice(rest.lastIndexOf('}') + 1) : rest;
  const number = Number(after.trim().split(/\s+/)[0] || 'NaN');
  return Number.isFinite(number) ? number : null;
}

function sum(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0);
}
