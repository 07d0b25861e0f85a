import { describe, expect, it } from 'vitest';
import { askEngine, cacheFacts, eventRanks } from '../../src/link/engine-facts.js';
import type { WorkerLink } from '../../src/link/types.js';
import { metricsText } from './support/fixtures.js';

function linkOf(answers: Record<string, unknown>): WorkerLink {
  const answer = async (path: string): Promise<unknown> => {
    if (path in answers) return answers[path];
    throw new Error(`404 ${path}`);
  };
  return {
    worker: 'w',
    url: 'http://gpu:8000',
    stream: () => {
      throw new Error('not asked for');
    },
    json: (_method, path) => answer(path),
    text: async (path) => String(await answer(path)),
    close: async () => {},
  };
}

const models = { data: [{ id: 'm', max_model_len: 4_096 }, { id: 'alias' }] };

describe('what an attached engine tells of itself', () => {
  it('is everything, where it is vLLM', async () => {
    const facts = await askEngine(
      linkOf({
        '/v1/models': models,
        '/version': { version: '0.32.0' },
        '/health': '',
        '/metrics': `${metricsText()}\nvllm:cache_config_info{block_size="32",cpu_offload_gb="0",num_gpu_blocks="512"} 1.0\n`,
        '/kv_event_sources': {
          '0': { endpoint: 'tcp://*:5557', replay_endpoint: 'tcp://0.0.0.0:5558', topic: 'kv' },
        },
      }),
    );
    expect(facts).toMatchObject({
      models: [
        { id: 'm', contextTokens: 4_096 },
        { id: 'alias', contextTokens: null },
      ],
      engine: 'vllm',
      version: '0.32.0',
      ranks: [{ rank: 0, events: { events: 'tcp://gpu:5557', replay: 'tcp://gpu:5558', topic: 'kv' } }],
      healthPath: '/health',
    });
    expect(facts).toMatchObject({ blockTokens: 32, kvBlocks: 512 });
  });

  it('is its models, where it says nothing else', async () => {
    expect(await askEngine(linkOf({ '/v1/models': models }))).toMatchObject({
      engine: 'openai',
      version: '',
      blockTokens: null,
      kvBlocks: null,
      ranks: [],
      healthPath: '/v1/models',
    });
    await expect(askEngine(linkOf({}))).rejects.toThrow('404 /v1/models');
  });

  it('is each data-parallel rank, in order, with the port that was resolved', () => {
    const source = (port: number) => ({ endpoint: `tcp://*:${port}`, replay_endpoint: null, topic: '' });
    expect(eventRanks({ 10: source(5_567), 2: source(5_559) }, 'gpu')).toEqual([
      { rank: 2, events: { events: 'tcp://gpu:5559', replay: '', topic: '' } },
      { rank: 10, events: { events: 'tcp://gpu:5567', replay: '', topic: '' } },
    ]);
  });

  it('survives nonsense', async () => {
    expect(eventRanks({ 0: { endpoint: 7 }, x: { endpoint: 'tcp://a:1' }, 1: null }, 'h')).toEqual([]);
    expect(eventRanks([{ endpoint: 'tcp://a:1' }], 'h')).toEqual([]);
    expect(cacheFacts('vllm:cache_config_info{block_size="x",num_gpu_blocks="-1"} 1')).toEqual({
      blockTokens: null,
      kvBlocks: null,
    });
    expect((await askEngine(linkOf({ '/v1/models': { data: [null, 3, {}] } }))).models).toEqual([]);
  });
});
