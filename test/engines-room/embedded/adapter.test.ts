/** How the supervisor starts an embedded worker, and what it understands of its end. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { embeddedAdapter } from '../../../src/engines/embedded/adapter.js';
import { workerOptions } from '../../../src/engines/embedded/server/worker-options.js';
import type { Phase } from '../../../src/engines/types.js';
import type { Plan, WorkerPlan } from '../../../src/plan/types.js';
import { testModelPath } from './core/real-model.js';

const WORKER: WorkerPlan = {
  ...{ id: 'w0', engine: 'embedded', file: '', args: [], env: {}, host: '127.0.0.1', port: 8_101, gpus: [] },
  events: { events: 'ipc:///run/w0.ev', replay: 'ipc:///run/w0.rp', topic: 'kv@w0' },
  ...{ blockTokens: 64, kvBlocks: null, contextTokens: 4_096, slots: 3 },
};

function planOf(file: string, fields: Partial<Plan> = {}): Plan {
  return {
    ...{
      recipe: 'smollm2',
      title: '',
      variant: 'cpu',
      engine: 'embedded',
      servedModel: 'smollm2',
      aliases: ['small'],
    },
    model: { kind: 'gguf', name: 'smollm2', path: file, sha256: null },
    ...{ workers: [WORKER], contextTokens: 4_096, blockTokens: 64, reasons: [], notes: [], defaults: {} },
    ...fields,
  };
}

describe('the command', () => {
  it('is one the worker program understands', () => {
    const { file, args } = embeddedAdapter.command(planOf('/models/x.gguf'), WORKER);
    expect(file).toBe(process.execPath);
    expect(args[0]).toMatch(/engines\/embedded\/main\.js$/);
    expect(workerOptions(args.slice(1))).toEqual({
      modelPath: '/models/x.gguf',
      modelSha256: null,
      names: ['smollm2', 'small'],
      host: '127.0.0.1',
      port: 8_101,
      contextTokens: 4_096,
      slots: 3,
      events: WORKER.events,
      tiers: null,
    });
  });

  it('names the tiers and where the worker tells of its pages', () => {
    const tiers: Plan['tiers'] = [
      { name: 'cpu', bytesMax: 1, at: '/dev/shm/x' },
      { name: 'disk', bytesMax: 2, at: '/var/kv' },
      { name: 'remote', bytesMax: null, at: 's3://bucket' },
    ];
    const { args } = embeddedAdapter.command(
      planOf('/m.gguf', { tiers, pageReports: '/run/p.sock' }),
      WORKER,
    );
    expect(workerOptions(args.slice(1)).tiers).toEqual({
      cpuDir: '/dev/shm/x',
      diskDir: '/var/kv',
      remoteUrl: 's3://bucket',
      reports: '/run/p.sock',
      worker: WORKER.id,
    });
  });

  it('has no events when nobody listens', () => {
    const { args } = embeddedAdapter.command(planOf('/models/x.gguf'), { ...WORKER, events: null });
    expect(workerOptions(args.slice(1)).events).toBeNull();
  });
});

describe('preparing', () => {
  let dir: string;
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function copiedModel(): string {
    dir = mkdtempSync(path.join(os.tmpdir(), 'dynamo-adapter-'));
    const file = path.join(dir, 'model-Q4_1.gguf');
    copyFileSync(testModelPath(), file);
    return file;
  }

  it('leaves a file as it is unless the recipe asks, and gives its checksum to the workers', async () => {
    const plan = planOf(copiedModel(), { requantize: null });
    const prepared = await embeddedAdapter.prepare(plan, () => {});
    const options = workerOptions(embeddedAdapter.command(prepared, WORKER).args.slice(1));
    expect(options.modelPath).toBe(path.join(dir, 'model-Q4_1.gguf'));
    expect(options.modelSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('refuses a file that is not the one of the recipe', async () => {
    const file = copiedModel();
    const model = { kind: 'gguf', name: 'smollm2', path: file, sha256: '0'.repeat(64) } as const;
    await expect(embeddedAdapter.prepare(planOf(file, { model }), () => {})).rejects.toMatchObject({
      code: 'model_corrupt',
    });
  });

  it('does nothing for a model of a hub, which this engine does not load', async () => {
    dir = '';
    const model = { kind: 'hub', id: 'org/name', revision: 'main' } as const;
    const phases: Phase[] = [];
    const plan = planOf('', { model });
    expect(await embeddedAdapter.prepare(plan, (phase) => phases.push(phase))).toBe(plan);
    expect(phases).toEqual([]);
    expect(existsSync('org')).toBe(false);
  });
});

describe('what a worker says', () => {
  it.each([
    ['phase weights', { name: 'weights', progress: null }],
    ['phase ready http://127.0.0.1:1', { name: 'ready', progress: null }],
    ['something else', null],
  ])('%s', (line, phase) => {
    expect(embeddedAdapter.phaseOf(line)).toEqual(phase);
  });

  it('and its priorities are lower first', () => {
    expect([5, 0, -2].map(embeddedAdapter.enginePriority)).toEqual([-5, undefined, 2]);
  });
});

describe('an end', () => {
  const P = 'dynamo embedded worker: ';

  it.each<[string, { code: number | null; signal: string | null }, string[], string, boolean]>([
    ['by the kernel for memory', { code: null, signal: 'SIGKILL' }, [], 'out_of_memory', true],
    ['told by a shell', { code: 137, signal: null }, [], 'out_of_memory', true],
    [
      'by an allocation the library was refused',
      { code: 1, signal: null },
      ['ggml: failed to allocate buffer'],
      'out_of_memory',
      true,
    ],
    ['inside the library', { code: null, signal: 'SIGSEGV' }, ['last words'], 'crash', true],
    ['by the library itself', { code: null, signal: 'SIGABRT' }, ['GGML_ASSERT(x) failed'], 'crash', true],
    ['by a library fault on Windows', { code: 0xc0000005, signal: null }, [], 'crash', true],
    [
      'for a port in use',
      { code: 1, signal: null },
      [`${P}listen EADDRINUSE: 127.0.0.1:8101`],
      'port_in_use',
      true,
    ],
    [
      'for a model that is broken',
      { code: 1, signal: null },
      [`${P}The model file /m.gguf cannot be used: it is cut.`],
      'model_corrupt',
      false,
    ],
    [
      'for a model that is not there',
      { code: 1, signal: null },
      [`${P}The model file /m.gguf does not exist.`],
      'model_corrupt',
      false,
    ],
    [
      'for want of the library',
      { code: 1, signal: null },
      [`${P}The engine embedded is not available on this host: no package.`],
      'engine_missing',
      false,
    ],
    [
      'for an unknown flag',
      { code: 1, signal: null },
      [`${P}Unknown option '--speed'`],
      'unknown_flag',
      false,
    ],
    ['for no reason we know', { code: 1, signal: null }, [`${P}Error: odd`], 'crash', true],
  ])('%s', (_, exit, tail, code, isRetryable) => {
    const cause = embeddedAdapter.classify(exit, tail);
    expect(cause).toMatchObject({ code, isRetryable });
    expect(cause.message.length * cause.remedy.length).toBeGreaterThan(0);
    expect(cause.message).not.toContain(P);
  });

  it('repeats what the worker said of it', () => {
    const tail = [`${P}The model file /m.gguf cannot be used: it is cut.`, 'Give a whole GGUF file.'];
    expect(embeddedAdapter.classify({ code: 1, signal: null }, tail).message).toBe(
      'The model file /m.gguf cannot be used: it is cut.',
    );
  });
});
