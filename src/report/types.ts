/** What a report shows, whatever it was made of. Null = the source does not know. */
import type { Distribution } from '../telemetry/metrics/types.js';
import type { HistoryPoint } from '../telemetry/run-history.js';
import type { TierSnapshot, TokensByKind } from '../telemetry/types.js';

export interface ReportData {
  version: 1;
  source: 'run' | 'recording';
  /** Stack's name, or the recording's folder. */
  name: string;
  model: string;
  /** What the figures are worth: SIMULATED and the like. */
  marks: string[];
  facts: [name: string, value: string][];
  /** Unix milliseconds. */
  from: number;
  to: number;
  requests: { total: number; failed: number | null; cancelled: number | null; rejected: number | null };
  tokens: { prompt: number; cached: number; predicted: number | null; reachable: number; generated: number };
  history: { stepMs: number; points: HistoryPoint[] };
  /** Seconds; those without a value are left out. */
  distributions: ReportDistribution[];
  /** The engines' own memory first. */
  tiers: TierSnapshot[] | null;
  kinds: TokensByKind | null;
  sessions: ReportSession[];
  /** Most computed tokens first. */
  misses: ReportMiss[];
  /** What the source does not know, in sentences. */
  notes: string[];
}

/** Seconds. */
export interface ReportDistribution {
  name: string;
  help: string;
  distribution: Distribution;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

export interface ReportSession {
  id: string;
  harness: string | null;
  role: string | null;
  parent: string | null;
  requests: number;
  hitRate: number | null;
  turns: (number | null)[];
}

export interface ReportMiss {
  cause: string;
  requests: number;
  computedTokens: number;
  /** Of them, computed before. */
  repeatedTokens: number;
}
