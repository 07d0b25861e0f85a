/** What `/metrics` counts and how it is written down. That real parsers read it is in `test/engines/metrics.test.ts`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BOUNDS, BucketHistogram } from '../../src/telemetry/metrics/buckets.js';
import { errorTypeOf, MetricsCollector } from '../../src/telemetry/metrics/collector.js';
import { expositionText, formatFor } from '../../src/telemetry/metrics/exposition.js';
import { metricsText } from '../../src/telemetry/metrics/metrics-text.js';
import type { Family } from '../../src/telemetry/metrics/types.js';
import { createSnapshotStore } from '../../src/telemetry/snapshot.js';
import type { TelemetryEvent } from '../../src/telemetry/types.js';

const IDENTITY = {
  name: 'default',
  pid: 1,
  url: '',
  recipe: 'r',
  variant: 'v',
  model: 'm',
  router: 'kv',
  startedAt: 0,
  isSimulated: true,
};

function textAfter(events: readonly TelemetryEvent[], format?: 'openmetrics' | 'prometheus'): string {
  const store = createSnapshotStore(IDENTITY);
  const collector = new MetricsCollector();
  events.forEach((event, sequence) => {
    store.apply({ ...event, at: 1_000, sequence });
    collector.apply({ ...event, at: 1_000, sequence });
  });
  return metricsText(store.snapshot(2_000), collector, format);
}

const started = (id: string, isStream = true): TelemetryEvent => ({
  type: 'request.started',
  id,
  dialect: 'messages',
  model: 'm',
  isStream,
});

const routed = (id: string, worker = 'w0'): TelemetryEvent => ({
  type: 'request.routed',
  id,
  worker,
  promptTokens: 1_000,
  predictedTokens: 640,
  reachableTokens: 640,
  queueMs: 30,
  overheadMs: 2,
  decideMs: 0.2,
  preparedMs: 5,
  forwardedMs: 40,
});

const READ: TelemetryEvent[] = [
  { type: 'worker.state', worker: 'w0', state: 'ready' },
  started('a'),
  routed('a'),
  { type: 'request.first_token', id: 'a', ttftMs: 140 },
  { type: 'request.tokens', id: 'a', count: 3, itlMs: [10, 20] },
  {
    type: 'request.finished',
    id: 'a',
    usage: { promptTokens: 1_000, cachedTokens: 600, outputTokens: 3, reasoningTokens: 0 },
    e2eMs: 200,
    stopReason: 'length',
  },
];

describe('a request', () => {
  const lines = textAfter(READ).split('\n');
  const of = (name: string) => lines.filter((line) => line.startsWith(`${name}{`));

  it('is counted once, by endpoint, kind and outcome', () => {
    expect(of('dynamo_frontend_requests_total')).toEqual([
      'dynamo_frontend_requests_total{model="m",endpoint="anthropic_messages",request_type="stream",status="success",error_type=""} 1',
    ]);
  });

  it('is in every distribution it has a figure for, in seconds, tokens and shares', () => {
    expect(of('dynamo_frontend_time_to_first_token_seconds_sum')).toEqual([
      'dynamo_frontend_time_to_first_token_seconds_sum{model="m"} 0.14',
    ]);
    expect(of('dynamo_frontend_cached_tokens_sum')).toEqual([
      'dynamo_frontend_cached_tokens_sum{model="m"} 600',
    ]);
    expect(of('dynamo_component_router_kv_hit_rate_sum')).toEqual([
      'dynamo_component_router_kv_hit_rate_sum{model="m"} 0.64',
    ]);
    expect(of('dynamo_frontend_inter_token_latency_seconds_count')).toEqual([
      'dynamo_frontend_inter_token_latency_seconds_count{model="m"} 2',
    ]);
  });

  it("is told of its worker in NVIDIA Dynamo's words and in vLLM's: the ways there are no part of prefill", () => {
    const labels = 'model_name="m",engine="0",worker="w0"';
    expect(of('vllm:request_prefill_time_seconds_sum')).toEqual([
      `vllm:request_prefill_time_seconds_sum{${labels}} 0.1`,
    ]);
    expect(of('vllm:request_decode_time_seconds_sum')).toEqual([
      `vllm:request_decode_time_seconds_sum{${labels}} 0.06`,
    ]);
    expect(of('vllm:request_success_total')).toEqual([
      `vllm:request_success_total{${labels},finished_reason="length"} 1`,
    ]);
    expect(of('dynamo_component_requests_total')[0]).toMatch(/worker="w0",worker_id="w0".* 1$/);
  });

  it('that was refused before it could be read is counted too', () => {
    const rejected: TelemetryEvent = { type: 'request.rejected', id: 'x', code: 'invalid_json', message: '' };
    expect(textAfter([rejected])).toContain(
      '{model="m",endpoint="unknown",request_type="unknown",status="error",error_type="validation"} 1',
    );
  });

  it('waits for a worker, then for its first token, and then no more', () => {
    const stages = (events: TelemetryEvent[]) =>
      [...textAfter(events).matchAll(/^dynamo_frontend_stage_requests.*stage="(\w+)"} (\d)$/gm)].map(
        ([, stage, count]) => `${stage} ${count}`,
      );
    expect(stages([started('b')])).toEqual(['route 1', 'dispatch 0']);
    expect(stages([started('b'), routed('b')])).toEqual(['route 0', 'dispatch 1']);
    expect(stages([started('b'), routed('b'), { type: 'request.first_token', id: 'b', ttftMs: 1 }])).toEqual([
      'route 0',
      'dispatch 0',
    ]);
  });

  it('that had to go to another worker is told as a migration, of the kind it was', () => {
    const moved = (events: TelemetryEvent[]) =>
      [...textAfter(events).matchAll(/^dynamo_frontend_model_migration_total.*type="(\w+)"} (\d)$/gm)].map(
        ([, kind, count]) => `${kind} ${count}`,
      );
    const first: TelemetryEvent[] = [started('c'), routed('c')];
    const continued: TelemetryEvent = {
      type: 'request.continued',
      id: 'c',
      from: 'w0',
      to: 'w1',
      tokens: 3,
      reason: 'lost',
    };
    expect(moved(first)).toEqual(['new_request 0', 'ongoing_request 0']);
    expect(moved([...first, routed('c', 'w1')])).toEqual(['new_request 1', 'ongoing_request 0']);
    expect(moved([...first, continued, routed('c', 'w1')])).toEqual(['new_request 0', 'ongoing_request 1']);
  });

  it('that fails says how in a few words that do not change', () => {
    expect(
      ['invalid_json', 'unknown_model', 'overloaded', 'key_busy', 'engine_lost', 'no such code'].map(
        errorTypeOf,
      ),
    ).toEqual(['validation', 'not_found', 'overload', 'overload', 'internal', 'internal']);
  });
});

describe('a histogram', () => {
  it('counts each value in the first bucket that holds it, and ignores what is no figure', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ max: 1e4 })), (values) => {
        const histogram = new BucketHistogram(BOUNDS.firstToken);
        for (const value of values) histogram.add(value);
        const kept = values.filter((value) => Number.isFinite(value) && value >= 0);
        let below = 0;
        for (const [at, bound] of BOUNDS.firstToken.entries()) {
          below += histogram.counts[at]!;
          expect(below).toBe(kept.filter((value) => value <= bound).length);
        }
        expect(histogram.count).toBe(kept.length);
      }),
    );
  });

  it('has bounds that rise', () => {
    for (const bounds of Object.values(BOUNDS))
      expect([...bounds]).toEqual([...new Set(bounds)].sort((a, b) => a - b));
  });
});

describe('the text', () => {
  const families: Family[] = [
    { name: 'a_seconds', type: 'counter', help: 'One.\nTwo \\.', samples: [[{ at: 'x"\\\n' }, 1]] },
    { name: 'b', type: 'info', help: 'B.', samples: [[{ v: '1' }, 1]] },
    { name: 'c', type: 'gauge', help: 'Not known yet.', samples: [[{}, null]] },
    { name: 'd', type: 'unknown', help: 'D.', samples: [[{}, 2.5]] },
    {
      name: 'e',
      type: 'histogram',
      help: 'E.',
      samples: [[{}, { bounds: [1, 2.5], counts: [1, 0, 2], sum: 9, count: 3 }]],
    },
  ];

  it('is OpenMetrics for a scraper that asks for it', () => {
    expect(expositionText(families, formatFor('application/openmetrics-text;version=1.0.0,*/*;q=0.1'))).toBe(
      [
        '# HELP a_seconds One.\\nTwo \\\\.',
        '# TYPE a_seconds counter',
        '# UNIT a_seconds seconds',
        'a_seconds_total{at="x\\"\\\\\\n"} 1',
        '# HELP b B.',
        '# TYPE b info',
        'b_info{v="1"} 1',
        '# HELP d D.',
        '# TYPE d unknown',
        'd 2.5',
        '# HELP e E.',
        '# TYPE e histogram',
        'e_bucket{le="1.0"} 1',
        'e_bucket{le="2.5"} 1',
        'e_bucket{le="+Inf"} 3',
        'e_sum 9',
        'e_count 3',
        '# EOF',
        '',
      ].join('\n'),
    );
  });

  it('is the older format for everyone else, with the names it wants', () => {
    const text = expositionText(families, formatFor('*/*'));
    expect(text).toContain('# TYPE a_seconds_total counter\na_seconds_total{');
    expect(text).toContain('# TYPE b_info gauge\nb_info{');
    expect(text).toContain('# TYPE d untyped\n');
    expect(text).toContain('e_bucket{le="1"} 1');
    expect(text).not.toMatch(/# UNIT|# EOF/);
  });

  it('names every family once, and explains each', () => {
    const text = textAfter(READ, 'openmetrics');
    const names = [...text.matchAll(/^# TYPE (\S+) \S+$/gm)].map((match) => match[1]);
    expect(new Set(names).size).toBe(names.length);
    expect([...text.matchAll(/^# HELP \S+ .+\.$/gm)]).toHaveLength(names.length);
  });
});
