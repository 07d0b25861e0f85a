/**
 * Every adapter held to one suite. Lines are the engines' own: vLLM's from runs and captures of release 0.32.0, SGLang's
 * from the sources of 0.5.23, our workers' from what they write.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/cli/paths.js';
import {
  capabilitiesOf,
  capabilityText,
  priorityFor,
  releaseProblem,
} from '../../src/engines/capabilities.js';
import { embeddedAdapter } from '../../src/engines/embedded/adapter.js';
import { externalAdapter } from '../../src/engines/external/adapter.js';
import { sglangAdapter } from '../../src/engines/sglang/adapter.js';
import { simulatorAdapter } from '../../src/engines/simulator/adapter.js';
import { vllmAdapter } from '../../src/engines/vllm/adapter.js';
import { describedHost } from '../../src/plan/hardware.js';
import { makePlan, planOrThrow } from '../../src/plan/plan.js';
import { probeHost } from '../../src/plan/probe.js';
import type { Plan } from '../../src/plan/types.js';
import { loadRecipe } from '../../src/recipes/load.js';
import { adapterOf, commandOf } from '../../src/stack/adapters.js';
import { resolvePlan } from '../../src/stack/resolve-plan.js';
import { adapterSuite, HOST, PORT } from './adapters.suite.js';

const captures = path.resolve(import.meta.dirname, '../fixtures/vllm');
const capture = (name: string): string[] => readFileSync(path.join(captures, name), 'utf8').split('\n');

const DEATH = { lines: [], signal: 'SIGKILL', cause: 'out_of_memory', isRetryable: true };
const vllmFigures = `vllm:num_requests_running{engine="0",model_name="x"} 3.0
vllm:num_requests_waiting{engine="0",model_name="x"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="x"} 0.25
`;
const gpuPlan = async (recipe: string, variant: string): Promise<Plan> => {
  const loaded = await loadRecipe(recipe, { userDir: '/nonexistent' });
  const host = describedHost('8xh200', await probeHost({ env: {} }));
  const modelFile = (name: string) => ({ path: name, sha256: null });
  return planOrThrow(makePlan(loaded, host, { variant, modelFile, commandOf }));
};

/** What torch, huggingface_hub, CUDA and the system say under any engine in Python. */
const pythonEnds = [
  {
    lines: ['torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.'],
    cause: 'out_of_gpu_memory',
    isRetryable: true,
  },
  {
    lines: [
      'huggingface_hub.errors.GatedRepoError: 403 Client Error. Cannot access gated repo for url https://…',
    ],
    cause: 'model_gated',
    isRetryable: false,
  },
  {
    lines: ['huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error.'],
    cause: 'model_missing',
    isRetryable: false,
  },
  {
    lines: [
      'huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the file',
    ],
    cause: 'model_offline',
    isRetryable: false,
  },
  { lines: ['OSError: [Errno 28] No space left on device'], cause: 'disk_full', isRetryable: false },
  {
    lines: ['RuntimeError: The NVIDIA driver on your system is too old (found version 12020).'],
    cause: 'driver',
    isRetryable: false,
  },
];

describe('vllm', async () => {
  adapterSuite({
    adapter: vllmAdapter,
    plan: await gpuPlan('glm5', 'fp8'),
    says: {
      host: ['--host', HOST],
      port: ['--port', String(PORT)],
      served: ['--served-model-name', 'glm-5.1'],
      context: ['--max-model-len', '202752'],
    },
    start: {
      lines: capture('start-cpu-0.32.0.log'),
      steps: ['engine', 'weights', 'warming', 'opening'],
    },
    ends: [
      DEATH,
      { lines: capture('end-kv-0.32.0.log'), cause: 'kv_too_small', isRetryable: false },
      { lines: capture('end-block-0.32.0.log'), cause: 'unknown_flag', isRetryable: false },
      { lines: capture('end-port-0.32.0.log'), cause: 'port_in_use', isRetryable: true },
      { lines: capture('end-offline-0.32.0.log'), cause: 'model_offline', isRetryable: false },
      ...pythonEnds,
    ],
    metrics: vllmFigures,
  });
});

describe('sglang', async () => {
  const at = (text: string) => `[2026-11-28 10:02:01 TP0] ${text}`;
  adapterSuite({
    adapter: sglangAdapter,
    plan: await gpuPlan('glm5', 'fp8-sglang'),
    says: {
      host: ['--host', HOST],
      port: ['--port', String(PORT)],
      served: ['--served-model-name', 'glm-5.1'],
      context: ['--context-length', '202752'],
    },
    start: {
      lines: [
        at("server_args=ServerArgs(model_path='zai-org/GLM-5.1-FP8', …)"),
        'Fetching 142 files:  42%|████▏     | 60/142 [01:12<01:38,  1.2s/it]',
        at('Load weight begin. avail mem=138.21 GB'),
        'Loading safetensors checkpoint shards:  35% Completed | 50/142 [00:41<01:15,  1.22it/s]',
        'Multi-thread loading shards: 100% Completed | 142/142 [02:01<00:00,  1.2it/s]',
        at('Load weight end. type=GlmMoeDsaForCausalLM, avail mem=44.10 GB, mem usage=94.11 GB.'),
        at(
          'Capture target prefill CUDA graph begin. backend=breakable, num_tokens=[4, 8], avail mem=20.11 GB',
        ),
        'Capturing batches (bs=160 avail_mem=19.02 GB):  10%|█         | 5/52 [00:03<00:31,  1.5it/s]',
        at('Capture target decode CUDA graph end. elapsed=31.20 s, mem usage=1.02 GB, avail mem=18.00 GB.'),
        'INFO:     Uvicorn running on http://127.0.0.1:28417 (Press CTRL+C to quit)',
        at('The server is fired up and ready to roll!'),
      ],
      steps: ['engine', 'download', 'weights', 'warming', 'graphs', 'warming', 'opening'],
    },
    ends: [
      DEATH,
      {
        lines: ['sglang serve: error: unrecognized arguments: --no-such-flag 1'],
        code: 2,
        cause: 'unknown_flag',
        isRetryable: false,
      },
      {
        lines: [
          at('Scheduler hit an exception: Traceback (most recent call last):'),
          'RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: mem_fraction_static=0.7',
        ],
        signal: 'SIGKILL',
        cause: 'kv_too_small',
        isRetryable: false,
      },
      {
        lines: [
          'ValueError: The memory capacity is unbalanced. Some GPUs may be occupied by other processes. ',
        ],
        cause: 'out_of_gpu_memory',
        isRetryable: false,
      },
      {
        lines: [at('Port is already in use. dist_init_port=1 port_base=2'), 'ValueError: port 2 is busy'],
        cause: 'port_in_use',
        isRetryable: true,
      },
      ...pythonEnds,
    ],
    metrics: `# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name="x",tp_rank="0"} 3.0
sglang:num_queue_reqs{model_name="x",tp_rank="0"} 2.0
sglang:token_usage{model_name="x",tp_rank="0"} 0.25
`,
  });
});

describe('embedded', async () => {
  const plan = await resolvePlan({ recipe: 'smollm2', set: {} }, resolvePaths());
  adapterSuite({
    adapter: embeddedAdapter,
    plan: plan.plan,
    says: {
      host: ['--host', HOST],
      port: ['--port', String(PORT)],
      served: ['--served-name', plan.plan.servedModel],
      context: ['--context', String(plan.plan.workers[0]!.contextTokens)],
    },
    start: {
      lines: [
        'phase weights',
        'llama_model_loader: loaded meta data',
        'phase warming',
        `phase ready http://${HOST}`,
      ],
      steps: ['weights', 'warming', 'ready'],
    },
    ends: [
      DEATH,
      { lines: [], signal: 'SIGSEGV', cause: 'crash', isRetryable: true },
      {
        lines: ['dynamo embedded worker: --slots must be a whole number from 1 to 64, not "x".'],
        cause: 'unknown_flag',
        isRetryable: false,
      },
      {
        lines: ['Error: listen EADDRINUSE: address already in use'],
        cause: 'port_in_use',
        isRetryable: true,
      },
      {
        lines: ['dynamo embedded worker: The model file /m.gguf is corrupt: it ends early.'],
        cause: 'model_corrupt',
        isRetryable: false,
      },
    ],
    metrics: vllmFigures,
  });
});

describe('simulator', async () => {
  const { plan } = await resolvePlan({ recipe: 'glm5', simulate: '8xh200', set: {} }, resolvePaths());
  adapterSuite({
    adapter: simulatorAdapter,
    plan,
    says: {
      host: ['--host', HOST],
      port: ['--port', String(PORT)],
      served: ['--served-name', 'glm-5.1'],
      context: ['--context', '202752'],
    },
    start: { lines: ['SIMULATED: glm-5.1 on 8 × H200', `phase ready http://${HOST}`], steps: ['ready'] },
    ends: [
      DEATH,
      {
        lines: ['dynamo simulated worker: --blocks must be a whole number from 1 to 16000000, not "0".'],
        cause: 'unknown_flag',
        isRetryable: false,
      },
      {
        lines: ['Error: listen EADDRINUSE: address already in use'],
        cause: 'port_in_use',
        isRetryable: true,
      },
    ],
    metrics: vllmFigures,
  });
});

describe('an engine that somebody else runs', () => {
  it('is never started, and its end is a silence that may pass', () => {
    const start = () => externalAdapter.command({} as Plan, { id: 'w0' } as never);
    expect(start).toThrow(/w0 is attached/);
    expect(externalAdapter.phaseOf('anything')).toBeNull();
    expect(externalAdapter.classify({ code: null, signal: null }, [])).toMatchObject({ isRetryable: true });
  });

  it('that cannot be started here is refused with what to do', () => {
    expect(() => adapterOf('trtllm')).toThrow(/trtllm/);
  });
});

describe('the table of engines', () => {
  it('knows each engine’s way with priorities, and sends none where it is not known', () => {
    expect(['vllm', 'sglang', 'trtllm', 'openai'].map((engine) => priorityFor(engine, 5))).toEqual([
      ...[-5, 5, undefined, undefined],
    ]);
    expect(priorityFor('toString', 5)).toBeUndefined();
    expect(capabilitiesOf('trtllm').events).toBe('asked');
  });

  it('says in a line what an engine can do, and why a release is too old', () => {
    expect(capabilityText('sglang')).toContain('priorities (highest number first)');
    expect(capabilityText('openai')).toContain('its cache is reckoned');
    expect(releaseProblem('vllm', '0.15.1')).toContain('older than 0.16.0');
    expect(releaseProblem('vllm', '0.32.0+cpu')).toBeNull();
    expect(releaseProblem('embedded', null)).toBeNull();
  });
});

describe('an engine that is not here', () => {
  let dir: string;
  let before: string | undefined;
  beforeEach(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'dyn-adapters-'));
    before = process.env['PATH'];
    process.env['PATH'] = dir;
  });
  afterEach(() => {
    process.env['PATH'] = before;
    rmSync(dir, { recursive: true, force: true });
  });

  it.each([vllmAdapter, sglangAdapter])('is missed before anything is started: $name', async (adapter) => {
    const plan = await gpuPlan('gpt-oss-20b', adapter.name === 'vllm' ? 'mxfp4' : 'mxfp4-sglang');
    await expect(adapter.locate!(plan, dir)).rejects.toMatchObject({ code: 'engine_missing' });
    writeFileSync(path.join(dir, adapter.name), '#!/bin/sh\n');
    chmodSync(path.join(dir, adapter.name), 0o755);
    const found = await adapter.locate!(plan, dir);
    expect(found.program).toEqual({ file: path.join(dir, adapter.name), version: null });
    expect(adapter.command(found, found.workers[0]!).file).toBe(path.join(dir, adapter.name));
  });
});
