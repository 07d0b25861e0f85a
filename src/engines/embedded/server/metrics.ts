/** The worker's figures under vLLM's names. */
import type { EngineCore } from '../types.js';

export class WorkerMetrics {
  readonly finished: Record<string, number> = {};
}

export function metricsText(core: EngineCore, metrics: WorkerMetrics, model: string): string {
  const stats = core.stats();
  const labels = `{model_name="${model}",engine="0"}`;
  const line = (name: string, type: string, value: number) => `# TYPE vllm:${name} ${type}\nvllm:${name}${labels} ${value}`;
  return `${[
    line('num_requests_running', 'gauge', stats.running),
    line('num_requests_waiting', 'gauge', stats.waiting),
    line('kv_cache_usage_perc', 'gauge', stats.blocksUsed / stats.blocksTotal),
    line('prefix_cache_queries_total', 'counter', stats.promptTokens),
    line('prefix_cache_hits_total', 'counter', stats.cachedTokens),
    line('prompt_tokens_total', 'counter', stats.promptTokens),
    line('generation_tokens_total', 'counter', stats.generatedTokens),
    ...Object.entries(metrics.finished).map(([reason, count]) => `vllm:request_success_total{model_name="${model}",engine="0",finished_reason="${reason}"} ${count}`),
    `vllm:cache_config_info{block_size="${core.info.blockTokens}",num_gpu_blocks="${core.info.blocksTotal}",engine="0"} 1`,
  ].join('\n')}\n`;
}
