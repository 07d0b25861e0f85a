/** The worker's figures under vLLM's names. */
import type { CoreFinish, EngineCore } from '../types.js';

/** Bucket bounds in seconds, those of vLLM's latency histograms. */
const BOUNDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
  2560,
];

class Seconds {
  readonly counts = new Float64Array(BOUNDS.length + 1);
  sum = 0;
  count = 0;

  add(ms: number): void {
    const seconds = ms / 1000;
    const at = BOUNDS.findIndex((bound) => seconds <= bound);
    this.counts[at === -1 ? BOUNDS.length : at]! += 1;
    this.sum += seconds;
    this.count += 1;
  }
}

export class WorkerMetrics {
  readonly finished = new Map<string, number>();
  readonly ttft = new Seconds();
  readonly itl = new Seconds();
  readonly e2e = new Seconds();

  firstToken(ms: number): void {
    this.ttft.add(ms);
  }

  nextToken(ms: number): void {
    this.itl.add(ms);
  }

  ended(reason: CoreFinish, ms: number): void {
    const name = reason === 'cancelled' ? 'abort' : reason;
    this.finished.set(name, (this.finished.get(name) ?? 0) + 1);
    if (reason !== 'cancelled') this.e2e.add(ms);
  }
}

export function metricsText(core: EngineCore, metrics: WorkerMetrics, model: string): string {
  const stats = core.stats();
  const base = `model_name="${model}",engine="0"`;
  const one = (name: string, type: string, value: number) => [
    `# TYPE vllm:${name} ${type}`,
    `vllm:${name}{${base}} ${value}`,
  ];
  const lines = [
    ...one('num_requests_running', 'gauge', stats.running),
    ...one('num_requests_waiting', 'gauge', stats.waiting),
    ...one(
      'kv_cache_usage_perc',
      'gauge',
      stats.blocksTotal === 0 ? 0 : stats.blocksUsed / stats.blocksTotal,
    ),
    ...one('prefix_cache_queries_total', 'counter', stats.promptTokens),
    ...one('prefix_cache_hits_total', 'counter', stats.cachedTokens),
    ...one('prompt_tokens_total', 'counter', stats.promptTokens),
    ...one('generation_tokens_total', 'counter', stats.generatedTokens),
    '# TYPE vllm:request_success_total counter',
    ...[...metrics.finished].map(
      ([reason, count]) => `vllm:request_success_total{${base},finished_reason="${reason}"} ${count}`,
    ),
    ...histogram('time_to_first_token_seconds', base, metrics.ttft),
    ...histogram('inter_token_latency_seconds', base, metrics.itl),
    ...histogram('e2e_request_latency_seconds', base, metrics.e2e),
    '# TYPE vllm:cache_config_info gauge',
    `vllm:cache_config_info{block_size="${core.info.blockTokens}",num_gpu_blocks="${core.info.blocksTotal}",engine="0"} 1`,
  ];
  return `${lines.join('\n')}\n`;
}

function histogram(name: string, base: string, values: Seconds): string[] {
  let total = 0;
  const buckets = [...BOUNDS.map(String), '+Inf'].map((bound, index) => {
    total += values.counts[index]!;
    return `vllm:${name}_bucket{${base},le="${bound}"} ${total}`;
  });
  return [
    `# TYPE vllm:${name} histogram`,
    ...buckets,
    `vllm:${name}_sum{${base}} ${values.sum}`,
    `vllm:${name}_count{${base}} ${values.count}`,
  ];
}
