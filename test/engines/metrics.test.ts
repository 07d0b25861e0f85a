/**
 * `/metrics` to those who read it: a real Prometheus scrapes a running stack and answers every query of our dashboard and
 * the ones NVIDIA Dynamo's and vLLM's dashboards ask; Python's OpenMetrics parser, the strictest there is, reads the text.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, makeHome, type RunningStack, root, until } from '../e2e/harness.js';
import { notHere, type Prometheus, startPrometheus } from './support/prometheus.js';

const docs = path.join(root, 'docs', 'observability');

let home: Home;
let stack: RunningStack;
let model: string;
let prometheus: Prometheus;
/** Takes traces and only counts them: spans by name. */
const spans = new Map<string, number>();
const collector = http.createServer((request, response) => {
  let text = '';
  request.on('data', (chunk: Buffer) => (text += chunk));
  request.on('end', () => {
    for (const [, name] of text.matchAll(/"name":"(\w+)/g)) spans.set(name!, (spans.get(name!) ?? 0) + 1);
    response.end('{}');
  });
});

interface Dashboard {
  panels: { title: string; targets?: { expr: string }[] }[];
}

/** What Grafana puts in the place of its variables. */
const filled = (expression: string): string =>
  expression.replaceAll('$model', model).replaceAll('$__rate_interval', '1m').replaceAll('$__range', '5m');

/** Distributions that dashboards of NVIDIA Dynamo show as percentiles and averages. */
const DYNAMO_HISTOGRAMS = [
  'dynamo_frontend_time_to_first_token_seconds',
  'dynamo_frontend_inter_token_latency_seconds',
  'dynamo_frontend_request_duration_seconds',
  'dynamo_frontend_input_sequence_tokens',
  'dynamo_frontend_output_sequence_tokens',
  'dynamo_frontend_cached_tokens',
  'dynamo_component_router_kv_hit_rate',
  'dynamo_component_request_duration_seconds',
  'dynamo_router_overhead_total_ms',
];

const DYNAMO_QUERIES = [
  ...DYNAMO_HISTOGRAMS.flatMap((name) => [
    `histogram_quantile(0.90, sum(rate(${name}_bucket[1m])) by (le))`,
    `sum(rate(${name}_sum[1m])) / clamp_min(sum(rate(${name}_count[1m])), 1)`,
  ]),
  `sum(increase(dynamo_frontend_requests_total{model="MODEL"}[5m]))`,
  `sum(rate(dynamo_frontend_requests_total{model="MODEL", status="success"}[1m]))`,
  `sum(rate(dynamo_frontend_requests_total{model="MODEL", status="error", error_type="validation"}[1m]))`,
  `sum(dynamo_frontend_active_requests{model="MODEL"})`,
  `sum(dynamo_frontend_stage_requests{stage=~"preprocess|route|dispatch", model="MODEL"})`,
  `dynamo_frontend_worker_active_decode_blocks`,
  `dynamo_frontend_worker_active_prefill_tokens`,
  `sum(rate(dynamo_component_kv_cache_events_applied{event_type="stored", status="ok"}[1m]))`,
  `sum by (instance) (rate(dynamo_component_requests_total{model="MODEL"}[1m]))`,
  `sum by (instance) (rate(dynamo_component_cancellation_total{model="MODEL"}[1m]))`,
];

const VLLM_QUERIES = [
  ...['time_to_first_token', 'inter_token_latency', 'e2e_request_latency'].map(
    (name) =>
      `histogram_quantile(0.99, sum by(le) (rate(vllm:${name}_seconds_bucket{model_name="MODEL"}[1m])))`,
  ),
  ...['request_prompt_tokens', 'request_generation_tokens'].map(
    (name) => `sum by(le) (increase(vllm:${name}_bucket{model_name="MODEL"}[1m]))`,
  ),
  ...['queue', 'prefill', 'decode'].map(
    (name) => `rate(vllm:request_${name}_time_seconds_sum{model_name="MODEL"}[1m])`,
  ),
  'rate(vllm:prompt_tokens_total{model_name="MODEL"}[1m])',
  'rate(vllm:generation_tokens_total{model_name="MODEL"}[1m])',
  'rate(vllm:prefix_cache_hits_total{model_name="MODEL"}[1m]) / rate(vllm:prefix_cache_queries_total{model_name="MODEL"}[1m])',
  'vllm:num_requests_running{model_name="MODEL"}',
  'vllm:num_requests_waiting{model_name="MODEL"}',
  'vllm:kv_cache_usage_perc{model_name="MODEL"}',
  'sum by(finished_reason) (increase(vllm:request_success_total{model_name="MODEL"}[1m]))',
];

async function turn(session: number, turns: number): Promise<void> {
  const system = `You are agent ${session}. ${'Be exact and answer in few words. '.repeat(60)}`;
  const messages = Array.from({ length: turns }, (_, at) => ({
    role: at % 2 === 0 ? 'user' : 'assistant',
    content: `Step ${at} of session ${session}.`,
  }));
  const response = await fetch(`${stack.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      messages: [{ role: 'system', content: system }, ...messages],
      max_tokens: 12,
      stream: session % 2 === 0,
    }),
  });
  await response.text();
}

async function traffic(): Promise<void> {
  for (let at = 0; at < 6; at += 1)
    await Promise.all([0, 1, 2, 3].map((session) => turn(session, 2 * at + 1)));
  // One request that is refused: its model is not served here.
  await fetch(`${stack.url}/v1/chat/completions`, { method: 'POST', body: '{"messages": []}' });
}

async function answered(expression: string): Promise<boolean> {
  const samples = await prometheus.query(expression.replaceAll('MODEL', model));
  return samples.length > 0 && samples.some(({ value }) => Number.isFinite(value));
}

const missingOf = async (expressions: readonly string[]): Promise<string[]> => {
  const missing: string[] = [];
  for (const expression of expressions) if (!(await answered(expression))) missing.push(expression);
  return missing;
};

describe.skipIf(notHere !== null)(`a real Prometheus${notHere === null ? '' : ` (${notHere})`}`, () => {
  beforeAll(async () => {
    home = makeHome();
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const otel = ['--otel', `http://127.0.0.1:${(collector.address() as AddressInfo).port}`];
    const simulated = ['--simulate=8xh200', '--set', 'simulator.speed=200'];
    stack = await home.up('--recipe', 'glm5', ...simulated, ...otel);
    model = (await stack.snapshot()).stack.model;
    const scrapeFile = readFileSync(path.join(docs, 'prometheus.yml'), 'utf8');
    prometheus = await startPrometheus(scrapeFile, new URL(stack.url).host);
    await until(async () => (await prometheus.health()).health === 'up', 'the first scrape');
    await traffic();
    // A rate needs two scrapes after the first request, and the tallies follow the requests.
    const rate = 'sum(rate(dynamo_frontend_region_tokens_total[1m])) > 0';
    await until(async () => (await prometheus.query(rate)).length > 0, 'two more scrapes', 30_000);
    await traffic();
    const last = 'sum(rate(dynamo_frontend_computed_tokens_total[1m])) > 0';
    await until(async () => (await prometheus.query(last)).length > 0, 'more scrapes', 30_000);
  });

  afterAll(async () => {
    await prometheus?.close();
    await stack?.down();
    home?.remove();
    collector.close();
    collector.closeAllConnections();
  });

  it('scrapes the stack in OpenMetrics without a complaint', async () => {
    expect(await prometheus.health()).toMatchObject({ health: 'up', lastError: '' });
  });

  it('answers every query of our dashboard', async () => {
    const file = readFileSync(path.join(docs, 'grafana-dashboard.json'), 'utf8');
    const { panels } = JSON.parse(file) as Dashboard;
    const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => filled(expr)));
    expect(queries.length).toBeGreaterThan(40);
    expect(await missingOf(queries)).toEqual([]);
  });

  it("answers what NVIDIA Dynamo's dashboards ask", async () => {
    expect(await missingOf(DYNAMO_QUERIES)).toEqual([]);
  });

  it("answers what vLLM's dashboards ask", async () => {
    expect(await missingOf(VLLM_QUERIES)).toEqual([]);
  });

  it('agrees with the status: the same figures by another way', async () => {
    const { tokens, requests } = await stack.snapshot();
    await until(
      async () =>
        (await prometheus.query('sum(dynamo_frontend_cached_tokens_sum)'))[0]?.value === tokens.cached,
      'the figures of the status',
    );
    expect((await prometheus.query('sum(dynamo_frontend_requests_started_total)'))[0]?.value).toBe(
      requests.total,
    );
    const byWorker = await prometheus.query('sum by (worker) (dynamo_component_requests_total)');
    expect(byWorker.length).toBeGreaterThan(0);
  });

  it('has a trace of every request beside its figures', async () => {
    const { total } = (await stack.snapshot()).requests;
    await until(() => spans.get('chat') === total, `${total} traces`);
    expect(spans.get('prefill')).toBe(spans.get('route'));
    await until(async () => (await stack.snapshot()).tracing?.sent === total, 'the figures of the traces');
    expect((await stack.snapshot()).tracing).toMatchObject({ lost: 0, fault: null });
  });

  it('finds nothing to say to the older format either', async () => {
    const text = await (await fetch(`${stack.url}/metrics`)).text();
    const told = await prometheus.lint(text);
    // Names that are NVIDIA Dynamo's or vLLM's break its rules of taste; those that are ours break none.
    const ours = told.split('\n').filter((line) => /^dynamo_(?!component|frontend|router)/.test(line));
    expect(ours).toEqual([]);
    expect(told).not.toMatch(/error while linting|parse/);
  });

  const hasPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;
  it.skipIf(!hasPip)(`is read by Python's OpenMetrics parser${hasPip ? '' : ' (no pip here)'}`, async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-openmetrics-'));
    try {
      const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', dir];
      await execa('python3', [...install, 'prometheus-client==0.26.0'], {
        // Debian's own Python wants to hear that nothing of it is touched.
        env: { PIP_BREAK_SYSTEM_PACKAGES: '1' },
      });
      const accept = 'application/openmetrics-text; version=1.0.0';
      const response = await fetch(`${stack.url}/metrics`, { headers: { accept } });
      expect(response.headers.get('content-type')).toContain('application/openmetrics-text');
      const { stdout } = await execa(
        'python3',
        [
          '-c',
          'import sys\nfrom prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\nprint(len(list(parse(sys.stdin.read()))))',
        ],
        { input: await response.text(), env: { PYTHONPATH: dir } },
      );
      expect(Number(stdout)).toBeGreaterThan(60);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
