/** What an engine that somebody else runs tells of itself. */
import type { EventEndpoints } from '../plan/types.js';
import type { WorkerLink } from './types.js';

export interface EngineFacts {
  /** Models it serves, the first one first. */
  models: { id: string; contextTokens: number | null }[];
  /** `vllm`, `sglang`, `trtllm`, or `openai` for one that does not say. */
  engine: string;
  version: string;
  /** Tokens per KV block and blocks; null when it does not say. */
  blockTokens: number | null;
  kvBlocks: number | null;
  /** Its data-parallel ranks that publish events; one for an engine without, none where it does not say. */
  ranks: EventRank[];
  /** Path that answers 200 while it serves. */
  healthPath: string;
}

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
  const named = ['vllm', 'sglang'].find(
    (name) => metrics.includes(`\n${name}:`) || metrics.startsWith(`${name}:`),
  );
  const passes = trtllmPasses(metrics);
  const engine = named ?? (passes === null ? undefined : 'trtllm');
  return {
    models,
    engine: engine ?? 'openai',
    version: String((version as { version?: unknown } | null)?.version ?? ''),
    ...(passes ?? cacheFacts(metrics)),
    ranks: eventRanks(sources, new URL(link.url).hostname),
    healthPath,
  };
}

/** vLLM tells its cache as labels of an info metric. */
export function cacheFacts(metrics: string): Pick<EngineFacts, 'blockTokens' | 'kvBlocks'> {
  const info = /^\w+:cache_config_info\{([^}]*)\}/m.exec(metrics)?.[1] ?? '';
  const label = (name: string): number | null => {
    const value = Number(new RegExp(`(?:^|,)\\s*${name}="(\\d{1,9})"`).exec(info)?.[1] ?? 'NaN');
    return Number.isInteger(value) && value > 0 ? value : null;
  };
  return { blockTokens: label('block_size'), kvBlocks: label('num_gpu_blocks') };
}

/** TensorRT-LLM's `/metrics` is a JSON list of its last passes; null for anything else. An idle engine's is empty. */
export function trtllmPasses(metrics: string): Pick<EngineFacts, 'blockTokens' | 'kvBlocks'> | null {
  if (!metrics.startsWith('[')) return null;
  let passes: unknown;
  try {
    passes = JSON.parse(metrics);
  } catch {
    return null;
  }
  if (!Array.isArray(passes)) return null;
  const last = passes.at(-1) as { kvCacheStats?: Record<string, unknown> } | undefined;
  const count = (name: string): number | null => {
    const value = last?.kvCacheStats?.[name];
    return Number.isInteger(value) && (value as number) > 0 ? (value as number) : null;
  };
  return { blockTokens: count('tokensPerBlock'), kvBlocks: count('maxNumBlocks') };
}

/** A data-parallel rank with the address of its events. */
export interface EventRank {
  rank: number;
  events: EventEndpoints;
}

/** vLLM's `GET /kv_event_sources`, an entry per rank; an address of all interfaces is the engine's own host. */
export function eventRanks(answer: unknown, host: string): EventRank[] {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return [];
  const reach = (address: unknown): string =>
    typeof address === 'string'
      ? address.replace(/^tcp:\/\/(\*|0\.0\.0\.0|\[::\])(?=:)/, `tcp://${host}`)
      : '';
  return Object.entries(answer as Record<string, Partial<Record<string, unknown>> | null>)
    .flatMap(([key, source]): EventRank[] => {
      const rank = Number(key);
      if (!Number.isInteger(rank) || rank < 0 || typeof source?.['endpoint'] !== 'string') return [];
      const { endpoint, replay_endpoint: replay, topic } = source;
      const events = reach(endpoint);
      return [
        { rank, events: { events, replay: reach(replay), topic: typeof topic === 'string' ? topic : '' } },
      ];
    })
    .sort((a, b) => a.rank - b.rank);
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
