/** What an engine that somebody else runs tells of itself. */
import type { EventEndpoints } from '../plan/types.js';
import type { MetricNames } from './metrics-scrape.js';
import type { WorkerLink } from './types.js';

export interface EngineFacts {
  /** Models it serves, the first one first. */
  models: { id: string; contextTokens: number | null }[];
  /** `vllm`, `sglang`, or `openai` for one that does not say. */
  engine: string;
  version: string;
  /** Tokens per KV block and blocks; null when it does not say. */
  blockTokens: number | null;
  kvBlocks: number | null;
  events: EventEndpoints | null;
  /** Path that answers 200 while it serves. */
  healthPath: string;
}

/** Prometheus names by engine; none where an engine has no such figure. */
const METRICS: Record<string, MetricNames> = {
  vllm: {
    running: 'vllm:num_requests_running',
    waiting: 'vllm:num_requests_waiting',
    kvUsage: 'vllm:kv_cache_usage_perc',
  },
  sglang: {
    running: 'sglang:num_running_reqs',
    waiting: 'sglang:num_queue_reqs',
    kvUsage: 'sglang:token_usage',
  },
};
const NO_METRICS: MetricNames = { running: '', waiting: '', kvUsage: '' };

/** Rejects with the DynamoError of the link when it does not answer `/v1/models`; all else is optional. */
export async function askEngine(link: WorkerLink): Promise<EngineFacts> {
  const models = modelsOf(await link.json('GET', '/v1/models'));
  const [metrics, version, sources, healthPath] = await Promise.all([
    link.text('/metrics').catch(() => ''),
    link.json('GET', '/version').catch(() => null),
    link.json('GET', '/kv_event_sources').catch(() => null),
    link.text('/health').then(
      () => '/health',
      () => '/v1/models',
    ),
  ]);
  const engine = ['vllm', 'sglang'].find(
    (name) => metrics.includes(`\n${name}:`) || metrics.startsWith(`${name}:`),
  );
  return {
    models,
    engine: engine ?? 'openai',
    version: String((version as { version?: unknown } | null)?.version ?? ''),
    ...cacheFacts(metrics),
    events: eventSource(sources, new URL(link.url).hostname),
    healthPath,
  };
}

export const metricNames = (engine: string): MetricNames => METRICS[engine] ?? NO_METRICS;

/** vLLM tells its cache as labels of an info metric. */
export function cacheFacts(metrics: string): Pick<EngineFacts, 'blockTokens' | 'kvBlocks'> {
  const info = /^\w+:cache_config_info\{([^}]*)\}/m.exec(metrics)?.[1] ?? '';
  const label = (name: string): number | null => {
    const value = Number(new RegExp(`(?:^|,)\\s*${name}="(\\d{1,9})"`).exec(info)?.[1] ?? 'NaN');
    return Number.isInteger(value) && value > 0 ? value : null;
  };
  return { blockTokens: label('block_size'), kvBlocks: label('num_gpu_blocks') };
}

/** The first rank's entry of vLLM's `GET /kv_event_sources`; an address of all interfaces is the engine's own host. */
export function eventSource(answer: unknown, host: string): EventEndpoints | null {
  if (typeof answer !== 'object' || answer === null) return null;
  const [first] = Object.values(answer) as {
    endpoint?: unknown;
    replay_endpoint?: unknown;
    topic?: unknown;
  }[];
  if (typeof first?.endpoint !== 'string') return null;
  const reach = (address: unknown): string =>
    typeof address === 'string' ? address.replace(/^tcp:\/\/(\*|0\.0\.0\.0)(?=:)/, `tcp://${host}`) : '';
  return {
    events: reach(first.endpoint),
    replay: reach(first.replay_endpoint),
    topic: typeof first.topic === 'string' ? first.topic : '',
  };
}

function modelsOf(answer: unknown): EngineFacts['models'] {
  const { data } = (answer ?? {}) as { data?: unknown };
  if (!Array.isArray(data)) return [];
  return data.flatMap((model: { id?: unknown; max_model_len?: unknown } | null) =>
    typeof model?.id === 'string'
      ? [
          {
            id: model.id,
            contextTokens: Number.isInteger(model.max_model_len) ? (model.max_model_len as number) : null,
          },
        ]
      : [],
  );
}
