import { describe, expect, it } from 'vitest';
import { sglangTierArgs, sglangTierEnv } from '../../src/engines/sglang/tiers.js';
import { vllmTierArgs } from '../../src/engines/vllm/tiers.js';
import { engineTiers } from '../../src/plan/engine-tiers.js';
import { parseTiers } from '../../src/plan/tier-spec.js';
import type { WorkerPlan } from '../../src/plan/types.js';

const workers = (count: number, gpus = [0]): WorkerPlan[] =>
  Array.from({ length: count }, () => ({ gpus }) as WorkerPlan);
const onGpu = { isAsked: true, isOnProcessors: false };
const vllm = (text: string, count = 2) => {
  const [flag, json] = vllmTierArgs({ tiers: parseTiers(text), workers: workers(count) });
  return { flag, config: json === undefined ? null : JSON.parse(json) };
};

describe('tiers of vLLM', () => {
  it('are its offloading, the host’s memory shared out among the workers', () => {
    expect(vllm('cpu=8GiB')).toEqual({
      flag: '--kv-transfer-config',
      config: {
        kv_connector: 'OffloadingConnector',
        kv_role: 'kv_both',
        kv_connector_extra_config: { cpu_bytes_to_use: 4 * 1024 ** 3, self_describing_kv_events: true },
      },
    });
    expect(vllmTierArgs({ tiers: [], workers: workers(2) })).toEqual([]);
  });

  it('go on in one folder and one store, without keys in argv', () => {
    const { config } = vllm(
      'cpu=8GiB,disk=50GiB:/nvme/kv,remote=s3://pages/a/b?endpoint=http://host:9000&region=eu',
    );
    expect(config.kv_connector_extra_config).toMatchObject({
      spec_name: 'TieringOffloadingSpec',
      secondary_tiers: [
        { type: 'fs', root_dir: '/nvme/kv', enable_kv_events: true },
        {
          type: 'obj',
          store_config: {
            bucket: 'pages',
            endpoint_override: 'http://host:9000',
            scheme: 'http',
            region: 'eu',
          },
          prefix: 'a/b',
        },
      ],
    });
    expect(JSON.stringify(config)).not.toMatch(/key/i);
  });
});

describe('tiers of SGLang', () => {
  it('are HiCache, written through, sized per GPU', () => {
    const [worker] = workers(2, [0, 1]);
    const plan = { tiers: parseTiers('cpu=64GB,disk=50GiB:/nvme/kv'), workers: workers(2, [0, 1]) };
    expect(sglangTierArgs(plan, worker!)).toEqual([
      '--enable-hierarchical-cache',
      '--hicache-size',
      '16',
      '--hicache-write-policy',
      'write_through',
      '--hicache-storage-backend',
      'file',
    ]);
    expect(sglangTierEnv(plan)).toEqual({ SGLANG_HICACHE_FILE_BACKEND_STORAGE_DIR: '/nvme/kv' });
    expect(sglangTierArgs({ tiers: [], workers: [] }, worker!)).toEqual([]);
  });
});

describe('an engine that cannot have them', () => {
  it.each([
    ['vllm', 'disk=50GiB:/x', false, /cpu/],
    ['vllm', 'cpu=1GiB', true, /processors/],
    ['vllm', 'cpu=1GiB,remote=redis://host', false, /s3/],
    ['sglang', 'cpu=1GiB,remote=s3://bucket', false, /object store/],
    ['external', 'cpu=1GiB', false, /external/],
  ] as const)('%s refuses %s by name and leaves it out of a recipe', (engine, text, isOnProcessors, words) => {
    const wanted = parseTiers(text);
    expect(() => engineTiers(engine, wanted, { isAsked: true, isOnProcessors })).toThrow(words);
    const { tiers, notes } = engineTiers(engine, wanted, { isAsked: false, isOnProcessors });
    expect(tiers).toEqual([]);
    expect(notes[0]).toMatch(words);
  });

  it('is neither embedded nor one that copies through memory', () => {
    expect(engineTiers('embedded', parseTiers('disk=1GiB'), onGpu).tiers).toHaveLength(1);
    expect(engineTiers('vllm', parseTiers('cpu=1GiB,disk=2GiB'), onGpu).tiers).toHaveLength(2);
    expect(engineTiers('vllm', [], { isAsked: true, isOnProcessors: true })).toEqual({
      tiers: [],
      notes: [],
    });
  });
});
