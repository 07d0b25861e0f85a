/** Figures of each worker: our own, NVIDIA Dynamo's and vLLM's names for the same things. */
import type { GpuSnapshot, Snapshot, WorkerSnapshot } from '../types.js';
import type { BucketHistogram } from './buckets.js';
import type { MetricsCollector, WorkerTally } from './collector.js';
import type { Family, Labels, Sample } from './types.js';

export function workerFamilies(snapshot: Snapshot, collected: MetricsCollector): Family[] {
  const { workers, stack } = snapshot;
  const tallies = workers.flatMap(({ id }, index) => {
    const tally = collected.workers().get(id);
    return tally === undefined ? [] : [{ id, index, tally }];
  });
  return [
    ...ownFamilies(workers),
    ...gpuFamilies(snapshot),
    ...dynamoFamilies(workers, stack.model),
    ...componentFamilies(tallies, stack.model),
    ...vllmFamilies(workers, tallies, stack.model),
  ];
}

interface Tallied {
  id: string;
  index: number;
  tally: WorkerTally;
}

type Pick = (worker: WorkerSnapshot) => number | null;

function ownFamilies(workers: readonly WorkerSnapshot[]): Family[] {
  const each = (name: string, type: 'counter' | 'gauge', help: string, pick: Pick): Family => ({
    name: `dynamo_worker_${name}`,
    type,
    help,
    samples: workers.map((worker) => [{ worker: worker.id }, pick(worker)]),
  });
  return [
    each('up', 'gauge', 'Whether the worker serves.', ({ state }) => (state === 'ready' ? 1 : 0)),
    each('active_requests', 'gauge', 'Requests on the worker.', ({ active }) => active.requests),
    each('kv_blocks', 'gauge', 'KV blocks the worker has.', ({ kv }) => kv.blocksTotal),
    each('used_kv_blocks', 'gauge', 'KV blocks in use.', ({ kv }) => kv.blocksUsed),
    each('prompt_tokens', 'counter', 'Prompt tokens of finished requests.', (w) => w.promptTokens),
    each('cached_tokens', 'counter', 'Of them, read from the cache.', (w) => w.cachedTokens),
    each('generated_tokens', 'counter', 'Tokens generated.', (w) => w.generatedTokens),
    each('restarts', 'counter', 'Restarts after a crash.', ({ restarts }) => restarts),
  ];
}

function gpuFamilies({ gpus, workers }: Snapshot): Family[] {
  const each = (name: string, help: string, pick: (gpu: GpuSnapshot) => number | null): Family => ({
    name: `dynamo_gpu_${name}`,
    type: 'gauge',
    help,
    samples: gpus.map((gpu) => {
      const worker = workers.find((one) => one.gpus.includes(gpu.index))?.id ?? '';
      return [{ gpu: `${gpu.index}`, worker, simulated: `${gpu.isSimulated}` }, pick(gpu)];
    }),
  });
  return [
    each('utilization_ratio', 'Share of the time in which something ran.', (gpu) => gpu.utilization),
    each('memory_used_bytes', 'Memory in use.', (gpu) => gpu.memoryUsedBytes),
    each('memory_size_bytes', 'Memory of the GPU.', (gpu) => gpu.memoryBytes),
    each('temperature_celsius', 'How warm it is.', (gpu) => gpu.celsius),
    each('power_watts', 'Power it draws.', (gpu) => gpu.watts),
  ];
}

/** NVIDIA Dynamo's labels of one worker. */
const dynamoLabels = (id: string): Labels => ({
  worker: id,
  worker_id: id,
  dp_rank: '0',
  worker_type: 'decode',
});

function dynamoFamilies(workers: readonly WorkerSnapshot[], model: string): Family[] {
  const each = (name: string, help: string, pick: Pick, more: Labels = {}): Family => ({
    name: `dynamo_${name}`,
    type: 'gauge',
    help,
    samples: workers.map((worker) => [{ ...dynamoLabels(worker.id), ...more }, pick(worker)]),
  });
  const first = workers[0];
  const ofModel = (name: string, help: string, value: number | null): Family => ({
    name: `dynamo_frontend_model_${name}`,
    type: 'gauge',
    help,
    samples: [[{ model }, value]],
  });
  const ready = workers.filter(({ state }) => state === 'ready').length;
  const known = (value: number | undefined) => (value === undefined || value === 0 ? null : value);
  return [
    each(
      'frontend_worker_active_prefill_tokens',
      'Prompt tokens booked and not computed.',
      ({ active }) => active.prefillTokens,
    ),
    each(
      'frontend_worker_active_decode_blocks',
      'KV blocks of running requests.',
      ({ active }) => active.decodeBlocks,
    ),
    each('component_kvstats_active_blocks', 'KV blocks in use.', ({ kv }) => kv.blocksUsed, { model }),
    each('component_kvstats_total_blocks', 'KV blocks the worker has.', ({ kv }) => known(kv.blocksTotal), {
      model,
    }),
    each('component_kvstats_gpu_cache_usage_percent', 'KV blocks in use, 0 to 1.', usedShare, { model }),
    each('component_kvstats_gpu_prefix_cache_hit_rate', 'Cached over prompt tokens, 0 to 1.', hitShare, {
      model,
    }),
    ofModel('workers', 'Workers that serve.', ready),
    ofModel('total_kv_blocks', 'KV blocks of the first worker.', known(first?.kv.blocksTotal)),
    ofModel('kv_cache_block_size', 'Tokens of a KV block.', known(first?.kv.blockTokens)),
  ];
}

const usedShare: Pick = ({ kv }) => (kv.blocksTotal === 0 ? null : kv.blocksUsed / kv.blocksTotal);
const hitShare: Pick = (w) => (w.promptTokens === 0 ? null : w.cachedTokens / w.promptTokens);

function componentFamilies(tallies: readonly Tallied[], model: string): Family[] {
  const labels = (id: string): Labels => ({ ...dynamoLabels(id), model, dynamo_endpoint: 'generate' });
  const counter = (name: string, help: string, samples: Sample[]): Family => ({
    name: `dynamo_component_${name}`,
    type: 'counter',
    help,
    samples,
  });
  return [
    counter(
      'requests',
      'Requests sent to the worker.',
      tallies.map(({ id, tally }) => [labels(id), tally.requests]),
    ),
    counter(
      'cancellation',
      'Of them, given up by their client.',
      tallies.map(({ id, tally }) => [labels(id), tally.cancelled]),
    ),
    counter(
      'errors',
      'Of them, failed.',
      tallies.flatMap(({ id, tally }) =>
        [...tally.errors].map(([error_type, count]): Sample => [{ ...labels(id), error_type }, count]),
      ),
    ),
    {
      name: 'dynamo_component_request_duration_seconds',
      type: 'histogram',
      help: 'Time of a whole request that ended on the worker.',
      samples: tallies.map(({ id, tally }) => [labels(id), tally.of.request]),
    },
  ];
}

/** vLLM's own names, measured here: a worker's own `/metrics` leaves out the way to it. */
function vllmFamilies(
  workers: readonly WorkerSnapshot[],
  tallies: readonly Tallied[],
  model_name: string,
): Family[] {
  const labels = (worker: string, engine: number): Labels => ({ model_name, engine: `${engine}`, worker });
  const each = (name: string, type: 'counter' | 'gauge', help: string, pick: Pick): Family => ({
    name: `vllm:${name}`,
    type,
    help,
    samples: workers.map((worker, index) => [labels(worker.id, index), pick(worker)]),
  });
  const histogram = (
    name: string,
    help: string,
    pick: (of: WorkerTally['of']) => BucketHistogram,
  ): Family => ({
    name: `vllm:${name}`,
    type: 'histogram',
    help,
    samples: tallies.map(({ id, index, tally }) => [labels(id, index), pick(tally.of)]),
  });
  return [
    each('num_requests_running', 'gauge', 'Requests the worker runs.', ({ active }) =>
      Math.max(0, active.requests - active.waiting),
    ),
    each(
      'num_requests_waiting',
      'gauge',
      'Requests that wait in the worker.',
      ({ active }) => active.waiting,
    ),
    each('kv_cache_usage_perc', 'gauge', 'KV blocks in use, 0 to 1.', usedShare),
    each('prompt_tokens', 'counter', 'Prompt tokens of finished requests.', (w) => w.promptTokens),
    each('generation_tokens', 'counter', 'Tokens generated.', (w) => w.generatedTokens),
    each('prefix_cache_queries', 'counter', 'Prompt tokens looked up in the cache.', (w) => w.promptTokens),
    each('prefix_cache_hits', 'counter', 'Of them, found.', (w) => w.cachedTokens),
    {
      name: 'vllm:request_success',
      type: 'counter',
      help: 'Answers by why they ended.',
      samples: tallies.flatMap(({ id, index, tally }) =>
        [...tally.finished].map(
          ([reason, count]): Sample => [{ ...labels(id, index), finished_reason: reason }, count],
        ),
      ),
    },
    histogram(
      'time_to_first_token_seconds',
      "From a request's first byte to its first token.",
      (of) => of.firstToken,
    ),
    histogram('inter_token_latency_seconds', 'Time between tokens.', (of) => of.interToken),
    histogram('e2e_request_latency_seconds', 'Time of a whole request.', (of) => of.request),
    histogram('request_queue_time_seconds', 'Time waited for admission.', (of) => of.queue),
    histogram(
      'request_prefill_time_seconds',
      'From the worker being asked to its first token.',
      (of) => of.prefill,
    ),
    histogram('request_decode_time_seconds', 'From the first token to the end.', (of) => of.decode),
    histogram('request_prompt_tokens', 'Prompt tokens of a request.', (of) => of.promptTokens),
    histogram('request_generation_tokens', 'Tokens generated for a request.', (of) => of.outputTokens),
  ];
}
