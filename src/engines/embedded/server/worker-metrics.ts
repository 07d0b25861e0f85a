/** The worker's figures under vLLM's names, labels and bucket bounds. */
import type { CoreFinish, CoreStats, EngineCore } from '../types.js';

const TTFT_BOUNDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
  2560,
];
const ITL_BOUNDS = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const E2E_BOUNDS = [
  0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
];

const REASONS = ['stop', 'length', 'abort', 'error'] as const;

/** Times of one choice. */
export interface ChoiceTiming {
  token(): void;
  end(reason: CoreFinish): void;
}

export class WorkerMetrics {
  readonly #core: EngineCore;
  readonly #finished = new Map<string, number>(REASONS.map((reason) => [reason, 0]));
  readonly #ttft = new Histogram(TTFT_BOUNDS);
  readonly #itl = new Histogram(ITL_BOUNDS);
  readonly #e2e = new Histogram(E2E_BOUNDS);
  /** What warming up counted: nobody's requests. */
  readonly #before: CoreStats;

  constructor(core: EngineCore) {
    this.#core = core;
    this.#before = core.stats();
  }

  /** `startedAt`: `performance.now()` when its request came. */
  choice(startedAt: number): ChoiceTiming {
    let last: number | null = null;
    return {
      token: () => {
        const now = performance.now();
        if (last === null) this.#ttft.add(now - startedAt);
        else this.#itl.add(now - last);
        last = now;
      },
      end: (reason) => {
        const name = reason === 'cancelled' ? 'abort' : reason;
        this.#finished.set(name, (this.#finished.get(name) ?? 0) + 1);
        if (name === 'stop' || name === 'length') this.#e2e.add(performance.now() - startedAt);
      },
    };
  }

  /** Prometheus text. */
  text(model: string): string {
    const labels = `engine="0",model_name="${escaped(model)}"`;
    const { blockTokens, blocksTotal } = this.#core.info;
    const cache = `block_size="${blockTokens}",engine="0",num_gpu_blocks="${blocksTotal}"`;
    const finished = [...this.#finished].map(
      ([reason, count]) => `vllm:request_success_total{finished_reason="${reason}",${labels}} ${count}`,
    );
    const lines = [
      ...this.#figures().flatMap(([name, type, value]) => [
        `# TYPE vllm:${name} ${type}`,
        `vllm:${name}{${labels}} ${value}`,
      ]),
      '# TYPE vllm:prompt_tokens_cached_by_source_total counter',
      ...this.#sources(labels),
      '# TYPE vllm:request_success_total counter',
      ...finished,
      ...this.#ttft.lines('time_to_first_token_seconds', labels),
      ...this.#itl.lines('inter_token_latency_seconds', labels),
      ...this.#e2e.lines('e2e_request_latency_seconds', labels),
      '# TYPE vllm:cache_config_info gauge',
      `vllm:cache_config_info{${cache}} 1`,
    ];
    return `${lines.join('\n')}\n`;
  }

  /** vLLM's names of where cached tokens came from; `remote` is ours. */
  #sources(labels: string): string[] {
    const { gpu, cpu, disk, remote } = this.#core.stats().cachedByTier;
    const before = this.#before.cachedByTier;
    const counts = {
      device: gpu - before.gpu,
      host: cpu - before.cpu,
      disk: disk - before.disk,
      remote: remote - before.remote,
    };
    return Object.entries(counts).map(
      ([source, count]) => `vllm:prompt_tokens_cached_by_source_total{source="${source}",${labels}} ${count}`,
    );
  }

  #figures(): [name: string, type: string, value: number][] {
    const stats = this.#core.stats();
    const since = (name: 'promptTokens' | 'cachedTokens' | 'generatedTokens'): number =>
      stats[name] - this.#before[name];
    return [
      ['num_requests_running', 'gauge', stats.running],
      ['num_requests_waiting', 'gauge', stats.waiting],
      ['kv_cache_usage_perc', 'gauge', stats.blocksTotal === 0 ? 0 : stats.blocksUsed / stats.blocksTotal],
      ['prefix_cache_queries_total', 'counter', since('promptTokens')],
      ['prefix_cache_hits_total', 'counter', since('cachedTokens')],
      ['prompt_tokens_total', 'counter', since('promptTokens')],
      ['generation_tokens_total', 'counter', since('generatedTokens')],
      ['num_preemptions_total', 'counter', stats.preemptions ?? 0],
    ];
  }
}

class Histogram {
  readonly #bounds: readonly number[];
  /** One more than bounds: the last holds what is above all. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  add(ms: number): void {
    const seconds = ms / 1000;
    const at = this.#bounds.findIndex((bound) => seconds <= bound);
    const bucket = at === -1 ? this.#bounds.length : at;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += seconds;
  }

  /** Buckets are cumulative. */
  lines(name: string, labels: string): string[] {
    let total = 0;
    const buckets = this.#counts.map((count, index) => {
      total += count;
      const bound = this.#bounds[index];
      const le = bound === undefined ? '+Inf' : Number.isInteger(bound) ? `${bound}.0` : bound;
      return `vllm:${name}_bucket{le="${le}",${labels}} ${total}`;
    });
    return [
      `# TYPE vllm:${name} histogram`,
      ...buckets,
      `vllm:${name}_sum{${labels}} ${this.#sum}`,
      `vllm:${name}_count{${labels}} ${total}`,
    ];
  }
}

function escaped(label: string): string {
  return label.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
}
