import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMetrics } from '../../src/link/metrics-scrape.js';
import { metricsText } from './support/fixtures.js';

const names = {
  running: 'vllm:num_requests_running',
  waiting: 'vllm:num_requests_waiting',
  kvUsage: 'vllm:kv_cache_usage_perc',
};

describe('metrics', () => {
  it('reads vLLM’s own text, and not the longer names that begin alike', () => {
    const text = metricsText()
      .replace(/(num_requests_running\{[^}]*\}) 0\.0/, '$1 3.0')
      .replace(/(num_requests_waiting\{[^}]*\}) 0\.0/, '$1 2.0')
      .replace(/(waiting_by_reason\{[^}]*\}) 0\.0/g, '$1 50.0')
      .replace(/(kv_cache_usage_perc\{[^}]*\}) 0\.0/, '$1 0.25');
    expect(parseMetrics(text, names)).toEqual({ running: 3, waiting: 2, kvUsage: 0.25 });
  });

  it('sums ranks, averages usage, takes timestamps and exponents, skips what is no number', () => {
    const text = [
      'vllm:num_requests_running{engine="0",odd="a } b"} 1.0 1795346137978',
      'vllm:num_requests_running{engine="1"} 2e0',
      'vllm:num_requests_running{engine="2"} NaN',
      'vllm:num_requests_running{engine="3"}',
      'vllm:kv_cache_usage_perc{engine="0"} 0.5',
      'vllm:kv_cache_usage_perc{engine="1"} 0.1',
    ].join('\n');
    expect(parseMetrics(text, names)).toEqual({ running: 3, waiting: null, kvUsage: 0.3 });
    expect(parseMetrics(text, names, 1)).toEqual({ running: 2, waiting: null, kvUsage: 0.1 });
  });

  it('any text at all gives an answer', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('', '\n', names.running), (rest, head) => {
        const { running } = parseMetrics(`${head}${rest}`, names);
        expect(running === null || Number.isFinite(running)).toBe(true);
      }),
    );
  });
});
