/** `/metrics`: the snapshot and what was counted beside it, as text. */
import type { Snapshot } from '../types.js';
import { cacheFamilies, processFamilies } from './cache.js';
import type { MetricsCollector } from './collector.js';
import { expositionText, type MetricsFormat } from './exposition.js';
import { frontendFamilies } from './frontend.js';
import type { Family } from './types.js';
import { workerFamilies } from './workers.js';

export function metricsText(
  snapshot: Snapshot,
  collected: MetricsCollector,
  format: MetricsFormat = 'prometheus',
): string {
  return expositionText(metricFamilies(snapshot, collected), format);
}

export function metricFamilies(snapshot: Snapshot, collected: MetricsCollector): Family[] {
  return [
    ...frontendFamilies(snapshot, collected),
    ...workerFamilies(snapshot, collected),
    ...cacheFamilies(snapshot, collected),
    ...processFamilies(snapshot),
  ];
}
