/** `/metrics` under the names and labels that scrapers of vLLM know. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WorkerMetrics } from '../../../../src/engines/embedded/server/worker-metrics.js';
import { FakeCore } from './fake-core.js';
import { chat, type FakeWorker, fakeWorker, get } from './worker-client.js';

let worker: FakeWorker;

beforeEach(async () => {
  worker = await fakeWorker({ output: 'abcde', cached: 10 });
});

afterEach(() => worker.server.close());

/** Samples by name and labels. */
async function samples(): Promise<Map<string, number>> {
  const { text, headers } = await get(`${worker.url}/metrics`);
  expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line): [string, number] => {
      const [, name, labels, value] = /^(\S+?)\{(.*)\} (\S+)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`not a sample: ${line}`);
      return [`${name}{${(labels ?? '').split(',').sort().join()}}`, Number(value)];
    }),
  );
}

const LABELS = '{engine="0",model_name="smollm2-135m"}';

describe('metrics', () => {
  it('have every name and label set of vLLM that they share with it', async () => {
    await chat(worker.url);
    const recorded = readFileSync(
      path.resolve(import.meta.dirname, '../../../fixtures/vllm/metrics.txt'),
      'utf8',
    );
    const known = new Set(
      recorded
        .split('\n')
        .filter((line) => line.startsWith('vllm:'))
        .map((line) => line.slice(0, line.indexOf('{'))),
    );
    const ours = new Set([...(await samples()).keys()].map((key) => key.slice(0, key.indexOf('{'))));
    const needed = [
      ...[
        'num_requests_running',
        'num_requests_waiting',
        'kv_cache_usage_perc',
        'prefix_cache_queries_total',
      ],
      ...[
        'prefix_cache_hits_total',
        'prompt_tokens_total',
        'generation_tokens_total',
        'request_success_total',
      ],
    ].map((name) => `vllm:${name}`);
    expect(needed.filter((name) => !ours.has(name))).toEqual([]);
    expect([...known].filter((name) => needed.includes(name)).length).toBeGreaterThan(3);
  });

  it('count tokens, requests and their ends', async () => {
    await chat(worker.url);
    await chat(worker.url, { max_tokens: 2 });
    const found = await samples();
    const tokens = worker.core.jobs.reduce((sum, job) => sum + job.tokens.length, 0);
    expect(found.get(`vllm:prompt_tokens_total${LABELS}`)).toBe(tokens);
    expect(found.get(`vllm:prefix_cache_queries_total${LABELS}`)).toBe(tokens);
    expect(found.get(`vllm:prefix_cache_hits_total${LABELS}`)).toBe(20);
    expect(found.get(`vllm:generation_tokens_total${LABELS}`)).toBe(7);
    expect(found.get(`vllm:num_requests_running${LABELS}`)).toBe(0);
    expect(found.get(`vllm:num_requests_waiting${LABELS}`)).toBe(2);
    expect(found.get(`vllm:kv_cache_usage_perc${LABELS}`)).toBe(0.25);
    const ends = (reason: string) =>
      found.get(
        `vllm:request_success_total{engine="0",finished_reason="${reason}",model_name="smollm2-135m"}`,
      );
    expect(['stop', 'length', 'abort', 'error'].map(ends)).toEqual([1, 1, 0, 0]);
    expect(found.get('vllm:cache_config_info{block_size="64",engine="0",num_gpu_blocks="60"}')).toBe(1);
  });

  it('have one first token per answer, one time between each two, cumulative buckets', async () => {
    await chat(worker.url, { n: 2 });
    const found = await samples();
    expect(found.get(`vllm:time_to_first_token_seconds_count${LABELS}`)).toBe(2);
    expect(found.get(`vllm:inter_token_latency_seconds_count${LABELS}`)).toBe(8);
    expect(found.get(`vllm:e2e_request_latency_seconds_count${LABELS}`)).toBe(2);
    for (const name of ['time_to_first_token', 'inter_token_latency', 'e2e_request_latency']) {
      const counts = [...found]
        .filter(([key]) => key.startsWith(`vllm:${name}_seconds_bucket`))
        .map(([, value]) => value);
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      expect(counts.at(-1)).toBe(found.get(`vllm:${name}_seconds_count${LABELS}`));
    }
  });

  it('leave out what was counted before the worker was ready, and escape names', () => {
    const core = new FakeCore(() => ({ output: '' }));
    core.counters.promptTokens = 5;
    const metrics = new WorkerMetrics(core);
    core.counters.promptTokens += 7;
    const text = metrics.text('a "b"\\c');
    expect(text).toContain('vllm:prompt_tokens_total{engine="0",model_name="a \\"b\\"\\\\c"} 7\n');
  });
});
